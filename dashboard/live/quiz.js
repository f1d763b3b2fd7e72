// Questions that are answered by choosing; the first answer to each is what this browser remembers.
const quizzes = new WeakMap();
let asked = 0;

function put(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

const element = (name, properties = {}) => Object.assign(document.createElement(name), properties);

function createQuestion(quiz, i) {
  const set = element("fieldset"), says = element("div", { className: "ps-says" });
  says.setAttribute("role", "status");
  says.append(element("b"), element("p"));
  set.append(element("legend"), element("div", { className: "ps-options" }), says);
  set.dataset.group = `question ${(asked += 1)}`;
  set.addEventListener("change", (event) => quiz.answer(i, Number(event.target.value)));
  return set;
}

function fillOptions(box, { choices }, group) {
  while (box.children.length > choices.length) box.lastChild.remove();
  choices.forEach((runs, i) => {
    const label = box.children[i] ?? box.appendChild(element("label"));
    if (!label.children.length) label.append(element("input", { type: "radio", name: group, value: `${i}` }), element("span"));
    fillRuns(label.lastChild, runs);
  });
}

function fillQuestion(set, question, chosen) {
  const [legend, options, says] = set.children, known = chosen !== null, right = chosen === question.right;
  fillRuns(legend, question.asks);
  fillOptions(options, question, set.dataset.group);
  [...options.children].forEach((label, i) => {
    label.firstChild.checked = i === chosen;
    label.toggleAttribute("data-right", known && i === question.right);
    label.toggleAttribute("data-wrong", i === chosen && !right);
  });
  put(says.firstChild, known ? (right ? "✓ Right. " : "✗ Not so. ") : "");
  fillRuns(says.lastChild, known ? question.explains : []);
}

function show(quiz) {
  const box = quiz.root.querySelector(".ps-questions"), { questions } = quiz.data;
  while (box.children.length > questions.length) box.lastChild.remove();
  while (box.children.length < questions.length) box.append(createQuestion(quiz, box.children.length));
  questions.forEach((question, i) => fillQuestion(box.children[i], question, quiz.chosen[i] ?? null));
}

function createQuiz(root) {
  const quiz = { root, data: null, subject: null, chosen: [], firsts: [] };
  quiz.answer = (i, choice) => {
    quiz.chosen[i] = choice;
    quiz.firsts[i] ??= choice === quiz.data.questions[i].right;
    keep(quiz.data.lesson, { answers: quiz.data.questions.map((_, n) => quiz.firsts[n] ?? null) });
    show(quiz);
  };
  return quiz;
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".ps-quiz");
  if (!quizzes.has(root)) quizzes.set(root, createQuiz(root));
  const quiz = quizzes.get(root);
  if (quiz.subject !== data.subject) Object.assign(quiz, { subject: data.subject, chosen: [], firsts: [] });
  quiz.data = data;
  explain(root);
  put(root.querySelector(".ps-title"), data.title);
  put(root.querySelector(".ps-note"), data.note);
  show(quiz);
}
