// The two figures, and the wish for more images: Python measures a little in each run, and only when it is asked.
const readouts = new WeakMap();
const waiting = (globalThis.prunescopeWaiting ??= new Set()); // filled by slider.js
const LOST_MS = 2000;
const SAY_MS = 1500;
const WORDS = ["accuracy", "drop", "interval", "file", "file-unit", "ratio", "removed", "dense"];

function createReadout(root) {
  return { root, data: null, send: null, seq: 0, asking: 0, saying: 0 };
}

function write(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

function show(r) {
  const { root, data } = r;
  const part = (name) => root.querySelector(`.ps-${name}`);
  for (const name of WORDS) write(part(name), data[name.replace("-", "_")]);
  const count = (n) => n.toLocaleString("en");
  write(part("images"), `${count(data.images)} of ${count(data.images_all)} images`);
  part("bar").firstElementChild.style.transform = `scaleX(${data.images_all ? data.images / data.images_all : 0})`;
  root.dataset.version = data.version;
}

// Said once the figures stand still: a screen reader is not talked over during a drag.
function say(r) {
  const { accuracy, interval, drop, file, file_unit, ratio } = r.data;
  const range = interval ? `, ${interval}` : "";
  const words = `Accuracy ${accuracy} percent${range}, ${drop}. File ${file} ${file_unit}, ${ratio}.`;
  write(r.root.querySelector(".ps-said"), words);
}

// While a slider waits for its own answer a newer state is on its way, and asking would only hold that up.
function ask(r) {
  if (waiting.size) {
    r.asking = setTimeout(() => ask(r), r.data.patience_ms);
    return;
  }
  r.seq = Math.max(r.seq + 1, Date.now()); // never repeats, not even after a remount
  r.send({ seq: r.seq });
  r.asking = setTimeout(() => ask(r), LOST_MS);
}

function update(r, data) {
  clearTimeout(r.asking);
  clearTimeout(r.saying);
  r.data = data;
  show(r);
  r.saying = setTimeout(() => say(r), SAY_MS);
  if (data.images < data.images_all) r.asking = setTimeout(() => ask(r), data.resting ? 0 : data.patience_ms);
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".ps-readout");
  let r = readouts.get(root);
  if (!r) {
    r = createReadout(root);
    readouts.set(root, r);
  }
  r.send = (wish) => setStateValue("more", wish);
  if (data !== r.data) update(r, data); // the same data again is a change of theme
  return () => {
    if (root.isConnected) return;
    clearTimeout(r.asking);
    clearTimeout(r.saying);
  };
}
