// A heading and its list of sentences; what stays the same is left alone.
function write(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

export default function ({ data, parentElement }) {
  const [title, list] = parentElement.querySelector(".ps-lines").children;
  write(title, data.title);
  list.setAttribute("aria-label", data.title);
  list.style.setProperty("--ps-lines-height", data.height);
  data.lines.forEach((words, i) => write(list.children[i] ?? list.appendChild(document.createElement("li")), words));
  while (list.children.length > data.lines.length) list.lastChild.remove();
}
