// Everything that moves, mounted as one: Streamlit's own work for each element would cost more than the drawing.
const boards = new WeakMap();

// follows: the part of the same area that stands there and comes after it, or null.
function createPart(key, { kind, area }, root, follows) {
  const box = document.createElement("div");
  box.className = "ps-part";
  box.dataset.part = key;
  box.dataset.kind = kind;
  box.innerHTML = TEMPLATES[kind]; // our own files, never data
  for (const made of box.querySelectorAll("[id]")) made.id = `${made.id}-${key}`;
  for (const name of ["for", "aria-describedby"])
    for (const made of box.querySelectorAll(`[${name}]`)) made.setAttribute(name, `${made.getAttribute(name)}-${key}`);
  root.querySelector(`.ps-${area}`).insertBefore(box, follows);
  return box;
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".ps-board");
  const board = boards.get(root) ?? { parts: new Map(), sent: {}, ends: new Map() };
  boards.set(root, board);
  const all = Object.entries(data.parts);
  const after = (i) => all.slice(i + 1).find(([key, { area }]) => area === all[i][1].area && board.parts.has(key))?.[0];
  for (const [i, [key, part]] of all.entries()) {
    if (!board.parts.has(key)) board.parts.set(key, createPart(key, part, root, board.parts.get(after(i)) ?? null));
    const send = (name, value) => {
      board.sent = { ...board.sent, [key]: { ...board.sent[key], [name]: value } };
      setStateValue("sent", board.sent);
    };
    board.ends.set(key, KINDS[part.kind]({ data: part.data, parentElement: board.parts.get(key), setStateValue: send }));
  }
  for (const [key, box] of board.parts) box.hidden = !(key in data.parts);
  return () => {
    if (!root.isConnected) board.ends.forEach((end) => end?.());
  };
}
