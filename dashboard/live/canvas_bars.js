// What two models answer to one picture: a table with two bars a class. Rows keep their places and are written into.
const LETTERS = 4; // of a class's name beside a narrow bar

function put(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

function createBar(body) {
  const row = body.insertRow(), head = document.createElement("th");
  head.scope = "row";
  row.append(head);
  const bars = row.insertCell();
  bars.setAttribute("aria-hidden", "true");
  bars.append(Object.assign(document.createElement("b"), { className: "ps-dense" }), document.createElement("b"));
  row.insertCell();
  row.insertCell();
  return row;
}

function fillBar(row, { name, dense, compressed, words, most }) {
  const [head, bars, ...figures] = row.cells;
  put(head, name);
  head.title = name;
  [dense, compressed].forEach((share, i) => (bars.children[i].style.width = `${100 * share}%`));
  figures.forEach((cell, i) => {
    put(cell, words[i]);
    cell.classList.toggle("ps-most", most[i]);
  });
}

function showBars(body, bars) {
  while (body.rows.length > bars.length) body.lastElementChild.remove();
  body.parentElement.classList.toggle("ps-named", bars.some(({ name }) => name.length > LETTERS));
  bars.forEach((each, i) => fillBar(body.rows[i] ?? createBar(body), each));
}
