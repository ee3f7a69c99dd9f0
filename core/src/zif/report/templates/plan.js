"use strict";
// Drawing, search and folding. Every figure and sentence is in the tables already: this only shows them otherwise.
const data = JSON.parse(document.getElementById("data").textContent);
const byId = id => document.getElementById(id);
const W = 150, H = 34, GX = 14, GY = 20; // a unit's box and the gaps between boxes, at full size
const [NAME, OP, SEGMENT, ROW, COLUMN, LOCAL_ROW, LOCAL_COLUMN] = [0, 1, 2, 3, 4, 5, 6];
const rowOf = index => byId("u" + index);
let hits = new Set(), chosen = -1;
const views = [];
// Only what is in sight is laid out and painted: hundreds of canvases would not fit into memory.
const watcher = new IntersectionObserver(entries => entries.forEach(({target, isIntersecting}) => {
  const view = views.find(one => one.frame === target);
  if (view) view.seen(isIntersecting);
  else if (isIntersecting) { watcher.unobserve(target); target.dispatchEvent(new Event("insight")); }
}), {rootMargin: "300px"});

// Layers go down; where that would be too long a strip, it is folded into columns beside each other like newsprint.
function layout(members, local, width, height) {
  const lines = [];
  for (const i of members) {
    const unit = data.units[i], row = unit[local ? LOCAL_ROW : ROW];
    (lines[row] = lines[row] || []).push([i, unit[local ? LOCAL_COLUMN : COLUMN]]);
  }
  const full = lines.filter(line => line), count = full.length;
  let best = null;
  for (let columns = 1; columns <= Math.min(count, 200) && !(best && best.scale > 0.7); columns++) {
    const per = Math.ceil(count / columns), spans = [];
    for (let c = 0; c * per < count; c++) {
      let left = 0, right = 0;
      for (const line of full.slice(c * per, (c + 1) * per)) for (const [, x] of line) { left = Math.min(left, x); right = Math.max(right, x); }
      spans.push([left, right - left + 1]);
    }
    const wide = spans.reduce((sum, [, span]) => sum + span * (W + GX) + GX, 0), tall = per * (H + GY) + GY;
    const scale = Math.min(width / wide, height / tall, 1);
    if (best === null || scale > best.scale * 1.02) best = {scale, per, spans, wide, tall};
  }
  const places = new Map();
  let offset = GX;
  best.spans.forEach(([left, span], c) => {
    full.slice(c * best.per, (c + 1) * best.per).forEach((line, r) => {
      for (const [i, x] of line) places.set(i, [offset + (x - left) * (W + GX), GY / 2 + r * (H + GY)]);
    });
    offset += span * (W + GX) + GX;
  });
  return {...best, places};
}

