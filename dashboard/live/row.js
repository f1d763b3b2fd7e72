// A row of native controls: they cost nothing while a slider moves beside them, and every keyboard knows them.
const rows = new WeakMap();
const TYPING_MS = 250; // after the last letter
const LOST_MS = 15000; // after which a choice is taken for lost: a large model takes its time

const element = (name, properties = {}) => Object.assign(document.createElement(name), properties);

function createSelect(item, pick) {
  const select = element("select");
  select.append(...item.options.map(([value]) => element("option", { value })));
  select.addEventListener("change", () => pick(item.name, select.value));
  return select;
}

function createSegments(item, pick) {
  const box = element("div", { className: "ps-segments" });
  box.setAttribute("role", "radiogroup");
  for (const [value] of item.options) {
    const input = element("input", { type: "radio", name: item.name, value });
    input.addEventListener("change", () => pick(item.name, value));
    const label = element("label");
    label.append(input, element("span"));
    box.append(label);
  }
  return box;
}

function createButton(item, pick) {
  const button = element("button", { type: "button", className: item.main ? "ps-main" : "" });
  button.addEventListener("click", () => pick(item.name, ""));
  return button;
}

function updateSelect(select, item) {
  item.options.forEach(([, words], i) => write(select.options[i], words));
  if (select.value !== item.value) select.value = item.value;
}

function updateSegments(box, item) {
  item.options.forEach(([value, words], i) => {
    const [input, span] = box.children[i].children;
    write(span, words);
    input.checked = value === item.value;
  });
}

function updateButton(button, item) {
  write(button, item.label);
  button.disabled = item.disabled;
}

function createSearch(item, pick) {
  const search = element("input", { type: "search", autocomplete: "off", spellcheck: false, maxLength: 100 });
  let waiting = 0;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => pick(item.name, search.value), TYPING_MS);
  });
  return search;
}

// The field is the hand's for as long as it has the focus.
function updateSearch(search, item) {
  search.placeholder = item.label;
  if (search.getRootNode().activeElement !== search && search.value !== item.value) search.value = item.value;
}

function createLine() {
  const line = element("p", { className: "ps-line-of-words" });
  line.setAttribute("role", "status");
  return line;
}

const createNote = () => element("p", { className: "ps-note" });

function updateNote(note, item) {
  write(note, item.label);
  note.title = item.label;
}

const KINDS = {
  note: [createNote, updateNote],
  line: [createLine, updateNote],
  search: [createSearch, updateSearch],
  select: [createSelect, updateSelect],
  segments: [createSegments, updateSegments],
  button: [createButton, updateButton],
};

function write(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

// What a control is made of; while it stays the same the control stays, and with it the focus.
const shape = (item) => JSON.stringify([item.kind, item.name, item.main, item.options.map(([value]) => value)]);

// One choice at a time goes to Python: a state that is sent before the one before it was read replaces that.
function pick(row, name, value) {
  row.n = Math.max(row.n + 1, Date.now());
  row.queue.push({ name, value, n: row.n });
  if (row.queue.length === 1) send(row);
}

function send(row) {
  clearTimeout(row.timer);
  if (!row.queue.length) return;
  row.push(row.queue[0]);
  row.timer = setTimeout(() => next(row), LOST_MS);
}

function next(row) {
  row.queue.shift();
  send(row);
  draw(row);
}

// What was chosen last holds at once: an answer to an earlier choice does not know of it yet.
function held(row, item) {
  const own = row.queue.findLast(({ name }) => name === item.name);
  return own ? { ...item, value: own.value } : item;
}

function draw(row) {
  row.items.forEach((item, i) => {
    const [create, update] = KINDS[item.kind];
    if (row.shapes[i] !== shape(item)) {
      const made = create(item, (name, value) => pick(row, name, value));
      if (row.root.children[i]) row.root.children[i].replaceWith(made);
      else row.root.append(made);
      row.shapes[i] = shape(item);
    }
    row.root.children[i].setAttribute("aria-label", item.label);
    update(row.root.children[i], held(row, item));
  });
  while (row.root.children.length > row.items.length) row.root.lastChild.remove();
  row.shapes.length = row.items.length;
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".ps-row");
  if (!rows.has(root)) rows.set(root, { root, items: [], shapes: [], n: 0, queue: [], timer: 0, push: null });
  const row = rows.get(root);
  row.items = data.items;
  row.push = (choice) => setStateValue("picked", choice);
  if (row.queue.length && row.queue[0].n === data.ack) next(row);
  else draw(row);
}
