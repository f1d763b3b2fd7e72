// Matrices as pictures. A cell that is pointed at, or reached by arrow keys, is said in a sentence below.
const galleries = new WeakMap();
const LARGEST = 26, MARKED = 5, WRITTEN = 15; // css px of a cell: at most, with a stroke where it is removed, with its number
const BYTES = { f: Float32Array, b: Uint8Array };
const STEPS = 256;
const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

const element = (name, properties = {}) => Object.assign(document.createElement(name), properties);

function put(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

function numbers(text, kind) {
  if (!text) return null;
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i += 1) bytes[i] = raw.charCodeAt(i);
  return new BYTES[kind](bytes.buffer);
}

// "#rrggbb" of any colour that css knows.
function plain(color) {
  const pen = element("canvas").getContext("2d");
  pen.fillStyle = color;
  return [1, 3, 5].map((i) => Number.parseInt(pen.fillStyle.slice(i, i + 2), 16));
}

const mixed = (a, b, part) => a.map((value, i) => Math.round(value + (b[i] - value) * part));

// Dark is least, light is most, in the tone's own colour between them.
function ramp(color) {
  const steps = [];
  for (let i = 0; i < STEPS; i += 1) {
    const t = (2 * i) / (STEPS - 1) - 1;
    steps.push(t < 0 ? mixed(color, [8, 12, 20], -0.85 * t) : mixed(color, [255, 255, 255], 0.9 * t));
  }
  return steps;
}

function colors(root) {
  const style = getComputedStyle(root), of = (name) => plain(style.getPropertyValue(`--st-${name}-color`).trim());
  const page = of("background");
  return { dense: ramp(of("gray")), compressed: ramp(of("primary")), removed: ramp(of("orange")), gone: of("orange"), page };
}

const css = (color) => `rgb(${color.join(" ")})`;

