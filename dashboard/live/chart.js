// The last part: the card, and what a hand does on it. The same nodes are drawn into for as long as they stay.
const cards = new WeakMap();
const DRAGGED = 4, NARROWEST = 8; // px: of a drag, of a zoom
const KEYS = "The left and right arrow keys move between the points, Enter chooses one.";
const CELL_KEYS = "The arrow keys move between the cells, Enter chooses one.";

function createCard(root) {
  const part = (name) => root.querySelector(`.ps-${name}`);
  const card = {
    root, title: part("title"), note: part("note"), svg: part("graph"), tip: part("tip"), data: null, send: null,
    figure: null, view: null, drawn: "", draws: 0, width: 0, height: 0, family: "", left: 0, kept: null, n: 0,
    zoom: {}, pointer: null, press: null, hit: null, chosen: null, said: "", box: null,
  };
  card.parts = newParts(card.svg);
  [card.band, card.frame, card.ring] = [add(card.svg, "rect", "ps-band"), add(card.svg, "rect", "ps-frame-on"), add(card.svg, "circle", "ps-ring")];
  card.watch = new ResizeObserver(([entry]) => resize(card, entry.contentRect));
  listen(card);
  document.fonts.ready.then(() => {
    widths.clear(); // they were those of another font
    draw(card);
  });
  return card;
}

function resize(card, { width, height }) {
  if (width === card.width && height === card.height) return;
  Object.assign(card, { width, height, left: 0, drawn: "", family: getComputedStyle(card.root).fontFamily });
  refresh(card);
}

// Draws the newest figure; the same again draws nothing.
function refresh(card) {
  if (!card.width || !card.height) return;
  const { figure, version } = card.data;
  if (figure !== card.drawn) {
    card.figure = JSON.parse(figure);
    forget(card);
    draw(card);
  }
  card.drawn = figure;
  card.root.dataset.shown = version;
}

// Another figure, by its uirevision, begins unzoomed and with a margin of its own.
function forget(card) {
  const { uirevision = "" } = card.figure.layout;
  if (uirevision === card.kept) return;
  Object.assign(card, { kept: uirevision, zoom: {}, left: 0, chosen: null });
  letGo(card);
}

function draw(card) {
  if (!card.figure || !card.width || !card.height) return;
  const { figure, width, height, family, zoom } = card;
  card.view = drawFigure(card.parts, figure, { width, height, family, zoom, margin: (room) => margin(card, room) });
  const choosable = figure.data.filter((trace) => takes(trace) && trace.x.length && trace.y.length);
  reachable(card, choosable.length ? (choosable.some(isHeat) ? CELL_KEYS : KEYS) : "");
  card.draws += 1;
  card.root.dataset.draws = card.draws;
  point(card);
}

// The left margin grows where labels need it and does not shrink during a drag: the plot stands still.
function margin(card, room) {
  card.left = Math.max(card.left, Math.ceil(room / 4) * 4);
  return card.left;
}

function reachable(card, keys) {
  if (keys === (card.svg.getAttribute("aria-description") ?? "")) return;
  for (const [name, value] of [["tabindex", "0"], ["aria-description", keys]]) {
    if (keys) card.svg.setAttribute(name, value);
    else card.svg.removeAttribute(name);
  }
}

// Points again at what is under the pointer, or at what the keys chose: the figure may have changed beneath it.
function point(card) {
  if (!card.view) return;
  if (card.press?.dragged) return show(card, null);
  if (card.chosen) return show(card, choices(card.view).find((hit) => nameOf(card.figure, hit) === card.chosen) ?? null);
  show(card, card.pointer && meant(card.view, card.pointer));
}

function show(card, hit) {
  card.hit = hit;
  const trace = hit && card.figure.data[hit.curve];
  put(card.frame, hit?.width ? { x: r(hit.x - hit.width / 2), y: r(hit.y - hit.height / 2), width: r(hit.width), height: r(hit.height) } : { width: 0 });
  put(card.ring, hit?.size ? { cx: r(hit.x), cy: r(hit.y), r: hit.size / 2 + 3 } : { r: 0 });
  const plot = card.pointer && zoomable(axisAt(card.view, card.pointer)) ? "plot" : "";
  put(card.svg, { "data-over": trace && takes(trace) ? "point" : plot });
  tell(card, trace?.hovertemplate ? sentence(trace, hit.point) : "", hit);
}

function tell(card, words, hit) {
  const { tip } = card;
  if (words !== card.said) {
    card.said = words;
    tip.hidden = !words;
    tip.setAttribute("aria-live", card.chosen ? "polite" : "off");
    tip.textContent = words;
    if (words) card.box = { width: tip.offsetWidth, height: tip.offsetHeight };
  }
  if (!words) return;
  const { width, height } = card.box, away = (hit.height ?? hit.size) / 2 + 10;
  const x = Math.min(Math.max(0, hit.x - width / 2), Math.max(0, card.width - width));
  const above = hit.y - away - height, under = Math.min(hit.y + away, card.height - height);
  tip.style.transform = `translate(${Math.round(x)}px, ${Math.round(above >= 0 ? above : under)}px)`;
}

function choose(card, { curve, point }) {
  const customdata = entry(card.figure.data[curve], "customdata", point);
  card.n = Math.max(card.n + 1, Date.now()); // never repeats, not even after the card has left and come back
  card.send({ curve, point, customdata, n: card.n });
}

