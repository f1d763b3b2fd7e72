// Between the traces and their points: a heat map, a cell a rectangle with its words, and the strip that says what colours mean.
const GAP = 1.5, SWATCH = 22; // px

const isHeat = (trace) => trace.type === "heatmap";

// An entry of a list, or of a list of rows counted through.
function entry(trace, name, point) {
  const values = trace[name];
  if (!Array.isArray(values)) return values;
  return isHeat(trace) ? values[Math.floor(point / trace.x.length)]?.[point % trace.x.length] : values[point];
}

// The mixture of the two colours of a scale that a value lies between.
function colourOf({ colorscale, zmin, zmax }, z) {
  const part = Math.min(1, Math.max(0, (z - zmin) / (zmax - zmin)));
  const next = Math.max(1, colorscale.findIndex(([stop]) => stop >= part));
  const [[from, low], [to, high]] = [colorscale[next - 1], colorscale[next]];
  return `color-mix(in srgb, ${high} ${r((100 * (part - from)) / (to - from))}%, ${low})`;
}

function cellsOf(view, trace, curve) {
  const x = view.axes[trace.xaxis ?? "x"], y = view.axes[trace.yaxis ?? "y"];
  const width = Math.abs(x.gain) - 2 * GAP, height = Math.abs(y.gain) - 2 * GAP;
  return trace.y.flatMap((row, i) =>
    trace.x.map((column, j) => {
      const at = { x: place(x, column), y: place(y, row) };
      return { curve, point: i * trace.x.length + j, ...at, size: 0, width, height };
    }),
  );
}

function drawHeat(slot, trace, view, curve) {
  for (const empty of [slot.area, slot.line, slot.error, slot.marks]) put(empty, { d: "" });
  const boxes = (slot.boxes ??= add(slot.group, "g", "ps-boxes")), words = (slot.words ??= add(slot.group, "g", "ps-words-in"));
  const cells = cellsOf(view, trace, curve), chosen = new Set((trace.meta ?? []).map(([i, j]) => i * trace.x.length + j));
  const small = cells.length > 0 && cells[0].height < TEXT + 2;
  cells.forEach((cell, i) => {
    const z = entry(trace, "z", cell.point), [left, top] = [cell.x - cell.width / 2, cell.y - cell.height / 2];
    const bare = entry(trace, "text", cell.point) ? "fill:var(--st-gray-background-color)" : "fill:none";
    const style = z === null ? `${bare};stroke:var(--st-border-color)` : `fill:${colourOf(trace, z)};stroke:none`;
    const rim = chosen.has(cell.point) ? "stroke:var(--st-text-color);stroke-width:2" : "";
    put(child(boxes, i, "rect"), {
      x: r(left), y: r(top), width: r(Math.max(0, cell.width)), height: r(Math.max(0, cell.height)), rx: 3, style: `${style};${rim}`,
    });
    const text = cell.height < SMALL ? "" : String(entry(trace, "text", cell.point) ?? "");
    const fits = widthOf(text, view.family, small ? SMALL : TEXT) <= cell.width;
    const at = { x: r(cell.x), y: r(cell.y + 0.36 * (small ? SMALL : TEXT)) };
    put(child(words, i, "text"), { text: fits ? text : "", ...at, "text-anchor": "middle", class: small ? "ps-name ps-small" : "ps-name" });
  });
  blank(boxes, cells.length, { width: 0, height: 0 });
  blank(words, cells.length, { text: "" });
}

function clearHeat({ boxes, words }) {
  if (boxes) blank(boxes, 0, { width: 0, height: 0 });
  if (words) blank(words, 0, { text: "" });
}

// What colours mean: the scale's marked values as swatches with their words, below the axis.
function drawStrip(parts, figure, view, height) {
  const trace = figure.data.find((each) => isHeat(each) && each.showscale);
  const { title = { text: "" }, tickvals = [], ticktext = [] } = trace?.colorbar ?? {}, y = height - 6;
  const texts = [{ text: title.text, x: 0, y, "text-anchor": "start" }];
  let x = widthOf(title.text, view.family) + 14;
  tickvals.forEach((value, i) => {
    const style = `fill:${colourOf(trace, value)};stroke:var(--st-border-color)`;
    put(child(parts.swatches, i, "rect"), { x: r(x), y: y - 11, width: SWATCH, height: 13, rx: 3, style });
    texts.push({ text: ticktext[i], x: r(x + SWATCH + 5), y, "text-anchor": "start" });
    x += SWATCH + 21 + widthOf(ticktext[i], view.family);
  });
  write(parts.scale, texts);
  blank(parts.swatches, tickvals.length, { width: 0 });
}

// The next cell at the side that a key means; the first one where none is chosen.
function neighbour(view, point, key) {
  const trace = view.figure.data.find((each) => isHeat(each) && each.customdata);
  const curve = view.figure.data.indexOf(trace), [columns, rows] = [trace.x.length, trace.y.length];
  const [right, down] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
  const held = (value, most) => Math.min(most - 1, Math.max(0, value));
  const there = point === null ? 0 : held(Math.floor(point / columns) + down, rows) * columns + held((point % columns) + right, columns);
  return cellsOf(view, trace, curve)[there];
}
