// One card per mounted plot; the same graph element is drawn into for as long as it stays on the page.
const cards = new WeakMap();
const CONFIG = { displayModeBar: false, doubleClick: "reset", responsive: false, scrollZoom: false, showTips: false };
const COARSE = matchMedia("(pointer: coarse)");
const COLOUR = /var\(\s*(--[\w-]+)\s*(?:,\s*([^()"]+?)\s*)?\)/g;
let library = null;

function load(source) {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = source;
    script.onload = () => (window.Plotly ? resolve(window.Plotly) : reject(new Error("it defines no Plotly")));
    script.onerror = () => reject(new Error("the server does not hand it out"));
    document.head.append(script);
  }).catch((error) => {
    library = null; // the next update tries again
    throw error;
  });
  return library;
}

// What the figure needs from the page: its size, font and colours. The same again draws nothing.
function wanted(card) {
  const style = getComputedStyle(card.root);
  const value = (name) => style.getPropertyValue(name).trim();
  return {
    figure: card.data.figure.replace(COLOUR, (whole, name, other) => value(name) || other || whole),
    font: style.fontFamily,
    text: value("--st-gray-text-color") || style.color,
    ground: value("--st-background-color") || "#fff",
    border: value("--st-border-color") || "#ddd",
    width: card.width,
    height: card.height,
  };
}

// The look that a figure has where it says nothing else.
function template({ font, text, ground, border }) {
  // Half of a redrawing is tick labels, and much of that is looking for labels to hide.
  const axis = { ticklabeloverflow: "allow", gridcolor: border, zerolinecolor: border, linecolor: border };
  const clear = "rgba(0,0,0,0)";
  const hoverlabel = { bgcolor: ground, bordercolor: border, font: { family: font, size: 12, color: text } };
  return {
    layout: {
      font: { family: font, size: 12, color: text }, paper_bgcolor: clear, plot_bgcolor: clear,
      xaxis: axis, yaxis: axis, hoverlabel,
    },
  };
}

function layoutOf(layout, want) {
  const { width, height } = want;
  const touch = COARSE.matches ? { dragmode: false } : {};
  return { uirevision: "kept", ...layout, ...touch, template: template(want), width, height, autosize: false };
}

async function react(card, Plotly, want) {
  const { data, layout = {} } = JSON.parse(want.figure);
  await Plotly.react(card.graph, data, layoutOf(layout, want), CONFIG);
  if (!card.draws) card.graph.on("plotly_click", (event) => click(card, event));
  card.draws += 1;
  card.root.dataset.draws = card.draws;
}

function complain(card, error) {
  card.trouble.hidden = !error;
  card.trouble.textContent = error ? `This plot needs plotly.min.js, which did not load: ${error}` : "";
}

// Draws the newest figure, and again if a newer one came meanwhile: what arrives during a drawing is never queued.
async function draw(card) {
  if (card.busy) return;
  card.busy = true;
  try {
    const Plotly = await load(card.data.source);
    complain(card, "");
    while (card.stale && card.width && card.height && card.root.isConnected) {
      card.stale = false;
      const { version } = card.data;
      const want = wanted(card);
      const text = JSON.stringify(want);
      if (text !== card.drawn) await react(card, Plotly, want);
      card.drawn = text;
      card.root.dataset.shown = version;
    }
  } catch (error) {
    complain(card, card.data.trouble || error.message);
    if (library) console.error("plot", card.data.title, error);
  } finally {
    card.busy = false;
  }
}

function click(card, event) {
  const point = event.points[0];
  if (!point) return;
  card.n = Math.max(card.n + 1, Date.now()); // never repeats, not even after the card has left and come back
  const { curveNumber, pointNumber, customdata = null } = point;
  card.send({ curve: curveNumber, point: pointNumber, customdata, n: card.n });
}

function redraw(card) {
  card.stale = true;
  draw(card);
}

// Writes only what differs: an equal text that is set again is laid out again.
function caption(card, data) {
  const { title, note } = data;
  if (title !== card.data?.title || note !== card.data?.note) {
    for (const [element, words] of [[card.title, title], [card.note, note]]) {
      element.textContent = words;
      element.title = words;
    }
    card.graph.setAttribute("aria-label", `${title}. ${note}`);
  }
  if (data.height === card.data?.height && data.phone === card.data?.phone) return;
  card.root.style.setProperty("--ps-height", data.height);
  card.root.style.setProperty("--ps-height-phone", data.phone);
}

function createCard(root) {
  const part = (name) => root.querySelector(`.ps-${name}`);
  const card = {
    root, title: part("title"), note: part("note"), graph: part("graph"), trouble: part("trouble"),
    data: null, send: null, drawn: "", draws: 0, stale: false, busy: false, width: 0, height: 0, n: 0,
  };
  card.watch = new ResizeObserver(([entry]) => {
    const { width, height } = entry.contentRect;
    if (width === card.width && height === card.height) return;
    Object.assign(card, { width, height });
    redraw(card);
  });
  return card;
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".ps-card");
  let card = cards.get(root);
  if (!card) {
    card = createCard(root);
    cards.set(root, card);
  }
  caption(card, data);
  card.data = data;
  card.send = (value) => setStateValue("clicked", value);
  card.watch.observe(card.graph); // calls back with the size at first, and when it changes
  redraw(card);
  return () => {
    if (root.isConnected) return;
    card.watch.disconnect();
    window.Plotly?.purge(card.graph);
  };
}