const chosenBy = (card) => (card.hit && takes(card.figure.data[card.hit.curve]) ? card.hit : null);

function spot(card, event) {
  const { left, top } = card.svg.getBoundingClientRect();
  return { x: event.clientX - left, y: event.clientY - top };
}

const zoomable = (axis) => axis?.shown && !axis.names && !axis.spec.fixedrange;

function onDown(card, event) {
  if (event.button !== 0 || !card.view) return;
  card.chosen = null;
  card.pointer = spot(card, event);
  const under = axisAt(card.view, card.pointer);
  const axis = event.pointerType === "mouse" && zoomable(under) ? under.name : null;
  card.press = { from: card.pointer.x, axis, dragged: false };
  if (axis) card.svg.setPointerCapture(event.pointerId);
}

function onMove(card, event) {
  if (event.pointerType === "touch" || !card.view) return;
  card.pointer = spot(card, event);
  card.chosen = null;
  const { press, view } = card;
  if (press?.axis && Math.abs(card.pointer.x - press.from) > DRAGGED) press.dragged = true;
  if (press?.dragged) {
    const [left, right] = band(card);
    put(card.band, { x: r(left), width: r(right - left), y: view.top, height: r(view.bottom - view.top) });
  }
  point(card);
}

// The part of the axis that the drag covers, in pixels.
function band({ press, pointer, view }) {
  const { from, to } = view.axes[press.axis];
  return [press.from, pointer.x].sort((a, b) => a - b).map((x) => Math.min(to, Math.max(from, x)));
}

function onUp(card, event) {
  if (!card.press || !card.view) return;
  const { press } = card;
  card.pointer = spot(card, event);
  if (press.dragged) zoomTo(card, press.axis, band(card));
  letGo(card);
  point(card);
  const hit = press.dragged ? null : chosenBy(card);
  if (hit) choose(card, hit);
  // A finger leaves no pointer behind: what it tapped stays until it touches elsewhere.
  if (event.pointerType !== "mouse") document.addEventListener("pointerdown", () => leave(card), { once: true, capture: true });
}

function zoomTo(card, name, [left, right]) {
  if (right - left < NARROWEST) return;
  const axis = card.view.axes[name];
  card.zoom = { ...card.zoom, [name]: [unitAt(axis, left), unitAt(axis, right)] };
  draw(card);
}

function letGo(card) {
  card.press = null;
  put(card.band, { width: 0 });
}

function leave(card) {
  Object.assign(card, { pointer: null, chosen: null });
  if (card.view) show(card, null);
}

function reset(card) {
  card.zoom = {};
  draw(card);
}

function onKey(card, event) {
  if (!card.view || event.altKey || event.ctrlKey || event.metaKey) return;
  const cells = card.figure.data.some(isHeat), steps = { ArrowLeft: -1, ArrowRight: 1 };
  if (event.key === "Escape") leave(card);
  else if (event.key === "Enter" && chosenBy(card)) choose(card, card.hit);
  else if (cells && ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].includes(event.key)) walk(card, event.key);
  else if (event.key in steps) step(card, steps[event.key]);
  else return;
  event.preventDefault();
}

// From the point on top, where the hand is, on the first press; then to the next one at its side.
function step(card, by) {
  const points = choices(card.view);
  if (!points.length) return;
  const here = points.findIndex((hit) => nameOf(card.figure, hit) === card.chosen);
  const first = points.reduce((a, b) => (b.curve > a.curve ? b : a));
  const next = here < 0 ? first : points[Math.min(points.length - 1, Math.max(0, here + by))];
  card.chosen = nameOf(card.figure, next);
  point(card);
}

// From cell to cell of a heat map; the first one on the first press.
function walk(card, key) {
  const here = choices(card.view).find((hit) => nameOf(card.figure, hit) === card.chosen);
  card.chosen = nameOf(card.figure, neighbour(card.view, here ? here.point : null, key));
  point(card);
}

function listen(card) {
  const on = (name, act) => card.svg.addEventListener(name, (event) => act(card, event));
  on("pointerdown", onDown);
  on("pointermove", onMove);
  on("pointerup", onUp);
  on("pointercancel", letGo);
  on("pointerleave", (_, event) => event.pointerType !== "touch" && leave(card));
  on("dblclick", reset);
  on("keydown", onKey);
  on("blur", leave);
}

// Writes only what differs: an equal text that is set again is laid out again.
function caption(card, data) {
  const { title, note } = data;
  if (title !== card.data?.title || note !== card.data?.note) {
    for (const [element, words] of [[card.title, title], [card.note, note]]) {
      element.textContent = words;
      element.title = words;
    }
    card.svg.setAttribute("aria-label", `${title}. ${note}`);
  }
  if (data.height === card.data?.height && data.phone === card.data?.phone) return;
  card.root.style.setProperty("--ps-height", data.height);
  card.root.style.setProperty("--ps-height-phone", data.phone);
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".ps-card");
  if (!cards.has(root)) cards.set(root, createCard(root));
  const card = cards.get(root);
  caption(card, data);
  card.data = data;
  card.send = (value) => setStateValue("clicked", value);
  card.watch.observe(card.svg); // calls back with the size at first, and when it changes
  refresh(card);
  return () => {
    if (!root.isConnected) card.watch.disconnect();
  };
}
