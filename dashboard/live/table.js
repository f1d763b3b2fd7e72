// A table whose rows can be opened and saved. Rows are written into in place: a button keeps the focus it has.
const tables = new WeakMap();

function put(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

function createRow(table, body) {
  const row = body.insertRow();
  for (const [name, act] of [["Open", open], ["Save", save]]) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    button.addEventListener("click", () => act(table, table.data.rows[row.sectionRowIndex]));
    row.append(button);
  }
  return row;
}

function open(table, { number }) {
  table.n = Math.max(table.n + 1, Date.now()); // never repeats, not even after a remount
  table.send({ number, n: table.n });
}

function save(_, { file, text }) {
  const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  Object.assign(document.createElement("a"), { href: address, download: file }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

// The cells of a row, with its two buttons in the last one.
function fill(row, { cells, marked, name }, long) {
  const buttons = [...row.querySelectorAll("button")];
  while (row.cells.length < cells.length + 1) row.insertCell();
  cells.forEach((words, i) => {
    put(row.cells[i], words);
    row.cells[i].toggleAttribute("data-long", i === long);
  });
  const last = row.cells[cells.length];
  if (buttons[0].parentElement !== last) last.append(...buttons);
  buttons[0].setAttribute("aria-label", `Open ${name} in Explore`);
  buttons[1].setAttribute("aria-label", `Save the recipe of ${name}`);
  row.toggleAttribute("data-marked", marked);
}

function headed(row, words) {
  while (row.cells.length < words.length) row.append(Object.assign(document.createElement("th"), { scope: "col" }));
  words.forEach((each, i) => put(row.cells[i], each));
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".ps-table");
  const table = tables.get(root) ?? { n: 0, shown: "" };
  tables.set(root, table);
  table.send = (value) => setStateValue("opened", value);
  const now = JSON.stringify(data);
  if (now === table.shown) return;
  Object.assign(table, { data, shown: now });
  root.style.setProperty("--ps-height", data.height);
  put(root.querySelector(".ps-title"), data.title);
  root.querySelector(".ps-scroll").setAttribute("aria-label", data.title);
  headed(root.querySelector("thead tr"), [...data.head, ""]);
  const body = root.querySelector("tbody");
  while (body.rows.length > data.rows.length) body.lastElementChild.remove();
  data.rows.forEach((each, i) => fill(body.rows[i] ?? createRow(table, body), each, data.long));
}
