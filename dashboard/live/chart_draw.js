// Draws the part of plotly's figure spec that dashboard/figures.py writes, in pixels, into SVG nodes that stay.
const SVG = "http://www.w3.org/2000/svg";
const TEXT = 12, SMALL = 10; // px
const EDGE = { top: 8, right: 14, ticks: 22, title: 17, least: 40 }; // px around the plot
const THICKEST = 24, ROUND = 3; // px of a bar and its outer corners
const DASHES = { dash: "4 3", dot: "2 4" };
const known = new WeakMap(); // what each node was given
const widths = new Map(); // of texts, by font
const pen = document.createElement("canvas").getContext("2d");

// Children are only ever added: a node that has nothing to draw is empty, and is there for the next drawing.
function add(parent, kind, name = "") {
  const node = document.createElementNS(SVG, kind);
  if (name) node.setAttribute("class", name);
  return parent.appendChild(node);
}

const child = (group, i, kind) => group.children[i] ?? add(group, kind);

// Writes only what differs: an attribute that is set again is parsed and painted again.
function put(node, given) {
  if (!known.has(node)) known.set(node, {});
  const had = known.get(node);
  for (const name of Object.keys(given)) {
    if (had[name] === given[name]) continue;
    had[name] = given[name];
    if (name === "text") node.textContent = given[name];
    else node.setAttribute(name, given[name]);
  }
}

function blank(group, from, empty) {
  for (let i = from; i < group.children.length; i += 1) put(group.children[i], empty);
}

function write(group, texts) {
  texts.forEach((given, i) => put(child(group, i, "text"), given));
  blank(group, texts.length, { text: "" });
}

// The room that a text takes. A canvas knows it without a layout of the page.
function widthOf(text, family, size = TEXT) {
  const key = `${size} ${family} ${text}`;
  if (!widths.has(key)) {
    if (widths.size > 2000) widths.clear();
    pen.font = `${size}px ${family}`;
    widths.set(key, pen.measureText(text).width);
  }
  return widths.get(key);
}

// A text that fits, without its middle: what tells layers apart is at both ends of their names.
function fitted(text, room, family, size) {
  for (let kept = text.length; kept > 2; kept -= 1) {
    const start = Math.ceil(kept / 2);
    const short = kept === text.length ? text : `${text.slice(0, start)}…${text.slice(start - kept)}`;
    if (widthOf(short, family, size) <= room) return short;
  }
  return text.slice(0, 1);
}

function grouped(digits) {
  const [whole, part] = digits.replace("-", "−").split(".");
  const commas = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return part === undefined ? commas : `${commas}.${part}`;
}

function tickText(value, step) {
  if (Math.abs(value) < step / 1e6) return "0";
  if (step < 1e-5) return String(Number(value.toPrecision(3))).replaceAll("-", "−");
  const [size, unit] = step >= 1e9 ? [1e9, " G"] : step >= 1e6 ? [1e6, " M"] : [1, ""];
  return grouped((value / size).toFixed(Math.max(0, -Math.floor(Math.log10(step / size) + 1e-9)))) + unit;
}

function niceTicks(low, high, most) {
  const least = (high - low) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(least));
  const step = power * [1, 2, 5, 10].find((each) => each * power >= least * (1 - 1e-9));
  const first = Math.ceil(low / step - 1e-9);
  const many = Math.max(0, Math.floor(high / step + 1e-9) - first + 1);
  return Array.from({ length: many }, (_, i) => ({ value: (first + i) * step, step }));
}

const specOf = (layout, name) => layout[`${name[0]}axis${name.slice(1)}`] ?? {};
const on = (trace, name) => (trace[`${name[0]}axis`] ?? name[0]) === name;
const valuesOf = (figure, name) => figure.data.filter((t) => on(t, name)).flatMap((t) => t[name[0]] ?? []);

// Where an axis begins and ends, in its own units: exponents where it is logarithmic, positions where categories.
function axisOf(figure, name, zoom) {
  const spec = specOf(figure.layout, name);
  const axis = { name, spec, log: spec.type === "log", names: null, zoomed: Boolean(zoom), gain: 0, start: 0, from: 0 };
  if (spec.type === "category") {
    axis.names = new Map([...new Set(valuesOf(figure, name))].filter((v) => v !== null).map((v, i) => [v, i]));
  }
  const [low, high] = zoom ?? spec.range ?? (axis.names ? [-0.5, axis.names.size - 0.5] : reach(figure, axis));
  return Object.assign(axis, { low, high });
}

function reach(figure, axis) {
  const values = valuesOf(figure, axis.name).map((v) => unitOf(axis, v)).filter(Number.isFinite);
  return values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
}

// The axis from one pixel to another.
function lay(axis, from, to) {
  const [first, last] = axis.spec.autorange === "reversed" ? [axis.high, axis.low] : [axis.low, axis.high];
  return Object.assign(axis, { from, to, start: first, gain: (to - from) / (last - first || 1) });
}

