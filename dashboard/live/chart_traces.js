// The second part: traces, bars and threshold lines of the part of plotly's spec that dashboard/figures.py writes.
const THICKEST = 24, ROUND = 3; // px of a bar and its outer corners
const DASHES = { dash: "4 3", dot: "2 4" };
let parted = 0; // charts so far: each has clips of its own

function stroke({ color, width = 2, dash = "solid" } = {}) {
  return `fill:none;stroke:${color};stroke-width:${width};stroke-dasharray:${DASHES[dash] ?? "none"}`;
}

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

// A dot's diameter, or what keeps it from the next row.
function sizeOf({ marker = {} }, y) {
  return Math.min(marker.size ?? 6, y.names ? Math.max(4, r(0.75 * Math.abs(y.gain))) : Infinity);
}

const shownMarkers = ({ mode = "lines", marker = {} }) => mode.includes("markers") && (marker.opacity ?? 1) > 0;

function drawScatter(slot, trace, { x, y, bottom }) {
  const { mode = "lines", fill, marker = {}, line = {}, error_y } = trace;
  const parts = mode.includes("lines") ? runs(trace, x, y) : [];
  const zero = y.log ? bottom : place(y, 0);
  put(slot.area, { d: fill === "tozeroy" ? areaPath(parts, zero) : "", style: `fill:${trace.fillcolor}` });
  // A rim in the fill's own colour says nothing, and the rim of a lower fill would show around the one that covers it.
  const rimless = fill && line.color === trace.fillcolor;
  put(slot.line, { d: rimless ? "" : linePath(parts), style: stroke(line) });
  const { color, thickness: width } = error_y ?? {};
  put(slot.error, { d: error_y ? errorPath(trace, x, y) : "", style: stroke({ color, width }) });
  const rim = marker.line ?? {};
  const edge = `stroke:${rim.color ?? "none"};stroke-width:${rim.width ?? 0}`;
  const style = `fill:${marker.color};${edge};opacity:${marker.opacity ?? 1}`;
  put(slot.marks, { d: shownMarkers(trace) ? dotsPath(trace, x, y, sizeOf(trace, y)) : "", style });
  drawLetters(slot, trace, { x, y });
}

const SPOTS = { "middle right": ["start", 1, 0.36], "middle left": ["end", -1, 0.36], "top center": ["middle", 0, -0.2] };

// Short words at the points, where the mode says so.
function drawLetters(slot, trace, { x, y }) {
  const { mode = "lines", text, textposition = "middle right", textfont = {} } = trace;
  if (!slot.letters && !mode.includes("text")) return;
  const letters = (slot.letters ??= add(slot.group, "g", "ps-letters")), [anchor, side, drop] = SPOTS[textposition];
  const away = shownMarkers(trace) ? sizeOf(trace, y) / 2 + 3 : 0, color = textfont.color ?? "var(--st-text-color)";
  const style = `fill:${color};font-weight:${textfont.color ? 400 : 600}`;
  const lift = side ? 0 : away;
  const seen = mode.includes("text") ? trace.x.map((_, i) => i).filter((i) => text[i] && inside(x, trace.x[i]) && inside(y, trace.y[i])) : [];
  write(letters, seen.map((i) => {
    const at = { x: r(place(x, trace.x[i]) + side * away), y: r(place(y, trace.y[i]) + drop * TEXT - lift) };
    return { text: text[i], ...at, "text-anchor": anchor, style };
  }));
}

function drawBars(slot, trace, { boxes }) {
  if (slot.letters) write(slot.letters, []);
  for (const empty of [slot.area, slot.error, slot.marks]) put(empty, { d: "" });
  put(slot.line, { d: boxes.map(boxPath).join(""), style: `fill:${trace.marker.color};stroke:none` });
}

// The outer corners of a stack are round.
function boxPath({ left, right, top, bottom, first, last }) {
  const round = r(Math.min(ROUND, (bottom - top) / 3, right - left));
  const a = first ? round : 0, b = last ? round : 0;
  return (
    `M${r(left + a)},${r(top)}H${r(right - b)}q${b},0 ${b},${b}V${r(bottom - b)}q0,${b} ${-b},${b}` +
    `H${r(left + a)}q${-a},0 ${-a},${-a}V${r(top + a)}q0,${-a} ${a},${-a}Z`
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
    if (isHeat(trace)) {
      drawHeat(slot, trace, view, curve);
      return;
    }
    clearHeat(slot);
    if (trace.type === "bar") drawBars(slot, trace, { boxes: view.bars.get(curve) });
    else drawScatter(slot, trace, { x, y, bottom: view.bottom });
  });
  for (const slot of parts.slots.slice(figure.data.length)) {
    clearHeat(slot);
    for (const node of [slot.area, slot.line, slot.error, slot.marks]) put(node, { d: "" });
    if (slot.letters) write(slot.letters, []);
  }
}

function newSlot(traces) {
  const group = add(traces, "g");
  const [area, line, error, marks] = ["area", "line", "error", "marks"].map((name) => add(group, "path", `ps-${name}`));
  return { group, area, line, error, marks };
}

function newParts(svg) {
  const defs = add(svg, "defs");
  const names = ["axes", "traces", "shapes", "swatches", "scale"];
  const [axes, traces, shapes, swatches, scale] = names.map((name) => add(svg, "g", `ps-${name}`));
  parted += 1;
  return { id: `ps-clip-${parted}`, defs, axes, traces, shapes, swatches, scale, slots: [] };
}

// Draws all of a figure, and returns where everything is.
function drawFigure(parts, figure, size) {
  const view = viewOf(figure, size);
  view.across.forEach((axis, i) => drawClip(parts, i, axis, view));
  drawAxes(parts, view);
  drawTraces(parts, figure, view);
  drawShapes(parts.shapes, figure, view);
  drawStrip(parts, figure, view, size.height);
  return view;
}

// Lines end where the plot does; a pixel more, so that a line on its edge keeps its width.
function drawClip({ id, defs }, i, axis, { top, bottom }) {
  const clip = child(defs, i, "clipPath");
  put(clip, { id: `${id}-${axis.name}` });
  const size = { x: r(axis.from) - 1, width: r(axis.to - axis.from) + 2, y: top - 1, height: Math.max(0, bottom - top + 2) };
  put(child(clip, 0, "rect"), size);
}
