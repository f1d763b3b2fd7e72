// The lessons, and how far this browser's student is in each.
const lists = new WeakMap();

const element = (name, properties = {}) => Object.assign(document.createElement(name), properties);

function put(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

// Whole answers only: what is stored may be anything.
function progressOf(name) {
  const { measured, answers } = kept()[name] ?? {};
  const given = Array.isArray(answers) ? answers.filter((each) => typeof each === "boolean") : [];
  if (given.length) return ["✓", `${given.filter(Boolean).length} of ${answers.length} answers right`];
  return measured ? ["•", "measured"] : ["", ""];
}

function createRow(list, name) {
  const item = element("li"), button = element("button", { type: "button" });
  button.append(element("span", { className: "ps-number" }), element("span"), element("span", { className: "ps-done" }));
  button.addEventListener("click", () => list.choose(name));
  item.append(button);
  list.rows.set(name, button);
  return item;
}

function fillRow(list, lesson) {
  const button = list.rows.get(lesson.name), [number, title, done] = button.children;
  const [mark, words] = progressOf(lesson.name);
  put(number, `${lesson.number}`);
  put(title, lesson.title);
  put(done, mark);
  button.title = lesson.why || words;
  button.toggleAttribute("data-without", Boolean(lesson.why));
  button.setAttribute("aria-label", [`${lesson.number}. ${lesson.title}`, words, lesson.why].filter(Boolean).join("; "));
  if (lesson.name === list.data.chosen) button.setAttribute("aria-current", "page");
  else button.removeAttribute("aria-current");
}

function fill(list) {
  const { lessons, chosen } = list.data;
  for (const lesson of lessons) fillRow(list, lesson);
  lessons.forEach((lesson, i) => put(list.select.options[i], `${lesson.number}. ${lesson.title} ${progressOf(lesson.name)[0]}`.trim()));
  list.select.value = chosen;
  list.forget.hidden = !Object.keys(kept()).length;
}

function rebuild(list) {
  list.rows.clear();
  list.items.replaceChildren(...list.data.lessons.map(({ name }) => createRow(list, name)));
  list.select.replaceChildren(...list.data.lessons.map(({ name }) => element("option", { value: name })));
}

function createList(root) {
  const part = (name) => root.querySelector(`.ps-${name}`);
  const list = { select: part("choice"), items: part("list"), forget: part("forget"), rows: new Map(), names: "", n: 0, data: null };
  list.select.addEventListener("change", () => list.choose(list.select.value));
  list.forget.addEventListener("click", () => writeKept({}));
  list.changed = () => fill(list);
  addEventListener(KEPT, list.changed);
  return list;
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".ps-contents");
  if (!lists.has(root)) lists.set(root, createList(root));
  const list = lists.get(root), names = JSON.stringify(data.lessons.map(({ name }) => name));
  list.choose = (name) => setStateValue("chosen", { name, n: (list.n = Math.max(list.n + 1, Date.now())) });
  list.data = data;
  put(root.querySelector(".ps-title"), data.title);
  put(root.querySelector(".ps-note"), data.note);
  root.setAttribute("aria-label", data.title);
  list.select.setAttribute("aria-label", "Lesson");
  if (list.names !== names) rebuild(list);
  list.names = names;
  fill(list);
  return () => {
    if (!root.isConnected) removeEventListener(KEPT, list.changed);
  };
}
