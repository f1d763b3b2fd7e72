// What a student has done, in this browser alone: lesson -> { measured, answers: [right or wrong, …] }.
const KEPT = "prunescope/learn";

function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(KEPT));
    return found && typeof found === "object" && !Array.isArray(found) ? found : {};
  } catch {
    return {}; // no storage, or another program's text in it
  }
}

function keep(lesson, change) {
  const all = kept();
  writeKept({ ...all, [lesson]: { ...all[lesson], ...change } });
}

function writeKept(all) {
  try {
    localStorage.setItem(KEPT, JSON.stringify(all));
  } catch {
    // a browser that keeps nothing still teaches
  }
  dispatchEvent(new Event(KEPT));
}