// Black or white, whichever stands out more: 4.5 to 1 at least on any colour.
function inkOn(color) {
  const [r, g, b] = color.map((value) => (value <= 10 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000000" : "#ffffff";
}

function shade(sheet, value, steps) {
  const part = (value - sheet.low) / (sheet.high - sheet.low || 1);
  return steps[Number.isFinite(part) ? Math.round(Math.min(1, Math.max(0, part)) * (STEPS - 1)) : 0];
}

// One pixel a cell first, then as large as fits in whole pixels of the screen: every cell is as wide as the next.
function draw(g, item) {
  const { data, pane, canvas } = item, { rows, columns } = data;
  const room = item.node.clientWidth, scale = globalThis.devicePixelRatio || 1;
  if (!room) return;
  const cell = Math.max(1, Math.floor(Math.min(g.data.cell || LARGEST, room / columns) * scale));
  const small = new OffscreenCanvas(columns, rows), pen = small.getContext("2d"), image = pen.createImageData(columns, rows);
  const steps = g.colors[data.tone];
  for (let i = 0; i < rows * columns; i += 1)
    image.data.set([...(item.gone?.[i] ? g.colors.gone : shade(data, item.values[i], steps)), 255], 4 * i);
  pen.putImageData(image, 0, 0);
  Object.assign(canvas, { width: columns * cell, height: rows * cell });
  item.size = cell / scale;
  canvas.style.width = pane.style.width = `${columns * item.size}px`;
  canvas.style.height = `${rows * item.size}px`;
  const brush = canvas.getContext("2d");
  brush.imageSmoothingEnabled = false;
  brush.drawImage(small, 0, 0, canvas.width, canvas.height);
  if (item.gone && item.size >= MARKED) strike(brush, item, cell, css(g.colors.page));
  if (data.lost) strike(brush, { data: { rows: 1, columns: 1 }, gone: [1] }, canvas.width, css(g.colors.gone), canvas.height);
  if (data.written && item.size >= WRITTEN) write(brush, g, item, cell);
}

// A removed cell bears a stroke: colour alone says nothing to those who do not see it.
function strike(brush, { data, gone }, cell, color, high = cell) {
  brush.strokeStyle = color;
  brush.lineWidth = Math.max(1, Math.round(cell / 12));
  brush.beginPath();
  for (let i = 0; i < gone.length; i += 1) {
    if (!gone[i]) continue;
    const x = (i % data.columns) * cell, y = Math.floor(i / data.columns) * high, in_ = Math.round(cell / 5);
    brush.moveTo(x + in_, y + in_);
    brush.lineTo(x + cell - in_, y + high - in_);
  }
  brush.stroke();
}

function write(brush, g, item, cell) {
  const { columns } = item.data;
  brush.font = `${Math.min(13 * (cell / item.size), Math.floor(cell * 0.5))}px sans-serif`;
  Object.assign(brush, { textAlign: "center", textBaseline: "middle" });
  for (let i = 0; i < item.values.length; i += 1) {
    if (item.gone?.[i]) continue;
    brush.fillStyle = inkOn(shade(item.data, item.values[i], g.colors[item.data.tone]));
    brush.fillText(`${item.values[i]}`, ((i % columns) + 0.5) * cell, (Math.floor(i / columns) + 0.55) * cell);
  }
}

// Three digits, a real minus, and no exponent where a student would stumble over it.
function figure(value) {
  if (!Number.isFinite(value)) return "no number";
  const text = Math.abs(value) >= 1e-6 || value === 0 ? `${Number(value.toPrecision(3))}` : value.toExponential(1);
  return text.replace("-", "\u2212");
}

function sentence(item, row, column) {
  const { data } = item, i = row * data.columns + column;
  const words = { row: data.row_names[row], column: data.column_names[column], name: data.name };
  words.value = figure(item.values[i]);
  words.was = item.was ? figure(item.was[i]) : words.value;
  return (item.gone?.[i] ? data.gone_says : data.says).replace(/\{(\w+)\}/g, (_, name) => words[name]);
}

function point(g, spot) {
  g.spot = spot;
  const item = spot && g.items[spot.item];
  g.mark.hidden = !item;
  if (!item) return put(g.said, g.data.hint);
  item.pane.append(g.mark);
  const at = { left: spot.column, top: spot.row, width: 1, height: 1 };
  for (const [name, cells] of Object.entries(at)) g.mark.style[name] = `${cells * item.size}px`;
  return put(g.said, sentence(item, spot.row, spot.column));
}

function spotAt(g, item, event) {
  const box = item.canvas.getBoundingClientRect(), { rows, columns } = item.data;
  const within = (value, most) => Math.min(most - 1, Math.max(0, Math.floor(value)));
  const row = within((event.clientY - box.top) / item.size, rows), column = within((event.clientX - box.left) / item.size, columns);
  return { item: g.items.indexOf(item), row, column };
}

// Beyond the right or left edge the next picture begins.
function stepped(g, event) {
  const move = MOVES[event.key];
  if (!move || event.altKey || event.ctrlKey || event.metaKey || !g.items.length) return null;
  if (!g.spot) return { item: 0, row: 0, column: 0 };
  let { item, row, column } = g.spot;
  row += move[0];
  column += move[1];
  const { rows, columns } = g.items[item].data;
  const next = item + (column < 0 ? -1 : column >= columns ? 1 : 0);
  if (next !== item && next >= 0 && next < g.items.length) {
    const there = g.items[next].data;
    return { item: next, row: Math.min(row, there.rows - 1), column: next > item ? 0 : there.columns - 1 };
  }
  return { item, row: Math.min(rows - 1, Math.max(0, row)), column: Math.min(columns - 1, Math.max(0, column)) };
}

function createItem(g) {
  const node = element("li"), pane = element("div", { className: "ps-pane" }), canvas = element("canvas");
  const item = { node, pane, canvas, head: element("li", { className: "ps-group" }), name: element("p", { className: "ps-name" }), size: 1 };
  canvas.setAttribute("role", "img");
  pane.append(canvas);
  node.append(pane, item.name);
  for (const kind of ["pointermove", "pointerdown"]) canvas.addEventListener(kind, (event) => point(g, spotAt(g, item, event)));
  canvas.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && point(g, null));
  g.sheets.append(item.head, node);
  g.items.push(item);
  return item;
}

function forget({ head, node }) {
  head.remove();
  node.remove();
}

function createGallery(root) {
  const part = (name) => root.querySelector(`.ps-${name}`);
  const mark = element("div", { className: "ps-spot", hidden: true });
  const g = { root, mark, sheets: part("sheets"), said: part("sentence"), title: part("title"), note: part("note"), key: part("key"), items: [], spot: null };
  g.sheets.addEventListener("keydown", (event) => {
    const spot = event.key === "Escape" ? null : stepped(g, event);
    if (!spot && event.key !== "Escape") return;
    event.preventDefault();
    point(g, spot);
  });
  g.sheets.addEventListener("blur", () => point(g, null));
  g.watch = new ResizeObserver(() => redraw(g));
  g.watch.observe(g.sheets);
  return g;
}

function fill(g, i, data) {
  const item = g.items[i] ?? createItem(g);
  item.data = data;
  item.values = numbers(data.values, "f");
  item.was = typeof data.was === "number" ? g.items[data.was].values : numbers(data.was, "f");
  item.gone = numbers(data.gone, "b");
  item.canvas.setAttribute("aria-label", data.about || data.name);
  put(item.name, data.name);
  put(item.head, data.group);
  item.head.hidden = !data.group || data.group === g.items[i - 1]?.data.group;
}

function legend(g) {
  const made = g.data.key.map(({ tone, words }) => {
    const line = element("span"), patch = element("i"), color = css(g.colors.gone);
    if (tone === "gone") {
      patch.className = "ps-gone";
      patch.style.background = `linear-gradient(45deg, ${color} 44%, ${css(g.colors.page)} 44% 56%, ${color} 56%)`;
    } else {
      const some = [0, 64, 128, 192, 255].map((step) => css(g.colors[tone][step]));
      patch.style.background = `linear-gradient(90deg, ${some.join(", ")})`;
    }
    line.append(patch, words);
    return line;
  });
  g.key.replaceChildren(...made);
}

function redraw(g) {
  if (!g.data) return;
  for (const item of g.items) draw(g, item);
  if (g.spot) point(g, g.spot);
}

function update(g, data) {
  g.data = data;
  g.colors = colors(g.root);
  put(g.title, data.title);
  put(g.note, data.note);
  g.sheets.style.setProperty("--ps-wide", data.wide);
  g.sheets.setAttribute("aria-label", data.title);
  while (g.items.length > data.tiles.length) forget(g.items.pop());
  data.tiles.forEach((each, i) => fill(g, i, each));
  const { item, row, column } = g.spot ?? {}, there = g.items[item]?.data;
  if (g.spot && !(there && row < there.rows && column < there.columns)) g.spot = null;
  legend(g);
  redraw(g);
  point(g, g.spot);
  g.root.dataset.version = data.version;
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".ps-tiles");
  let g = galleries.get(root);
  if (!g) {
    g = createGallery(root);
    galleries.set(root, g);
  }
  update(g, data);
  return () => {
    if (!root.isConnected) g.watch.disconnect();
  };
}
