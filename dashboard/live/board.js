// Everything that moves, mounted as one: Streamlit's own work for each element would cost more than the drawing.
const boards = new WeakMap();

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

// A part that has become one of another kind is made anew in its old place; a new one stands where `data` has it.
function partOf(board, key, parts, root) {
  const part = parts[key];
  const before = board.parts.get(key);
  if (before?.dataset.kind === part.kind) return before;
  const box = createPart(key, part, root);
  board.parts.set(key, box);
  if (before) {
    before.replaceWith(box);
    board.ends.get(key)?.();
  } else followed(board, key, parts)?.before(box);
  return box;
}

// The box of the next part of the same area that stands already.
function followed(board, key, parts) {
  const names = Object.keys(parts), area = parts[key].area;
  const next = names.slice(names.indexOf(key) + 1).find((name) => parts[name].area === area && board.parts.has(name));
  return board.parts.get(next);
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".ps-board");
  const board = boards.get(root) ?? { parts: new Map(), sent: {}, ends: new Map() };
  boards.set(root, board);
  for (const [key, part] of Object.entries(data.parts)) {
    const box = partOf(board, key, data.parts, root);
    const send = (name, value) => {
      board.sent = { ...board.sent, [key]: { ...board.sent[key], [name]: value } };
      setStateValue("sent", board.sent);
    };
    board.ends.set(key, KINDS[part.kind]({ data: part.data, parentElement: box, setStateValue: send }));
  }
  for (const [key, box] of board.parts) box.hidden = !(key in data.parts);
  return () => {
    if (!root.isConnected) board.ends.forEach((end) => end?.());
  };
}
