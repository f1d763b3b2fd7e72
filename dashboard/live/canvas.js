// A picture, drawn here or given, beside what two models answer. A drawing is sent a few times a second at most.
const canvases = new WeakMap();
const GRID = 64, PEN = 5.2; // pixels of a drawing that is sent, and of its pen
const PAUSE_MS = 250, LOST_MS = 1500;
const STEP = 1 / 28; // of the drawing, for an arrow key
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function createCanvas(root) {
  const part = (name) => root.querySelector(`.ps-${name}`);
  const c = {
    root, pad: part("pad"), view: part("pad").querySelector("canvas"), pen: part("pad").querySelector("i"), back: part("back"), ahead: part("ahead"),
    given: part("given"), seen: part("seen"), body: root.querySelector("tbody"), ink: new OffscreenCanvas(GRID, GRID).getContext("2d", { willReadFrequently: true }),
    strokes: [], at: [0.5, 0.5], down: false, held: null, unsent: false, seq: 0, acked: 0, last: 0, timer: 0, lost: 0, image: 0, data: null, push: null,
  };
  listen(c);
  c.watch = new ResizeObserver(() => redraw(c));
  c.watch.observe(c.pad);
  return c;
}

function segment(pen, size, [from, to]) {
  pen.lineWidth = (PEN / GRID) * size;
  pen.lineCap = pen.lineJoin = "round";
  pen.beginPath();
  pen.moveTo(from[0] * size, from[1] * size);
  pen.lineTo(to[0] * size + 0.01, to[1] * size); // a line of no length draws no dot
  pen.stroke();
}

function redraw(c) {
  const size = Math.round(c.pad.clientWidth * (globalThis.devicePixelRatio || 1));
  if (!size) return;
  Object.assign(c.view, { width: size, height: size });
  const pen = c.view.getContext("2d");
  pen.strokeStyle = getComputedStyle(c.root).color;
  for (const each of c.strokes) segment(pen, size, each);
}

function draw(c, from, to) {
  c.strokes.push([from, to]);
  const pen = c.view.getContext("2d");
  pen.strokeStyle = getComputedStyle(c.root).color;
  segment(pen, c.view.width, [from, to]);
  segment(c.ink, GRID, [from, to]);
  offer(c);
}

function clear(c) {
  c.strokes = [];
  c.ink.clearRect(0, 0, GRID, GRID);
  redraw(c);
  offer(c);
}

// What is shown answers an older drawing for as long as this is said of it.
const tell = (c) => c.root.toggleAttribute("data-waiting", c.unsent || c.acked < c.seq);

function offer(c) {
  c.unsent = true;
  tell(c);
  if (!c.timer) pump(c);
}

// One drawing is unanswered at a time, and the newest waits here: what comes after it would else be dropped.
function pump(c) {
  clearTimeout(c.timer);
  c.timer = 0;
  if (!c.unsent || c.acked < c.seq) return;
  const wait = PAUSE_MS - (performance.now() - c.last);
  if (wait > 0) {
    c.timer = setTimeout(() => pump(c), wait);
    return;
  }
  c.unsent = false;
  c.last = performance.now();
  c.seq = Math.max(c.seq + 1, Date.now()); // never repeats, not even after a remount
  clearTimeout(c.lost);
  c.lost = setTimeout(() => answered(c, c.seq), LOST_MS);
  const { data } = c.ink.getImageData(0, 0, GRID, GRID);
  let text = "";
  for (let i = 3; i < data.length; i += 4) text += String.fromCharCode(data[i]);
  c.push("drawing", { ink: c.strokes.length ? btoa(text) : "", seq: c.seq });
}

function answered(c, seq) {
  if (seq > c.acked) c.acked = seq;
  if (c.acked >= c.seq) clearTimeout(c.lost);
  if (c.unsent && !c.timer) pump(c);
  tell(c);
}

function place(c, event) {
  const box = c.view.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

function movePen(c, to) {
  c.at = to.map((value) => Math.min(1 - STEP / 2, Math.max(STEP / 2, value)));
  [c.pen.style.left, c.pen.style.top] = c.at.map((value) => `${100 * value}%`);
  c.pen.classList.toggle("ps-down", c.down);
}

function onKey(c, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const move = MOVES[event.key];
  if (event.key === " ") {
    c.down = !c.down;
    movePen(c, c.at);
    if (c.down) draw(c, c.at, c.at);
  } else if (event.key === "Delete" || event.key === "Backspace") clear(c);
  else if (move) {
    const from = c.at, far = event.shiftKey ? 3 : 1;
    movePen(c, [from[0] + far * STEP * move[0], from[1] + far * STEP * move[1]]);
    if (c.down) draw(c, from, c.at);
  } else return;
  event.preventDefault();
}

function listen(c) {
  const { pad } = c;
  pad.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    pad.setPointerCapture(event.pointerId);
    c.held = place(c, event);
    draw(c, c.held, c.held);
    movePen(c, c.held);
  });
  pad.addEventListener("pointermove", (event) => {
    if (!c.held) return;
    const some = event.getCoalescedEvents?.() ?? [];
    for (const each of some.length ? some : [event]) {
      const to = place(c, each);
      draw(c, c.held, to);
      c.held = to;
    }
    movePen(c, c.held);
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) pad.addEventListener(end, () => (c.held = null));
  pad.addEventListener("keydown", (event) => onKey(c, event));
  c.back.addEventListener("click", () => (c.data.draws ? clear(c) : turn(c, -1)));
  c.ahead.addEventListener("click", () => turn(c, 1));
}

function turn(c, by) {
  c.image = (c.image + by + c.data.images) % c.data.images;
  c.push("image", c.image);
}

function picture(node, source, name) {
  if (source && node.src !== source) node.src = source;
  node.alt = name;
}

function update(c, data) {
  const before = c.data, part = (name) => c.root.querySelector(name);
  c.data = data;
  for (const [name, words] of [[".ps-title", data.title], [".ps-note", data.note], [".ps-how", data.how], [".ps-sentence", data.sentence], ["figcaption", data.seen_says]])
    put(part(name), words);
  put(c.back, data.back);
  put(c.ahead, data.ahead);
  c.pad.hidden = part("figure").hidden = part(".ps-how").hidden = !data.draws;
  c.given.hidden = c.ahead.hidden = data.draws;
  c.pad.setAttribute("aria-label", "Draw here");
  picture(data.draws ? c.seen : c.given, data.source, data.name);
  part("figure").style.visibility = data.source ? "visible" : "hidden";
  showBars(c.body, data.bars);
  if (!before) {
    c.image = data.image;
    movePen(c, c.at);
    if (data.draws && data.source) offer(c); // what was drawn before this pad was made is here no more
  }
  answered(c, data.ack);
  c.root.dataset.version = data.version;
  redraw(c); // the same data again is a change of theme
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".ps-canvas");
  let c = canvases.get(root);
  if (!c) {
    c = createCanvas(root);
    canvases.set(root, c);
  }
  c.push = setStateValue;
  update(c, data);
  return () => {
    if (root.isConnected) return;
    c.watch.disconnect();
    clearTimeout(c.timer);
    clearTimeout(c.lost);
  };
}