function unitOf(axis, value) {
  if (value === null || value === undefined) return NaN;
  return axis.names ? (axis.names.get(value) ?? NaN) : axis.log ? Math.log10(value) : value;
}

const place = (axis, value) => axis.from + (unitOf(axis, value) - axis.start) * axis.gain;
const unitAt = (axis, pixel) => axis.start + (pixel - axis.from) / axis.gain;
const inside = (axis, value) => {
  const unit = unitOf(axis, value), slack = 1e-6 * (axis.high - axis.low);
  return unit >= axis.low - slack && unit <= axis.high + slack;
};

// Ticks as [{value, text}]: given ones, categories, or round numbers.
function ticksOf(axis, most) {
  const { tickvals, ticktext, nticks = 6 } = axis.spec;
  if (axis.names) return [...axis.names.keys()].map((value) => ({ value, text: value }));
  const known = (tickvals ?? []).map((value, i) => ({ value, text: ticktext?.[i] ?? tickText(value, 1) }));
  const given = known.filter(({ value }) => inside(axis, value));
  if (tickvals && (given.length > 1 || !axis.zoomed)) return given;
  const [low, high] = axis.log ? [10 ** axis.low, 10 ** axis.high] : [axis.low, axis.high];
  const nice = niceTicks(low, high, Math.min(nticks, most));
  return nice.map(({ value, step }) => ({ value, text: likeNearest(known, value, step) }));
}

// A tick that only a zoom shows, in the words of the nearest one that was given: 2.05 MB beside 2 MB.
function likeNearest(given, value, step) {
  if (!given.length) return tickText(value, step);
  const near = given.reduce((a, b) => (Math.abs(b.value - value) < Math.abs(a.value - value) ? b : a));
  const [, number, unit] = /^([\d.,]+)(.*)$/.exec(near.text) ?? ["", "1", ""];
  const times = Number(number.replaceAll(",", "")) / near.value || 1;
  return tickText(value * times, step * times) + unit;
}

// Every second label, or third, … until none touches the next.
function thinned(ticks, axis, gap, room) {
  for (let stride = 1; stride < ticks.length; stride += 1) {
    const kept = ticks.filter((_, i) => i % stride === 0);
    const near = (a, b) => Math.abs(place(axis, a.value) - place(axis, b.value)) < (room(a) + room(b)) / 2 + gap;
    if (!kept.some((tick, i) => i > 0 && near(kept[i - 1], tick))) return kept;
  }
  return ticks.slice(0, 1);
}

function stroke({ color, width = 2, dash = "solid" } = {}) {
  return `fill:none;stroke:${color};stroke-width:${width};stroke-dasharray:${DASHES[dash] ?? "none"}`;
}

const r = (pixel) => Math.round(pixel * 10) / 10;

// Runs of points without a gap, as [[x, y], …] in pixels.
function runs(trace, x, y) {
  const found = [[]];
  for (let i = 0; i < trace.x.length; i += 1) {
    const px = place(x, trace.x[i]), py = place(y, trace.y[i]);
    if (Number.isFinite(px) && Number.isFinite(py)) found.at(-1).push(`${r(px)},${r(py)}`);
    else if (found.at(-1).length) found.push([]);
  }
  return found.filter((run) => run.length);
}

const linePath = (parts) => parts.map((run) => `M${run.join("L")}`).join("");

function areaPath(parts, zero) {
  const foot = (point) => `${point.slice(0, point.indexOf(","))},${r(zero)}`;
  return parts.map((run) => `M${foot(run[0])}L${run.join("L")}L${foot(run.at(-1))}Z`).join("");
}

function dotsPath(trace, x, y, size) {
  const arc = `a${size / 2},${size / 2} 0 1,0`;
  let path = "";
  for (let i = 0; i < trace.x.length; i += 1) {
    if (!inside(x, trace.x[i]) || !inside(y, trace.y[i])) continue;
    path += `M${r(place(x, trace.x[i]) - size / 2)},${r(place(y, trace.y[i]))}${arc} ${size},0${arc} ${-size},0`;
  }
  return path;
}

function errorPath(trace, x, y) {
  const { array, arrayminus = array } = trace.error_y;
  const ends = (i) => [arrayminus[i], -array[i]].map((away) => r(place(y, trace.y[i] - away)));
  return trace.x.map((value, i) => (inside(x, value) ? `M${r(place(x, value))},${ends(i).join("V")}` : "")).join("");
}

const shownMarkers = ({ mode = "lines", marker = {} }) => mode.includes("markers") && (marker.opacity ?? 1) > 0;

