// One thumb per mounted slider. Streamlit calls the default export again at every change of `data` or theme.
const thumbs = new WeakMap();
const LOST_MS = 1500;
// Sliders with a value that is unsent or unanswered; the readout asks for more images only while there is none.
const waiting = (globalThis.prunescopeWaiting ??= new Set());

const clamp = (v, { low, high }) => Math.min(high, Math.max(low, v));
const snap = (v, s) => clamp(Number((s.low + Math.round((v - s.low) / s.step) * s.step).toFixed(10)), s);
const page = (s) => s.step * Math.max(1, Math.round((s.high - s.low) / 10 / s.step));

function textOf(v, s) {
  if (v === s.off_at) return s.off_text;
  if (s.stops.length) return s.stops[Math.round(v)];
  return v.toFixed(s.digits) + (s.unit ? ` ${s.unit}` : "");
}

// What a person typed, as a value of the scale; null where it means nothing.
function parse(typed, s) {
  const word = typed.trim().toLowerCase();
  if (s.off_at !== null && word === s.off_text.toLowerCase()) return s.off_at;
  const stop = s.stops.findIndex((t) => t.toLowerCase() === word);
  if (stop >= 0) return stop;
  const bare = s.unit && word.endsWith(s.unit.toLowerCase()) ? word.slice(0, -s.unit.length) : word;
  const number = Number(bare.trim().replace(",", ".").replace("\u2212", "-"));
  if (!bare.trim() || !Number.isFinite(number)) return null;
  if (!s.stops.length) return snap(number, s);
  const away = (i) => Math.abs(Number(s.stops[i]) - number);
  const numbered = [...s.stops.keys()].filter((i) => Number.isFinite(away(i)));
  return numbered.length ? numbered.reduce((a, b) => (away(b) < away(a) ? b : a)) : null;
}

function stepped(event, v, s) {
  const jumps = {
    ArrowLeft: v - s.step, ArrowDown: v - s.step, ArrowRight: v + s.step, ArrowUp: v + s.step,
    PageDown: v - page(s), PageUp: v + page(s), Home: s.low, End: s.high,
  };
  return event.key in jumps ? snap(jumps[event.key], s) : null;
}

function createThumb(root) {
  const part = (name) => root.querySelector(`.ps-${name}`);
  return {
    box: part("slider"), range: part("range"), field: part("value"), label: part("label"), hint: part("hint"),
    scale: null, send: null, value: 0, seq: 0, acked: 0, frame: 0, timer: 0,
    unsent: false, final: true, sentFinal: true, typed: false,
  };
}

function show(t, value) {
  const s = t.scale;
  t.value = value;
  t.range.value = value;
  const words = textOf(value, s);
  t.range.setAttribute("aria-valuetext", words);
  t.range.style.setProperty("--fill", fill(value, s));
  if (!t.typed) t.field.value = words;
}

// The thumb's centre runs from 10 px to 10 px before the end.
function fill(value, s) {
  const part = s.high > s.low ? (value - s.low) / (s.high - s.low) : 1;
  return `calc(10px + ${part} * (100% - 20px))`;
}

function tell(t) {
  if (t.unsent || t.acked < t.seq) waiting.add(t);
  else waiting.delete(t);
}

// At most `window` values are unanswered. Streamlit drops a run's undelivered output when the next run of the same
// fragment starts right behind it, so the newest value waits here rather than there.
function pump(t) {
  t.frame = 0;
  if (!t.unsent || t.seq - t.acked >= t.scale.window) return;
  t.unsent = false;
  t.sentFinal = t.final;
  t.seq += 1;
  clearTimeout(t.timer);
  t.timer = setTimeout(() => giveUp(t), LOST_MS);
  t.send({ value: t.value, seq: t.seq, final: t.final, rev: t.scale.rev, subject: t.scale.subject });
}

// A lost answer must not freeze the slider.
function giveUp(t) {
  t.acked = t.seq;
  pump(t);
  tell(t);
}

