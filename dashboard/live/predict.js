// What a student thinks, before anything is measured: nothing is sent until "Measure" is pressed.
const spots = new WeakMap();

function put(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

const FIELDS = { mark: [createMark, updateMark], curve: [createCurve, updateCurve], pick: [createPick, updatePick] };

function show(spot) {
  const { data, guess, root } = spot, part = (name) => root.querySelector(`.ps-${name}`);
  FIELDS[data.kind][1](spot.field, data, guess);
  const [measure, again] = [part("measure"), part("again")];
  const held = spot.root.getRootNode().activeElement === measure;
  measure.hidden = data.asked;
  measure.disabled = guess === null;
  again.hidden = !data.asked;
  put(again, data.busy ? "Cancel" : "Predict again");
  if (held && !again.hidden) again.focus({ preventScroll: true }); // the button that had the focus is gone; who has scrolled on stays there
}

function createSpot(root) {
  const spot = { root, field: null, kind: "", subject: null, guess: null, n: 0, send: null, data: null };
  spot.guessed = (guess) => {
    if (spot.data.asked) return;
    spot.guess = guess;
    show(spot);
  };
  const ask = (guess) => {
    spot.n = Math.max(spot.n + 1, Date.now());
    spot.send({ subject: spot.subject, guess, n: spot.n });
  };
  root.querySelector(".ps-measure").addEventListener("click", () => ask(spot.guess));
  root.querySelector(".ps-again").addEventListener("click", () => ask(null));
  return spot;
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".ps-predict");
  if (!spots.has(root)) spots.set(root, createSpot(root));
  const spot = spots.get(root), before = spot.data;
  spot.send = (asked) => setStateValue("asked", asked);
  if (spot.kind !== data.kind) spot.field = FIELDS[data.kind][0](root.querySelector(".ps-guess"), spot);
  if (spot.subject !== data.subject || data.asked) spot.guess = data.guess;
  Object.assign(spot, { kind: data.kind, subject: data.subject, data });
  explain(root);
  put(root.querySelector(".ps-title"), data.title);
  fillRuns(root.querySelector(".ps-question"), data.question);
  put(root.querySelector(".ps-verdict"), data.verdict);
  show(spot);
  if (data.answer !== null && before?.subject === data.subject && before.answer === null) keep(data.lesson, { measured: true });
}