function drawScatter(slot, trace, { x, y, bottom }) {
  const { mode = "lines", fill, marker = {}, line = {}, error_y } = trace;
  const parts = mode.includes("lines") ? runs(trace, x, y) : [];
  const zero = y.log ? bottom : place(y, 0);
  put(slot.area, { d: fill === "tozeroy" ? areaPath(parts, zero) : "", style: `fill:${trace.fillcolor}` });
  put(slot.line, { d: linePath(parts), style: stroke(line) });
  const { color, thickness: width } = error_y ?? {};
  put(slot.error, { d: error_y ? errorPath(trace, x, y) : "", style: stroke({ color, width }) });
  const rim = marker.line ?? {};
  const style = `fill:${marker.color};stroke:${rim.color ?? "none"};stroke-width:${rim.width ?? 0};opacity:${marker.opacity ?? 1}`;
  put(slot.marks, { d: shownMarkers(trace) ? dotsPath(trace, x, y, marker.size ?? 6) : "", style });
}

function drawBars(slot, trace, { boxes }) {
  for (const empty of [slot.area, slot.error, slot.marks]) put(empty, { d: "" });
  put(slot.line, { d: boxes.map(boxPath).join(""), style: `fill:${trace.marker.color};stroke:none` });
}

// The outer corners of a stack are round.
function boxPath({ left, right, top, bottom, first, last }) {
  const round = Math.min(ROUND, (bottom - top) / 3, right - left);
  const [a, b] = [first ? round : 0, last ? round : 0].map(r);
  const corner = (size, dx, dy) => (size ? `a${size},${size} 0 0,1 ${dx * size},${dy * size}` : "");
  const [h, v] = [(size) => r(size), (from, size) => r(from + size)];
  return (
    `M${v(left, a)},${h(top)}H${v(right, -b)}${corner(b, 1, 1)}V${v(bottom, -b)}${corner(b, -1, 1)}` +
    `H${v(left, a)}${corner(a, -1, -1)}V${v(top, a)}${corner(a, 1, -1)}Z`
  );
}

// Where each bar lies: [box, …] by trace, one trace stacked on the other.
function stacked(figure, axes) {
  const ends = new Map(), totals = new Map();
  const bars = [...figure.data.entries()].filter(([, trace]) => trace.type === "bar");
  for (const [, trace] of bars) trace.y.forEach((name, i) => totals.set(name, (totals.get(name) ?? 0) + trace.x[i]));
  return new Map(bars.map(([curve, trace]) => [curve, boxesOf(trace, axes, { ends, totals, gap: figure.layout.bargap ?? 0.2 })]));
}

function boxesOf(trace, axes, { ends, totals, gap }) {
  const x = axes[trace.xaxis ?? "x"], y = axes[trace.yaxis ?? "y"];
  const half = Math.min(THICKEST, Math.abs(y.gain) * (1 - gap)) / 2;
  const boxes = trace.y.map((name, point) => {
    const start = ends.get(name) ?? 0, end = start + trace.x[point], middle = place(y, name);
    ends.set(name, end);
    const last = end >= totals.get(name) * (1 - 1e-9);
    return { point, left: place(x, start), right: place(x, end), top: middle - half, bottom: middle + half, first: !start, last };
  });
  return boxes.filter((box) => box.right > box.left);
}

function drawShapes(group, figure, view) {
  const shapes = figure.layout.shapes ?? [];
  shapes.forEach((shape, i) => {
    const x = view.axes[shape.xref ?? "x"];
    const [from, to] = [shape.y0, shape.y1].map((part) => r(view.bottom - part * (view.bottom - view.top)));
    const d = inside(x, shape.x0) ? `M${r(place(x, shape.x0))},${from}L${r(place(x, shape.x1))},${to}` : "";
    put(child(group, i, "path"), { d, style: stroke(shape.line) });
  });
  blank(group, shapes.length, { d: "" });
}

function drawTraces(parts, figure, view) {
  figure.data.forEach((trace, curve) => {
    const x = view.axes[trace.xaxis ?? "x"], y = view.axes[trace.yaxis ?? "y"];
    const slot = (parts.slots[curve] ??= newSlot(parts.traces));
    put(slot.group, { opacity: trace.opacity ?? 1 });
    const clip = `url(#${parts.id}-${x.name})`;
    for (const cut of [slot.area, slot.line, slot.error]) put(cut, { "clip-path": clip });
    if (trace.type === "bar") drawBars(slot, trace, { boxes: view.bars.get(curve) });
    else drawScatter(slot, trace, { x, y, bottom: view.bottom });
  });
  for (const { area, line, error, marks } of parts.slots.slice(figure.data.length))
    for (const node of [area, line, error, marks]) put(node, { d: "" });
}

function newSlot(traces) {
  const group = add(traces, "g");
  const [area, line, error, marks] = ["area", "line", "error", "marks"].map((name) => add(group, "path", `ps-${name}`));
  return { group, area, line, error, marks };
}
