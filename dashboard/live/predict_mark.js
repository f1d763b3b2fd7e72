// A marker on a scale. Once it is measured, what was found stands on the same scale.
const make = (name, properties = {}) => Object.assign(document.createElement(name), properties);
const roundTo = (value, step) => Number((Math.round(value / step) * step).toFixed(6));

// The words of a value, as the axis counts.
function reads(value, { digits, unit }) {
  return `${value.toFixed(digits)}${unit ? ` ${unit}` : ""}`;
}

// The thumb's centre runs from 10 px to 10 px before the end.
const along = (value, { low, high }) => `calc(10px + ${(value - low) / (high - low)} * (100% - 20px))`;

function createMark(box, spot) {
  const range = make("input", { type: "range", className: "ps-marker" }), words = make("p", { className: "ps-you" });
  const scale = make("div", { className: "ps-scale" }), found = make("span", { className: "ps-found", hidden: true });
  const ends = make("div", { className: "ps-ends" });
  ends.append(make("span"), make("span"), make("span"));
  scale.append(range, found);
  box.replaceChildren(words, scale, ends);
  const touched = () => spot.guessed(Number(range.value));
  range.addEventListener("input", touched);
  range.addEventListener("pointerup", touched);
  range.addEventListener("keydown", ({ key }) => (key === "Enter" || key === " ") && touched());
  return { range, words, found, ends };
}

function updateMark({ range, words, found, ends }, data, guess) {
  Object.assign(range, { min: data.low, max: data.high, step: data.step, disabled: data.asked });
  range.value = guess ?? (data.low + data.high) / 2;
  range.setAttribute("aria-label", `Your prediction: ${data.axis}`);
  range.setAttribute("aria-valuetext", guess === null ? "nothing predicted yet" : reads(guess, data));
  range.toggleAttribute("data-untouched", guess === null);
  put(words, guess === null ? "Move the marker to where you think it will be." : `You say ${reads(guess, data)}`);
  found.hidden = data.answer === null;
  if (!found.hidden) found.style.left = along(Math.min(data.high, Math.max(data.low, data.answer)), data);
  put(found, found.hidden ? "" : `measured ${reads(data.answer, data)}`);
  found.dataset.side = data.answer > (data.low + data.high) / 2 ? "left" : "right";
  [reads(data.low, data), data.axis, reads(data.high, data)].forEach((text, i) => put(ends.children[i], text));
}
