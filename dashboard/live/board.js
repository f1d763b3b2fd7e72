// Everything that moves, mounted as one: Streamlit's own work for each element would cost more than the drawing.
const boards = new WeakMap();

// Sentences of ours: their words of the glossary say what they mean. What writes them compares texts, not nodes.
const PROSE = ".ps-note, .ps-hint, .ps-sentence, .ps-line-of-words, .ps-lines li";
const explainedTexts = new WeakMap();

function explainTerms(box) {
  for (const node of box.querySelectorAll(PROSE)) {
    const words = node.textContent;
    if (explainedTexts.get(node) === words) continue;
    explainedTexts.set(node, words);
    const runs = termsOf(words);
    if (runs.length < 2) continue;
    explain(box);
    shownRuns.delete(node);
    fillRuns(node, runs);
  }
}

function createPart(key, { kind, area }, root) {
  const box = document.createElement("div");
  box.className = "ps-part";
  box.dataset.part = key;
  box.dataset.kind = kind;
  box.innerHTML = TEMPLATES[kind]; // our own files, never data
  for (const made of box.querySelectorAll("[id]")) made.id = `${made.id}-${key}`;
  for (const name of ["for", "aria-describedby"])
    for (const made of box.querySelectorAll(`[${name}]`)) made.setAttribute(name, `${made.getAttribute(name)}-${key}`);
  root.querySelector(`.ps-${area}`).append(box);
  return box;
}

// A part that has become one of another kind is made anew in its old place; a new one stands behind the one before it,
// and those that are there stay where they are.
function partOf(board, key, part, { root, before }) {
  const there = board.parts.get(key);
  if (there?.dataset.kind === part.kind) return there;
  const box = createPart(key, part, root);
  board.parts.set(key, box);
  if (there) {
    there.replaceWith(box);
    board.ends.get(key)?.();
  } else if (before) before.after(box);
  else box.parentElement.prepend(box);
  return box;
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".ps-board");
  const board = boards.get(root) ?? { parts: new Map(), sent: {}, ends: new Map() };
  boards.set(root, board);
  const last = {};
  for (const [key, part] of Object.entries(data.parts)) {
    const box = (last[part.area] = partOf(board, key, part, { root, before: last[part.area] }));
    const send = (name, value) => {
      board.sent = { ...board.sent, [key]: { ...board.sent[key], [name]: value } };
      setStateValue("sent", board.sent);
    };
    board.ends.set(key, KINDS[part.kind]({ data: part.data, parentElement: box, setStateValue: send }));
    explainTerms(box);
  }
  for (const [key, box] of board.parts) box.hidden = !(key in data.parts);
  return () => {
    if (!root.isConnected) board.ends.forEach((end) => end?.());
  };
}
