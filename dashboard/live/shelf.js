// Kept runs: picked, renamed, annotated, opened and deleted in place. What is done goes to Python in order.
const shelves = new WeakMap();

const element = (name, properties = {}) => Object.assign(document.createElement(name), properties);

function put(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

// Every deed until Python has acknowledged it: a state that is sent again replaces the one before.
function send(shelf, what, number, text = "") {
  shelf.n = Math.max(shelf.n + 1, Date.now());
  shelf.queue.push({ what, number, text, n: shelf.n });
  shelf.push(shelf.queue);
}

function createField(shelf, what, number) {
  const field = element("input", { type: "text", className: `ps-${what}`, maxLength: 200, autocomplete: "off", spellcheck: false });
  field.addEventListener("change", () => send(shelf, what, number, field.value));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") field.value = field.dataset.kept;
    if (event.key === "Enter" || event.key === "Escape") field.blur();
  });
  return field;
}

function createButton(shelf, what, number, words) {
  const button = element("button", { type: "button", textContent: words });
  button.addEventListener("click", () => send(shelf, what, number));
  return button;
}

function createRun(shelf, number) {
  const item = element("li"), box = element("input", { type: "checkbox" });
  box.addEventListener("change", () => send(shelf, box.checked ? "pick" : "drop", number));
  const label = element("label");
  label.append(box, element("b"));
  const parts = {
    box, label, letter: label.lastChild, name: createField(shelf, "name", number), note: createField(shelf, "note", number),
    right: element("span", { className: "ps-right" }), about: element("p"),
    when: element("span", { className: "ps-when" }), open: createButton(shelf, "open", number, "Open"),
    remove: createButton(shelf, "delete", number, "Delete"),
  };
  const foot = element("div");
  foot.append(parts.when, parts.open, parts.remove);
  item.append(label, parts.name, parts.right, parts.about, parts.note, foot);
  shelf.runs.set(number, { item, ...parts });
  return item;
}

// A field is the hand's for as long as it has the focus, or Python has not heard of what was typed.
function fillField(field, words, { hint, waits }) {
  field.placeholder = hint;
  if (waits) return;
  field.dataset.kept = words;
  if (field.getRootNode().activeElement !== field && field.value !== words) field.value = words;
}

function fill(shelf, data) {
  const run = shelf.runs.get(data.number);
  const waits = (...deeds) => shelf.queue.some(({ what, number }) => number === data.number && deeds.includes(what));
  const called = data.name || (data.dense ? "the dense model" : `run ${data.number}`);
  if (!waits("pick", "drop")) run.box.checked = data.picked;
  run.box.disabled = data.full && !data.picked;
  run.box.setAttribute("aria-label", `Compare ${called}`);
  put(run.letter, data.letter);
  fillField(run.name, data.name, { hint: data.dense ? "The dense model" : `run ${data.number}`, waits: waits("name") });
  run.name.setAttribute("aria-label", `Name of run ${data.number}`);
  fillField(run.note, data.note, { hint: "Add a note", waits: waits("note") });
  run.note.setAttribute("aria-label", `Note on ${called}`);
  for (const name of ["right", "about", "when"]) put(run[name], data[name]);
  run.about.title = data.about;
  run.open.setAttribute("aria-label", `Open ${called} in Explore`);
  run.open.hidden = !data.here;
  run.remove.setAttribute("aria-label", `Delete ${called}`);
  run.remove.hidden = data.dense;
  run.item.toggleAttribute("data-picked", data.picked);
  run.item.toggleAttribute("data-dense", data.dense);
}

function createShelf(root) {
  return { root, list: root.querySelector(".ps-runs"), runs: new Map(), queue: [], n: 0, push: null };
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".ps-shelf");
  if (!shelves.has(root)) shelves.set(root, createShelf(root));
  const shelf = shelves.get(root);
  shelf.push = (deeds) => setStateValue("deeds", deeds);
  shelf.queue = shelf.queue.filter(({ n }) => n > data.ack);
  put(root.querySelector(".ps-title"), data.title);
  put(root.querySelector(".ps-note"), data.note);
  shelf.list.setAttribute("aria-label", data.title);
  const numbers = new Set(data.runs.map(({ number }) => number));
  for (const [number, { item }] of shelf.runs) {
    if (numbers.has(number)) continue;
    item.remove();
    shelf.runs.delete(number);
  }
  data.runs.forEach((each, i) => {
    const item = shelf.runs.get(each.number)?.item ?? createRun(shelf, each.number);
    if (shelf.list.children[i] !== item) shelf.list.insertBefore(item, shelf.list.children[i] ?? null);
    fill(shelf, each);
  });
}