function offer(t, value, final) {
  show(t, value);
  t.unsent = true;
  t.final = final;
  tell(t);
  if (!t.frame) t.frame = requestAnimationFrame(() => pump(t));
}

// Chromium sends no `change` where a drag ends on the value it began with.
function settle(t) {
  if (!(t.unsent ? t.final : t.sentFinal)) offer(t, t.value, true);
}

function commit(t) {
  const value = t.typed ? parse(t.field.value, t.scale) : null; // the text of an earlier value is no wish
  t.typed = false;
  t.field.removeAttribute("aria-invalid");
  if (value !== null && value !== t.value) offer(t, value, true);
  t.field.value = textOf(t.value, t.scale);
}

function onFieldKey(t, event) {
  if (event.key === "Enter") {
    commit(t);
    t.field.select();
  } else if (event.key === "Escape") {
    t.typed = false;
    t.field.value = textOf(t.value, t.scale);
    t.field.removeAttribute("aria-invalid");
    t.field.select();
  } else if (["ArrowUp", "ArrowDown", "PageUp", "PageDown"].includes(event.key)) {
    event.preventDefault();
    commit(t);
    offer(t, stepped(event, t.value, t.scale), true);
    t.field.value = textOf(t.value, t.scale);
    t.field.select();
  }
}

function listen(t) {
  const { range, field } = t;
  range.addEventListener("input", () => offer(t, Number(range.value), false));
  range.addEventListener("change", () => offer(t, Number(range.value), true));
  for (const end of ["pointerup", "pointercancel", "touchend", "touchcancel", "blur"])
    range.addEventListener(end, () => requestAnimationFrame(() => settle(t)));
  range.addEventListener("keydown", (event) => {
    const value = event.altKey || event.ctrlKey || event.metaKey ? null : stepped(event, t.value, t.scale);
    if (value === null) return;
    event.preventDefault();
    if (value !== t.value) offer(t, value, true);
  });
  field.addEventListener("focus", () => field.select());
  field.addEventListener("input", () => {
    t.typed = true;
    field.setAttribute("aria-invalid", parse(field.value, t.scale) === null);
  });
  field.addEventListener("keydown", (event) => onFieldKey(t, event));
  field.addEventListener("blur", () => commit(t));
}

function dress(t, s) {
  for (const [element, words] of [[t.label, s.label], [t.hint, s.hint]]) {
    const title = s.about ? `${words}\n\n${s.about}` : words;
    if (element.textContent !== words) element.textContent = words;
    if (element.title !== title) element.title = title;
  }
  t.box.toggleAttribute("data-disabled", s.disabled);
  Object.assign(t.range, { min: s.low, max: s.high, step: s.step, disabled: s.disabled });
  t.field.disabled = s.disabled;
  t.range.setAttribute("aria-label", s.label);
  t.range.setAttribute("aria-describedby", "hint");
  t.field.setAttribute("aria-label", `${s.label}, type a value${s.unit ? ` in ${s.unit}` : ""}`);
}

function update(t, data, send) {
  const before = t.scale;
  t.scale = data;
  t.send = send;
  t.acked = data.ack;
  if (!before) t.seq = data.ack;
  dress(t, data);
  // The browser owns the thumb: Python's value counts at first and where Python changed it, never as an echo.
  if (!before || before.rev !== data.rev) {
    t.unsent = false;
    t.sentFinal = true;
    show(t, data.value);
  } else {
    show(t, clamp(t.value, data));
  }
  tell(t);
  if (t.unsent && !t.frame) t.frame = requestAnimationFrame(() => pump(t));
}

export default function ({ data, parentElement, setStateValue }) {
  let t = thumbs.get(parentElement);
  if (!t || !t.range.isConnected) {
    t = createThumb(parentElement);
    listen(t);
    thumbs.set(parentElement, t);
  }
  update(t, data, (sample) => setStateValue("sample", sample));
  // Streamlit also calls this for a run that a newer one overtook; only a slider that has left the page is over.
  return () => {
    if (t.range.isConnected) return;
    cancelAnimationFrame(t.frame);
    clearTimeout(t.timer);
    waiting.delete(t);
  };
}
