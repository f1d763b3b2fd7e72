// Runs of text: plain, code, emphasised, and words and symbols that say what they mean when pointed at or focused;
// a word that was explained before is not another stop of the Tab key.
const shownRuns = new WeakMap();
const GAP = 6; // px between a word and its meaning
let meanings = 0;

function runOf({ text, kind, meaning }) {
  if (!kind) return document.createTextNode(text);
  const made = document.createElement(TAGS[kind]);
  made.textContent = text;
  if (STOPS.has(kind)) Object.assign(made, { tabIndex: 0, role: "button", className: `ps-${kind}` });
  if (meaning) Object.assign(made, { title: "" }).dataset.meaning = meaning; // no other tip over this one
  return made;
}

const TAGS = { code: "code", em: "em", term: "span", again: "span", symbol: "span" };
const STOPS = new Set(["term", "symbol"]); // of the Tab key; spans, because a button would not break as words do

// What stays the same is left alone, and with it the focus.
function fillRuns(node, runs) {
  const key = JSON.stringify(runs);
  if (shownRuns.get(node) === key) return;
  shownRuns.set(node, key);
  node.replaceChildren(...runs.map(runOf));
}

// What is shown as it is, in runs: a term where it first comes is a stop of the Tab key.
function termsOf(words) {
  const runs = [], known = new Set();
  let done = 0;
  for (const found of words.matchAll(TERMS)) {
    const meaning = MEANINGS[found[1].toLowerCase()];
    runs.push({ text: words.slice(done, found.index) }, { text: found[0], kind: known.has(meaning) ? "again" : "term", meaning });
    known.add(meaning);
    done = found.index + found[0].length;
  }
  return [...runs, { text: words.slice(done) }].filter((run) => run.text);
}

function showMeaning(section, tip, word) {
  if (tip.dataset.of === word.dataset.meaning && !tip.hidden) return;
  tip.textContent = tip.dataset.of = word.dataset.meaning;
  tip.hidden = false;
  word.setAttribute("aria-describedby", tip.id);
  const [all, at] = [section, word].map((each) => each.getBoundingClientRect());
  const left = Math.max(0, Math.min(at.left - all.left, all.width - tip.offsetWidth));
  tip.style.left = `${left}px`;
  tip.style.top = `${at.bottom - all.top + GAP}px`;
}

// One tooltip a part, for the pointer and the focus; Escape sends it away.
function explain(section) {
  if (section.querySelector(":scope > .ps-meaning")) return;
  const tip = Object.assign(document.createElement("p"), { className: "ps-meaning", id: `meaning-${(meanings += 1)}`, hidden: true });
  tip.setAttribute("role", "tooltip");
  section.append(tip);
  const wordOf = (event) => event.target.closest?.("[data-meaning]");
  for (const come of ["pointerover", "focusin", "click"])
    section.addEventListener(come, (event) => wordOf(event) && showMeaning(section, tip, wordOf(event)));
  for (const go of ["pointerout", "focusout"]) section.addEventListener(go, () => { tip.hidden = true; });
  section.addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });
}