class View {
  constructor(place, members, local) {
    this.members = members;
    this.place = place;
    place.textContent = "";
    const tools = document.createElement("p");
    tools.className = "tools noprint";
    for (const [text, label, factor] of [["+", "Larger", 1.5], ["−", "Smaller", 1 / 1.5], ["Fit", "The whole drawing", 0]]) {
      const button = document.createElement("button");
      button.textContent = text;
      button.title = label;
      button.setAttribute("aria-label", label);
      button.addEventListener("click", () => this.zoom(factor));
      tools.appendChild(button);
    }
    this.frame = document.createElement("div");
    this.frame.className = "view";
    this.frame.tabIndex = 0;
    this.space = document.createElement("div");
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", `${members.length} units and what flows between them; the tables list them all`);
    this.space.appendChild(this.canvas);
    this.frame.appendChild(this.space);
    place.append(tools, this.frame);
    this.width = Math.max(this.frame.clientWidth, 200);
    this.plan = layout(members, local, this.width - 18, 440);
    this.own = new Set(members);
    this.edges = data.edges.filter(([a, b]) => this.own.has(a) && this.own.has(b));
    this.fit = Math.max(this.plan.scale, 0.03);
    this.frame.addEventListener("scroll", () => this.draw());
    this.canvas.addEventListener("click", event => this.click(event));
    this.canvas.addEventListener("mousemove", event => { const i = this.at(event); this.canvas.title = i < 0 ? "" : `${data.units[i][NAME]} (${data.units[i][OP]})`; });
    this.visible = false;
    this.zoom(0);
    views.push(this);
    watcher.observe(this.frame);
  }
  zoom(factor) {
    const old = this.scale || this.fit, {scrollLeft, scrollTop, clientWidth, clientHeight} = this.frame;
    this.scale = factor ? Math.min(Math.max(old * factor, this.fit / 2), 2) : this.fit;
    const ratio = this.scale / old;
    this.space.style.width = this.plan.wide * this.scale + "px";
    this.space.style.height = this.plan.tall * this.scale + "px";
    this.frame.style.height = Math.min(460, this.plan.tall * this.scale + 18) + "px";
    this.frame.scrollTo((scrollLeft + clientWidth / 2) * ratio - clientWidth / 2, (scrollTop + clientHeight / 2) * ratio - clientHeight / 2);
    this.draw();
  }
  seen(visible) {
    this.visible = visible;
    if (visible) this.draw();
    else this.canvas.width = this.canvas.height = 0;
  }
  show(index) { // brings a unit into view, large enough to read
    const spot = this.plan.places.get(index);
    if (!spot) return;
    this.scale = Math.max(this.scale, 0.5);
    this.zoom(1);
    this.frame.scrollTo(spot[0] * this.scale - this.frame.clientWidth / 2, spot[1] * this.scale - this.frame.clientHeight / 2);
    this.draw();
  }
  draw() {
    if (!this.visible) return;
    const style = getComputedStyle(document.documentElement), colour = name => style.getPropertyValue(name).trim();
    const ratio = devicePixelRatio || 1, width = this.frame.clientWidth, height = this.frame.clientHeight, s = this.scale;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    this.canvas.style.width = width + "px";
    this.canvas.style.height = height + "px";
    const pen = this.canvas.getContext("2d");
    pen.setTransform(ratio * s, 0, 0, ratio * s, -this.frame.scrollLeft * ratio, -this.frame.scrollTop * ratio);
    const left = this.frame.scrollLeft / s - W, top = this.frame.scrollTop / s - H, right = left + width / s + W, bottom = top + height / s + H;
    const seen = ([x, y]) => x >= left && x <= right && y >= top && y <= bottom;
    pen.strokeStyle = colour("--mid");
    pen.lineWidth = Math.max(1, 0.5 / s);
    pen.beginPath();
    for (const [a, b] of this.edges) {
      const p = this.plan.places.get(a), q = this.plan.places.get(b);
      if (!seen(p) && !seen(q)) continue;
      pen.moveTo(p[0] + W / 2, p[1] + H);
      pen.lineTo(q[0] + W / 2, q[1]);
    }
    pen.globalAlpha = Math.min(1, s * 3); // a thousand lines would hide what they connect
    pen.stroke();
    pen.globalAlpha = 1;
    pen.font = "13px system-ui, sans-serif";
    pen.textAlign = "center";
    for (const i of this.members) {
      const spot = this.plan.places.get(i);
      if (!seen(spot)) continue;
      const faded = hits.size > 0 && !hits.has(i);
      pen.globalAlpha = faded ? 0.25 : 1;
      pen.fillStyle = data.colours[data.segments[data.units[i][SEGMENT]]];
      // A box that is less than a pixel high would not be seen.
      const tall = Math.max(H, 1.5 / s);
      pen.fillRect(spot[0], spot[1], W, tall);
      if (i === chosen || (hits.has(i) && hits.size < this.members.length)) {
        pen.strokeStyle = i === chosen ? colour("--ink") : colour("--edge");
        pen.lineWidth = Math.max(3, 2 / s);
        pen.strokeRect(spot[0], spot[1], W, tall);
      }
      if (s >= 0.45) {
        const op = data.units[i][OP];
        pen.fillStyle = "#fff";
        pen.fillText(op.length > 19 ? op.slice(0, 18) + "…" : op, spot[0] + W / 2, spot[1] + 22);
      }
      pen.globalAlpha = 1;
    }
  }
  at(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = (event.clientX - box.left + this.frame.scrollLeft) / this.scale, y = (event.clientY - box.top + this.frame.scrollTop) / this.scale;
    for (const [i, [left, top]] of this.plan.places) if (x >= left && x <= left + W && y >= top && y <= top + H + GY / 2) return i;
    return -1;
  }
  click(event) {
    const index = this.at(event);
    if (index >= 0) choose(index, this.place);
  }
}

