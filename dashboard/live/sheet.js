// A table that is only read. Cells are written into in place: what stays the same is left alone.
function put(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

function fill(row, words, first) {
  while (row.cells.length < words.length) row.append(document.createElement(row.cells.length ? "td" : first));
  while (row.cells.length > words.length) row.lastChild.remove();
  words.forEach((each, i) => put(row.cells[i], each));
}

function head(row, words) {
  while (row.cells.length < words.length) row.append(Object.assign(document.createElement("th"), { scope: "col" }));
  while (row.cells.length > words.length) row.lastChild.remove();
  words.forEach((each, i) => put(row.cells[i], each));
}

export default function ({ data, parentElement }) {
  const part = (name) => parentElement.querySelector(name);
  parentElement.querySelector(".ps-sheet").style.setProperty("--ps-height", data.height);
  put(part(".ps-title"), data.title);
  put(part(".ps-note"), data.note);
  part(".ps-scroll").setAttribute("aria-label", data.title);
  head(part("thead tr"), data.head);
  const body = part("tbody");
  while (body.rows.length > data.rows.length) body.lastElementChild.remove();
  data.rows.forEach((words, i) => fill(body.rows[i] ?? body.insertRow(), words, "th"));
  for (const cell of body.querySelectorAll("th")) cell.scope = "row";
}
