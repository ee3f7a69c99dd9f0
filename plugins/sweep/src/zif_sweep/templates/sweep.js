"use strict";
// A figure: its name, the unit of its cells, how a cell gives it, how it is written, and whether less is better.
const brief = value => value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toPrecision(2);
const duration = us => us >= 1e6 ? `${brief(us / 1e6)} s` : us >= 1e3 ? `${brief(us / 1e3)} ms` : `${brief(us)} µs`;
const bytes = count => count >= 1048576 ? `${brief(count / 1048576)} MiB` : `${brief(count / 1024)} KiB`;
const percent = share => `${(100 * share).toFixed(share > 0.995 || share < 0.005 ? 0 : 1)}%`;
const FIGURES = {
  latency: {text: "latency, measured or predicted", unit: "ms", of: c => c.measured_us ?? c.latency_us,
    cell: us => brief(us / 1000), told: duration, less: true, log: true},
  predicted: {text: "predicted latency", unit: "ms", of: c => c.latency_us, cell: us => brief(us / 1000), told: duration,
    less: true, log: true},
  measured: {text: "measured latency", unit: "ms", of: c => c.measured_us, cell: us => brief(us / 1000), told: duration,
    less: true, log: true},
  energy: {text: "predicted energy", unit: "mJ", of: c => c.energy_uj, cell: uj => brief(uj / 1000),
    told: uj => `${brief(uj / 1000)} mJ`, less: true, log: true},
  coverage: {text: "share on accelerators", unit: "%", of: c => c.coverage, cell: share => (100 * share).toFixed(0),
    told: percent, less: false},
  accuracy: {text: "accuracy", unit: "the user's", of: c => c.accuracy, cell: value => value.toPrecision(3),
    told: value => value.toPrecision(4), less: false},
  sqnr: {text: "agreement with the judge", unit: "dB", of: c => c.sqnr_db, cell: db => db.toFixed(0),
    told: db => `${db.toFixed(1)} dB`, less: false},
  size: {text: "size of the bundle", unit: "MiB", of: c => c.bytes, cell: count => brief(count / 1048576), told: bytes,
    less: true, log: true},
  failures: {text: "failures", unit: "✕", of: c => c.failed ? 1 : 0, cell: () => "", told: failed => failed ? "yes" : "no",
    less: true},
};
const $ = id => document.getElementById(id);
const make = (tag, text, name) => {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  return made;
};
const cellAt = (cells, m, t, p) => cells ? cells[`${m}|${t}|${p}`] : undefined;

// Blue is good, orange is bad, with black text on every shade of both.
const mix = (a, b, t) => a.map((from, i) => Math.round(from + (b[i] - from) * t));
const GOOD = [158, 205, 245], MIDDLE = [247, 244, 232], BAD = [247, 170, 110];
const shade = t => `rgb(${(t < 0.5 ? mix(GOOD, MIDDLE, 2 * t) : mix(MIDDLE, BAD, 2 * t - 1)).join(",")})`;

const state = {figure: "latency", view: "new", precision: "", within: false, search: ""};
const present = name => Object.values(data.cells).some(cell => FIGURES[name].of(cell) !== undefined);

