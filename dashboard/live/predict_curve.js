// A curve that is drawn with the pointer, or point by point with the keys; what was measured is drawn over it.
const SVG = "http://www.w3.org/2000/svg";
const PAGE = 10; // steps of a page key
const places = (many) => [...Array(many).keys()].map((i) => (100 * (i + 0.5)) / many);
const heightOf = (value, { low, high }) => 100 - (100 * (value - low)) / (high - low);

function createCurve(box, spot) {
  const frame = make("div", { className: "ps-frame" }), lines = document.createElementNS(SVG, "svg"), ends = make("div", { className: "ps-heights" });
  lines.setAttribute("viewBox", "0 0 100 100");
  lines.setAttribute("preserveAspectRatio", "none");
  lines.setAttribute("aria-hidden", "true");
  for (const name of ["drawn", "found"]) lines.append(document.createElementNS(SVG, "path"));
  lines.children[0].setAttribute("class", "ps-drawn");
  lines.children[1].setAttribute("class", "ps-measured");
  ends.append(make("span"), make("span"));
  const below = make("div", { className: "ps-below" }), axis = make("p", { className: "ps-axis" });
  const words = make("p", { className: "ps-you" });
  frame.append(lines, ends);
  box.replaceChildren(words, frame, below, axis);
  const curve = { frame, lines, ends, below, axis, words, dots: [], data: null, values: null };
  curve.set = (changes) => {
    if (curve.data.asked) return;
    const { low, high, step } = curve.data, values = [...(curve.values ?? curve.dots.map(() => (low + high) / 2))];
    for (const [i, value] of changes) values[i] = Math.min(high, Math.max(low, roundTo(value, step)));
    spot.guessed(values);
  };
  drawBy(curve);
  return curve;
}

function placeOf(curve, event) {
  const box = curve.frame.getBoundingClientRect(), { low, high } = curve.data, many = curve.dots.length;
  const i = Math.floor((many * (event.clientX - box.left)) / box.width);
  return [Math.min(many - 1, Math.max(0, i)), high - ((high - low) * (event.clientY - box.top)) / box.height];
}

// A fast hand skips points: those between two moves lie on the line between them.
function drawBy(curve) {
  let last = null;
  curve.frame.addEventListener("pointerdown", (event) => {
    if (event.button || curve.data.asked) return;
    curve.frame.setPointerCapture(event.pointerId);
    last = placeOf(curve, event);
    curve.set([last]);
  });
  curve.frame.addEventListener("pointermove", (event) => {
    if (!last) return;
    const next = placeOf(curve, event), way = next[0] - last[0], changes = [next];
    for (let i = 1; i < Math.abs(way); i += 1)
      changes.push([last[0] + i * Math.sign(way), last[1] + ((next[1] - last[1]) * i) / Math.abs(way)]);
    last = next;
    curve.set(changes);
  });
  for (const end of ["pointerup", "pointercancel"]) curve.frame.addEventListener(end, () => { last = null; });
}

function createDot(curve, i) {
  const dot = make("div", { className: "ps-dot", tabIndex: 0 });
  dot.setAttribute("role", "slider");
  dot.setAttribute("aria-orientation", "vertical");
  dot.addEventListener("keydown", (event) => {
    const { low, high, step } = curve.data, now = curve.values?.[i] ?? (low + high) / 2;
    const to = { ArrowUp: now + step, ArrowDown: now - step, PageUp: now + PAGE * step, PageDown: now - PAGE * step, Home: low, End: high }[event.key];
    const next = { ArrowLeft: i - 1, ArrowRight: i + 1 }[event.key];
    if (to === undefined && next === undefined) return;
    event.preventDefault();
    if (next === undefined) curve.set([[i, to]]);
    else curve.dots[next]?.focus();
  });
  curve.frame.append(dot);
  return dot;
}

function updateCurve(curve, data, values) {
  curve.data = data;
  curve.values = values;
  const at = places(data.points.length), { low, high } = data;
  while (curve.dots.length < at.length) curve.dots.push(createDot(curve, curve.dots.length));
  while (curve.dots.length > at.length) curve.dots.pop().remove();
  while (curve.below.children.length < at.length) curve.below.append(make("span"));
  while (curve.below.children.length > at.length) curve.below.lastChild.remove();
  curve.dots.forEach((dot, i) => {
    const value = values?.[i] ?? (low + high) / 2, named = `${data.points[i]} ${data.along}`;
    Object.assign(dot.style, { left: `${at[i]}%`, top: `${heightOf(value, data)}%` });
    dot.toggleAttribute("data-untouched", !values);
    for (const [name, said] of Object.entries({ label: `${data.axis}, ${named}`, valuemin: low, valuemax: high, valuenow: value, disabled: data.asked }))
      dot.setAttribute(`aria-${name}`, said);
    const measured = data.answer ? `, measured ${reads(data.answer[i], data)}` : "";
    dot.setAttribute("aria-valuetext", (values ? reads(value, data) : "nothing predicted yet") + measured);
    put(curve.below.children[i], data.points[i]);
  });
  const path = (heights) => (heights ? heights.map((value, i) => `${i ? "L" : "M"}${at[i]},${heightOf(value, data)}`).join("") : "");
  curve.lines.children[0].setAttribute("d", path(values));
  curve.lines.children[1].setAttribute("d", path(data.answer));
  [reads(high, data), reads(low, data)].forEach((text, i) => put(curve.ends.children[i], text));
  put(curve.axis, data.along);
  curve.frame.toggleAttribute("data-asked", data.asked);
  put(curve.words, data.answer ? "dashed: you · solid: measured" : `Draw it: ${data.axis}. Or move each point with the arrow keys.`);
}
