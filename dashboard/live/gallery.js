// Pictures with their captions; each keeps its place and takes the next page's picture.
function put(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

function createItem() {
  const item = document.createElement("li"), picture = document.createElement("img");
  item.append(picture, document.createElement("p"));
  return item;
}

function fill(item, { source, name, lines }) {
  const [picture, caption] = item.children;
  if (picture.src !== source) picture.src = source;
  picture.alt = name;
  while (caption.children.length < lines.length) caption.append(document.createElement("span"));
  while (caption.children.length > lines.length) caption.lastChild.remove();
  lines.forEach((words, i) => put(caption.children[i], words));
}

export default function ({ data, parentElement }) {
  const part = (name) => parentElement.querySelector(`.ps-${name}`);
  part("gallery").style.setProperty("--ps-height", data.height);
  put(part("title"), data.title);
  put(part("note"), data.note);
  const list = part("pictures");
  list.setAttribute("aria-label", data.title);
  while (list.children.length > data.items.length) list.lastChild.remove();
  data.items.forEach((each, i) => fill(list.children[i] ?? list.appendChild(createItem()), each));
}
