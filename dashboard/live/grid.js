// A table of native controls, a row a layer. What is typed goes to Python in order, and nothing is lost on the way.
const tables = new WeakMap();

const element = (name, properties = {}) => Object.assign(document.createElement(name), properties);

function write(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

function createTable(root) {
  const part = (name) => root.querySelector(name);
  const t = {
    root, copy: part(".ps-g-copy"), hint: part(".ps-g-hint"), head: part("thead"), body: part("tbody"), scroll: part(".ps-g-scroll"),
    rows: new Map(), columns: "", queue: [], n: 0, checked: new Set(), data: null, push: null, all: null,
  };
  t.copy.addEventListener("click", () => send(t, { what: "copy", layer: chosenOf(t), targets: targets(t) }));
  return t;
}

// Every deed until Python has acknowledged it: a state that is sent again replaces the one before.
function send(t, deed) {
  t.n = Math.max(t.n + 1, Date.now());
  t.queue.push({ layer: "", field: "", text: "", targets: [], ...deed, n: t.n });
  t.push(t.queue);
}

// What was chosen last holds at once: an answer to an earlier deed does not know of it yet.
const chosenOf = (t) => t.queue.findLast(({ what }) => what === "choose")?.layer ?? t.data.chosen;
const targets = (t) => t.data.rows.map(({ name }) => name).filter((name) => t.checked.has(name) && name !== chosenOf(t));

function head(t, columns) {
  const key = JSON.stringify(columns);
  if (t.columns === key) return;
  t.columns = key;
  t.rows.clear();
  t.body.replaceChildren();
  const [above, below] = [element("tr"), element("tr")];
  t.all = element("input", { type: "checkbox", title: "Check all layers shown" });
  t.all.setAttribute("aria-label", t.all.title);
  t.all.addEventListener("change", () => checkAll(t));
  const check = element("th", { className: "ps-g-check" });
  check.append(t.all);
  above.append(element("th", { className: "ps-g-name" }), element("th"));
  below.append(element("th", { className: "ps-g-name", textContent: "Layer", scope: "col" }), check);
  columns.forEach((column, i) => {
    const first = column.group !== columns[i - 1]?.group;
    if (first) above.append(groupHead(columns, column.group));
    const cell = element("th", { textContent: column.label, title: column.hint, scope: "col", className: first ? "ps-g-first" : "" });
    below.append(cell);
  });
  t.head.replaceChildren(above, below);
}

function groupHead(columns, group) {
  const colSpan = columns.filter((column) => column.group === group).length;
  return element("th", { textContent: group, colSpan, scope: "colgroup", className: "ps-g-first" });
}

function checkAll(t) {
  for (const { name } of t.data.rows) if (name) (t.all.checked ? t.checked.add(name) : t.checked.delete(name));
  refresh(t);
}

function createRow(t, { name, label }) {
  const tr = element("tr"), row = { tr, name, fields: [], shown: "" };
  const choose = element("input", { type: "radio", name: "ps-g-chosen", value: name });
  choose.addEventListener("change", () => {
    send(t, { what: "choose", layer: name });
    refresh(t);
  });
  const words = element("label");
  words.append(choose, element("span", { textContent: `\u200e${label}\u200e`, title: label }));
  const head = element("th", { className: "ps-g-name", scope: "row" });
  head.append(words);
  const check = element("td", { className: "ps-g-check" });
  if (name) check.append((row.check = createCheck(t, name)));
  tr.append(head, check);
  t.data.columns.forEach((column, i) => tr.append(createCell(t, row, column, label, i)));
  return Object.assign(row, { choose });
}

function createCheck(t, name) {
  const check = element("input", { type: "checkbox" });
  check.setAttribute("aria-label", `Copy to ${name}`);
  check.addEventListener("change", () => {
    if (check.checked) t.checked.add(name);
    else t.checked.delete(name);
    tools(t);
  });
  return check;
}

function createCell(t, row, column, label, i) {
  const first = column.group !== t.data.columns[i - 1]?.group ? " ps-g-first" : "";
  if (column.kind === "figure") {
    const cell = element("td", { className: `ps-g-figure${first}` });
    row.fields.push(cell);
    return cell;
  }
  const field = element(column.kind === "select" ? "select" : "input", { className: "ps-g-field", autocomplete: "off" });
  if (column.kind === "text") field.size = 5;
  field.setAttribute("aria-label", `${label}, ${column.group}: ${column.label}`);
  field.title = column.hint;
  field.addEventListener("change", () => send(t, { what: "edit", layer: row.name, field: column.name, text: field.value }));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && column.kind !== "select") field.value = field.dataset.shown ?? "";
  });
  row.fields.push(field);
  const cell = element("td", { className: first.trim() });
  cell.append(field);
  return cell;
}

function updateRow(t, row, data) {
  const chosen = data.name === chosenOf(t);
  row.tr.className = chosen ? "ps-g-chosen" : "";
  row.choose.checked = chosen;
  if (row.check) row.check.checked = t.checked.has(data.name);
  const key = JSON.stringify(data);
  const waiting = t.queue.some(({ what, layer }) => what === "edit" && layer === data.name);
  if (row.shown === key || waiting) return;
  row.shown = key;
  t.data.columns.forEach((column, i) => {
    const field = row.fields[i];
    if (column.kind === "figure") write(field, data.cells[i]);
    else updateField(field, column, { text: data.cells[i], own: data.own[i], wrong: data.wrong[i], options: data.options?.[column.name] });
  });
}

function updateField(field, column, { text, own, wrong, options = column.options }) {
  if (column.kind === "select") fill(field, options);
  const typing = field.getRootNode().activeElement === field && field.value !== (field.dataset.shown ?? "");
  if (!typing && field.value !== text) field.value = text;
  field.dataset.shown = text;
  field.classList.toggle("ps-g-own", own);
  if (wrong) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}

function fill(select, options) {
  const key = JSON.stringify(options);
  if (select.dataset.options === key) return;
  select.dataset.options = key;
  select.replaceChildren(...options.map(([value, textContent]) => element("option", { value, textContent })));
  select.dataset.shown = "";
}

function tools(t) {
  const chosen = chosenOf(t), many = targets(t).length, layers = `${many} checked layer${many === 1 ? "" : "s"}`;
  t.copy.disabled = !chosen || !many;
  write(t.copy, chosen && many ? `Copy ${chosen} to ${layers}` : "Copy a row");
  write(t.hint, t.copy.disabled ? `${t.data.hint} To copy a row, choose it and check the layers that are to have the same.` : t.data.hint);
  const names = t.data.rows.map(({ name }) => name).filter(Boolean);
  t.all.checked = names.length > 0 && names.every((name) => t.checked.has(name));
}

function refresh(t) {
  const { rows, columns } = t.data;
  head(t, columns);
  const names = new Set(rows.map(({ name }) => name));
  for (const [name, { tr }] of t.rows) {
    if (names.has(name)) continue;
    tr.remove();
    t.rows.delete(name);
  }
  rows.forEach((data, i) => {
    if (!t.rows.has(data.name)) t.rows.set(data.name, createRow(t, data));
    const row = t.rows.get(data.name);
    if (t.body.children[i] !== row.tr) t.body.insertBefore(row.tr, t.body.children[i] ?? null);
    updateRow(t, row, data);
  });
  tools(t);
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".ps-grid");
  if (!tables.has(root)) tables.set(root, createTable(root));
  const t = tables.get(root);
  t.data = data;
  t.push = (queue) => setStateValue("deeds", [...queue]);
  t.queue = t.queue.filter(({ n }) => n > data.ack);
  refresh(t);
}