function valueOf(m, t, p) {
  const figure = FIGURES[state.figure];
  const now = cellAt(data.cells, m, t, p), then = cellAt(data.old, m, t, p);
  if (state.view === "old") return then && figure.of(then);
  if (state.view === "new" || !data.old) return now && figure.of(now);
  const [a, b] = [then && figure.of(then), now && figure.of(now)];
  if (a === undefined || b === undefined) return undefined;
  return figure.log ? (a ? b / a - 1 : 0) : b - a;
}
function written(value) {
  const figure = FIGURES[state.figure];
  if (state.view !== "change") return figure.cell(value);
  if (figure.log) return `${value >= 0 ? "+" : "−"}${Math.abs(100 * value).toFixed(Math.abs(value) < 0.0995 ? 1 : 0)}`;
  const scale = state.figure === "coverage" ? 100 : 1;
  return `${value >= 0 ? "+" : "−"}${Math.abs(scale * value).toPrecision(2)}`;
}
function ranged(values) {
  const log = FIGURES[state.figure].log && state.view !== "change";
  const known = values.filter(value => value !== undefined).map(value => log ? Math.log(Math.max(value, 1e-9)) : value);
  const low = known.reduce((a, b) => Math.min(a, b), Infinity), high = known.reduce((a, b) => Math.max(a, b), -Infinity);
  return value => {
    if (state.view === "change") {
      const most = Math.max(Math.abs(low), Math.abs(high), 1e-9), t = 0.5 + value / most / 2;
      return FIGURES[state.figure].less ? t : 1 - t;
    }
    const t = high > low ? ((log ? Math.log(Math.max(value, 1e-9)) : value) - low) / (high - low) : 0;
    return FIGURES[state.figure].less ? t : 1 - t;
  };
}
function shownPrecisions() {
  return state.precision ? [state.precision] : data.precisions;
}
function shownModels() {
  const word = state.search.toLowerCase();
  return data.models.map((name, m) => m).filter(m => data.models[m].toLowerCase().includes(word));
}
function draw() {
  const precisions = shownPrecisions(), models = shownModels(), table = $("matrix");
  const values = m => data.targets.flatMap((_, t) => precisions.map(p => valueOf(m, t, p)));
  const over = ranged(models.flatMap(values));
  table.replaceChildren();
  const head = table.createTHead().insertRow();
  head.append(make("th"));
  for (const name of data.targets) {
    const cell = make("th");
    cell.title = name;
    cell.append(make("span", name));
    head.append(cell);
  }
  const body = table.createTBody();
  for (const m of models) {
    const row = body.insertRow(), scale = state.within ? ranged(values(m)) : over;
    row.append(rowHead(data.models[m], precisions));
    data.targets.forEach((_, t) => {
      const cell = row.insertCell();
      for (const p of precisions) cell.append(button(m, t, p, scale));
    });
  }
  legend(over, models.flatMap(values));
  $("size").textContent = `${models.length} models × ${data.targets.length} chips × ${precisions.length} precisions`;
}
function rowHead(name, precisions) {
  const head = make("th"), line = make("div", undefined, "model"), words = make("span", undefined, "words");
  line.append(make("span", name));
  if (precisions.length > 1) for (const word of precisions) words.append(make("span", word));
  line.append(words);
  head.append(line);
  head.title = name;
  return head;
}
function button(m, t, p, scale) {
  const made = make("button"), cells = state.view === "old" ? data.old : data.cells, cell = cellAt(cells, m, t, p);
  const value = valueOf(m, t, p);
  made.type = "button";
  made.dataset.at = `${m}|${t}|${p}`;
  made.title = `${data.models[m]} on ${data.targets[t]} in ${p}`;
  if (cell && cell.failed) {
    made.className = "failed";
    made.textContent = "✕";
    made.title += `: ${cell.failed}`;
  } else if (value === undefined) {
    made.className = "none";
    made.textContent = cell ? "–" : "";
  } else {
    made.textContent = written(value);
    made.style.background = shade(scale(value));
    made.title += `: ${state.view === "change" ? written(value) : FIGURES[state.figure].told(value)}`;
  }
  return made;
}
function legend(over, values) {
  const figure = FIGURES[state.figure], known = values.filter(value => value !== undefined), place = $("legend");
  place.replaceChildren();
  if (known.length) {
    const low = known.reduce((a, b) => Math.min(a, b)), high = known.reduce((a, b) => Math.max(a, b));
    const [best, worst] = figure.less ? [low, high] : [high, low], bar = make("i");
    const steps = [0, 0.25, 0.5, 0.75, 1].map(shade);
    bar.style.background = `linear-gradient(to right, ${steps.join(",")})`;
    const told = value => state.view === "change" ? written(value) : figure.told(value);
    place.append(make("span", `${told(best)} (best)`), bar, make("span", `${told(worst)} (worst)`));
  }
  const unit = state.view === "change" && figure.log ? "% of before" : figure.unit;
  place.append(make("span", `cells in ${unit};`), make("b", "✕", "failed"), make("span", "failed; – not asked"));
}
// The panel: what is known of a model on a chip, precision by precision.
function open(m, t) {
  const panel = $("detail");
  panel.replaceChildren();
  const close = make("button", "×", "close");
  close.type = "button";
  close.setAttribute("aria-label", "close");
  close.onclick = () => { panel.hidden = true; };
  panel.append(close, make("h2", `${data.models[m]} on ${data.targets[t]}`));
  for (const p of data.precisions) {
    const now = cellAt(data.cells, m, t, p), then = cellAt(data.old, m, t, p);
    if (now || then) panel.append(...precision(p, now || {stages: []}, then));
  }
  const how = make("p", "The whole plan: ");
  how.append(make("code", `zif plan MODEL --target ${data.targets[t]} --html plan.html`));
  panel.append(how);
  panel.hidden = false;
  panel.scrollTop = 0;
}
function precision(word, now, then) {
  const parts = [make("h3", word + (now.made ? ` (${now.made})` : ""))], figures = make("table");
  for (const [name, figure] of Object.entries(FIGURES)) {
    if (name === "failures" || name === "latency") continue;
    const values = [then, now].filter(Boolean).map(cell => figure.of(cell));
    if (values.some(value => value !== undefined)) {
      const row = figures.insertRow();
      row.append(make("th", figure.text));
      for (const value of values) row.append(make("td", value === undefined ? "–" : figure.told(value)));
    }
  }
  for (const one of now.stages) {
    const row = figures.insertRow();
    row.append(make("th", one.stage), make("td", `${one.state} in ${one.seconds.toFixed(1)} s`));
    if (one.reason) row.append(make("td", one.reason, "reason"));
  }
  parts.push(figures);
  if (now.parts) {
    parts.push(listing(["runs on", "units", "time", "operators"],
      now.parts.map(([name, label, units, us, ops]) => [label ? `${name} (${label})` : name, units, duration(us), ops])));
    if (now.segments > now.parts.length) parts.push(make("p", `… and ${now.segments - now.parts.length} more segments`));
  }
  if (now.refusals && now.refusals.length)
    parts.push(listing(["not on", "units", "code", "why"], now.refusals.map(([name, code, why, units]) => [name, units, code, why])));
  return parts;
}
function listing(columns, rows) {
  const table = make("table"), head = table.createTHead().insertRow(), body = table.createTBody();
  for (const name of columns) head.append(make("th", name));
  for (const cells of rows) {
    const row = body.insertRow();
    for (const text of cells) row.append(make("td", String(text)));
  }
  return table;
}
function choices(select, rows, chosen) {
  for (const [value, text] of rows) {
    const made = make("option", text);
    made.value = value;
    made.selected = value === chosen;
    select.append(made);
  }
}
choices($("figure"), Object.entries(FIGURES).filter(([name]) => present(name)).map(([name, one]) => [name, one.text]), "latency");
choices($("precision"), [["", "every precision"], ...data.precisions.map(word => [word, word])], "");
if (!present("latency")) state.figure = $("figure").value;
$("views").hidden = !data.old;
if (data.old) state.view = $("view").value = "change";
$("controls").onsubmit = event => event.preventDefault();
for (const name of ["figure", "view", "precision"]) $(name).onchange = event => { state[name] = event.target.value; draw(); };
$("within").onchange = event => { state.within = event.target.checked; draw(); };
$("search").oninput = event => { state.search = event.target.value; draw(); };
$("matrix").onclick = event => {
  const at = event.target.dataset.at;
  if (at) open(...at.split("|").map(Number).slice(0, 2));
};
document.onkeydown = event => { if (event.key === "Escape") $("detail").hidden = true; };
draw();
