// The first part of one module (chart.py joins them): nodes that stay, texts, axes and the frame.
const SVG = "http://www.w3.org/2000/svg";
const TEXT = 12, SMALL = 10; // px
const EDGE = { top: 8, right: 14, ticks: 22, title: 17, label: 9, strip: 24, least: 40 }; // px around the plot
const known = new WeakMap(); // what each node was given
const widths = new Map(); // of texts, by font
const r = (pixel) => Math.round(pixel * 10) / 10; // shorter paths
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
  const width = widthOf(text, family, size);
  if (width <= room) return text;
  for (let kept = Math.floor((text.length * room) / width); kept > 2; kept -= 1) {
    const start = Math.ceil(kept / 2);
    const short = `${text.slice(0, start)}…${text.slice(start - kept)}`;
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
  return Object.assign(axis, { low, high, shown: spec.visible !== false && high > low });
}

// An axis without a range spans its values; one without values is not shown.
function reach(figure, axis) {
  const values = valuesOf(figure, axis.name).map((v) => unitOf(axis, v)).filter(Number.isFinite);
  return values.length ? [Math.min(...values), Math.max(...values)] : [0, 0];
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

// A figure laid out in pixels: its axes with their ticks, the plot's sides, and where each bar lies.
function viewOf(figure, { width, height, family, zoom, margin }) {
  const named = Object.keys(figure.layout).map((key) => /^([xy])axis(\d*)$/.exec(key)).filter(Boolean);
  const names = new Set(["x", "y", ...named.map(([, letter, number]) => letter + number)]);
  const axes = Object.fromEntries([...names].map((name) => [name, axisOf(figure, name, zoom[name])]));
  const across = Object.values(axes).filter(({ name }) => name[0] === "x");
  const below = (part, has) => (across.some(({ spec, shown }) => shown && has(spec)) ? part : 0);
  const strip = figure.data.some((trace) => trace.showscale) ? EDGE.strip : 0;
  const bottom = height - 4 - strip - below(EDGE.ticks, () => true) - below(EDGE.title, (spec) => spec.title?.text);
  lay(axes.y, bottom, EDGE.top);
  label(axes.y, { width, family, most: (bottom - EDGE.top) / 22 });
  const left = margin(labelRoom(axes.y, family)), right = width - EDGE.right;
  for (const axis of across) {
    const [from, to] = (axis.spec.domain ?? [0, 1]).map((part) => left + part * (right - left));
    lay(axis, from, to);
    label(axis, { width, family, most: (to - from) / 56 });
  }
  return { figure, axes, across, left, right, top: EDGE.top, bottom, width, family, bars: stacked(figure, axes) };
}

// Gives an axis its ticks, and those of their labels that have room.
function label(axis, { width, family, most }) {
  axis.ticks = axis.shown ? ticksOf(axis, Math.floor(most)) : [];
  axis.size = axis.names && Math.abs(axis.gain) < TEXT + 2 ? SMALL : TEXT;
  if (axis.names) for (const tick of axis.ticks) tick.text = fitted(String(tick.value), 0.3 * width, family, axis.size);
  const flat = axis.name[0] === "x";
  const room = flat ? (tick) => widthOf(tick.text, family) : () => axis.size;
  axis.labels = thinned(axis.ticks, axis, flat ? 5 : 0, room);
}

function labelRoom({ ticks, size, spec, names }, family) {
  const widest = Math.max(0, ...ticks.map(({ text }) => widthOf(text, family, size)));
  const room = widest + EDGE.label + (spec.title?.text ? EDGE.title + 4 : 0);
  return names ? room : Math.max(EDGE.least, room);
}

function drawAxes(parts, view) {
  Object.values(view.axes).forEach((axis, i) => {
    const group = child(parts.axes, i, "g");
    const [line, title, labels] = ["path", "text", "g"].map((kind, place) => child(group, place, kind));
    const flat = axis.name[0] === "x", { shown } = axis;
    put(line, { d: shown ? axisPath(axis, view, flat) : "", style: `stroke:${axis.spec.linecolor ?? "none"}` });
    put(title, shown ? axisTitle(axis, view, flat) : { text: "" });
    write(labels, axis.labels.map((tick) => (flat ? below(tick, axis, view) : beside(tick, axis, view))));
  });
  for (const group of [...parts.axes.children].slice(Object.keys(view.axes).length)) clear(group.children);
}

function clear([line, title, labels]) {
  put(line, { d: "" });
  put(title, { text: "" });
  write(labels, []);
}

function axisPath(axis, { left, bottom, across }, flat) {
  const at = (tick) => r(place(axis, tick.value)), outside = axis.spec.ticks === "outside";
  const ticks = outside ? axis.ticks.map((tick) => (flat ? `M${at(tick)},${bottom}v4` : `M${r(left)},${at(tick)}h-4`)) : [];
  const rule = (tick) => across.map(({ from, to }) => `M${r(from)},${at(tick)}H${r(to)}`).join("");
  const grid = axis.spec.showgrid && !flat ? axis.ticks.map(rule) : [];
  const line = flat ? `M${r(axis.from)},${bottom}H${r(axis.to)}` : `M${r(left)},${axis.from}V${axis.to}`;
  return [line, ...ticks, ...grid].join("");
}

function axisTitle(axis, { bottom, family }, flat) {
  const middle = r((axis.from + axis.to) / 2);
  const text = fitted(axis.spec.title?.text ?? "", Math.abs(axis.to - axis.from) + 16, family);
  const spot = flat ? `translate(${middle},${bottom + EDGE.ticks + 14})` : `translate(${TEXT - 1},${middle}) rotate(-90)`;
  return { text, transform: spot, "text-anchor": "middle" };
}

function below(tick, axis, { bottom, width, family }) {
  const half = widthOf(tick.text, family) / 2;
  const x = r(Math.min(place(axis, tick.value), width - half - 1));
  return { text: tick.text, x, y: bottom + 18, "text-anchor": "middle", class: "" };
}

// Names begin at the card's left edge, as its title does; numbers end at the axis.
function beside(tick, axis, { left }) {
  const y = r(place(axis, tick.value) + 0.36 * axis.size);
  const [x, anchor] = axis.names ? [0, "start"] : [r(left - 8), "end"];
  const name = axis.names ? (axis.size === SMALL ? "ps-name ps-small" : "ps-name") : "";
  return { text: tick.text, x, y, "text-anchor": anchor, class: name };
}
