// The table of nodes finds by every word in a row, and shows only what it found.
const nodeRows = [...document.querySelectorAll("#node-rows tbody tr")], nodeTexts = nodeRows.map(row => row.textContent.toLowerCase());
byId("find-node").addEventListener("input", () => {
  const words = byId("find-node").value.trim().toLowerCase().split(/\s+/).filter(word => word);
  let count = 0;
  nodeRows.forEach((row, i) => {
    const shown = words.every(word => nodeTexts[i].includes(word));
    row.classList.toggle("gone", !shown);
    count += shown;
  });
  byId("found-nodes").textContent = words.length ? (count === 1 ? "1 row" : `${count} rows`) : "";
});