// One unit with every backend's verdict, out of its row, under the drawing in which it was clicked.
function choose(index, place) {
  chosen = index;
  const unit = data.units[index], row = rowOf(index), panel = byId("unit") || document.createElement("div");
  panel.id = "unit";
  panel.textContent = "";
  panel.setAttribute("aria-live", "polite");
  const box = document.createElement("div"), title = document.createElement("h3"), link = document.createElement("a"), wide = document.createElement("div");
  title.textContent = `${unit[NAME]} (${unit[OP]}), segment ${unit[SEGMENT]} `;
  link.href = "#u" + index;
  link.textContent = "in the table";
  link.addEventListener("click", event => { event.preventDefault(); reveal(index); });
  title.appendChild(link);
  wide.className = "scroll";
  const table = document.createElement("table"), head = row.closest("table").tHead.rows[0];
  for (let cell = 4; cell < row.cells.length; cell++) {
    const line = table.insertRow();
    line.insertCell().append(...head.cells[cell].cloneNode(true).childNodes);
    line.append(row.cells[cell].cloneNode(true));
  }
  wide.appendChild(table);
  box.append(title, wide);
  panel.appendChild(box);
  place.appendChild(panel);
  views.forEach(view => view.draw());
}

function reveal(index) {
  const row = rowOf(index);
  row.closest("details").open = true;
  document.querySelectorAll("tr.hit").forEach(other => other.classList.remove("hit"));
  row.classList.remove("gone");
  row.classList.add("hit");
  row.scrollIntoView({block: "center"});
}

// An open segment is drawn once it comes into sight.
const folded = [...document.querySelectorAll("details.segment")];
folded.forEach(details => {
  const place = details.querySelector(".graph"), number = +details.dataset.segment;
  place.addEventListener("insight", () => new View(place, data.units.flatMap((unit, i) => unit[SEGMENT] === number ? [i] : []), true));
  watcher.observe(place);
});

const whole = byId("whole"), blocks = byId("blocks"), drawing = byId("drawing"), every = byId("every");
function show(all) {
  drawing.hidden = all;
  every.hidden = !all;
  whole.setAttribute("aria-pressed", all);
  blocks.setAttribute("aria-pressed", !all);
  if (all && !every.firstChild) new View(every, data.units.map((_, i) => i), false);
}
whole.addEventListener("click", () => show(true));
blocks.addEventListener("click", () => show(false));
byId("open").addEventListener("click", () => folded.forEach(d => { d.open = true; }));
byId("close").addEventListener("click", () => folded.forEach(d => { d.open = false; }));
document.querySelectorAll("[hidden].script").forEach(e => { e.hidden = false; });

let texts = null, timer;
function search() {
  const words = byId("search").value.trim().toLowerCase();
  texts = texts || data.units.map((_, i) => rowOf(i).textContent.toLowerCase());
  hits = new Set();
  if (words) texts.forEach((text, i) => { if (text.includes(words)) hits.add(i); });
  const open = new Set([...hits].map(i => data.units[i][SEGMENT]));
  data.units.forEach((_, i) => {
    rowOf(i).classList.remove("hit");
    rowOf(i).classList.toggle("gone", words !== "" && !hits.has(i));
  });
  // Few segments with results unfold; many are only listed.
  folded.forEach(details => {
    const inside = open.has(+details.dataset.segment);
    if (words) details.open = inside && open.size <= 20;
    details.classList.toggle("gone", words !== "" && !inside);
  });
  document.querySelectorAll("#drawing a").forEach(box => box.classList.toggle("faded", words !== "" && !open.has(+box.dataset.segment)));
  const parts = open.size > 1 ? ` in ${open.size} segments` : "";
  byId("found").textContent = words ? (hits.size === 1 ? "1 unit" : `${hits.size} units${parts}`) : "";
  views.forEach(view => view.draw());
  if (hits.size === 1 && !every.hidden) views.find(view => view.place === every).show([...hits][0]);
}
byId("search").addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(search, 120); });
addEventListener("keydown", event => {
  if (event.key === "/" && document.activeElement.tagName !== "INPUT") { event.preventDefault(); byId("search").focus(); }
  if (event.key === "Escape" && document.activeElement === byId("search")) { byId("search").value = ""; search(); }
});

// A link to a segment or a unit opens what it leads to; so does the address with which the page was opened.
function follow() {
  const goal = location.hash.length > 1 && byId(decodeURIComponent(location.hash.slice(1)));
  if (!goal) return;
  if (goal.tagName === "DETAILS") { goal.open = true; goal.classList.remove("gone"); }
  else if (goal.tagName === "TR") reveal(+goal.id.slice(1));
}
addEventListener("hashchange", follow);
addEventListener("resize", () => views.forEach(view => view.draw()));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => views.forEach(view => view.draw()));
follow();
