// One of a few, or of many in a list.
const FEW = 8;
let picks = 0;

function createPick(box, spot) {
  const list = make("div", { className: "ps-choices" }), select = make("select");
  list.setAttribute("role", "radiogroup");
  box.replaceChildren(list, select);
  select.addEventListener("change", () => spot.guessed(select.value));
  return { list, select, spot, made: "", name: `pick ${(picks += 1)}` };
}

function rebuildPick(pick, choices) {
  pick.list.replaceChildren(...choices.map((value) => {
    const label = make("label"), input = make("input", { type: "radio", name: pick.name, value });
    input.addEventListener("change", () => pick.spot.guessed(value));
    label.append(input, make("span", { textContent: value }), make("b"));
    return label;
  }));
  const none = make("option", { value: "", textContent: "Choose one", disabled: true });
  pick.select.replaceChildren(none, ...choices.map((value) => make("option", { value, textContent: value })));
}

function updatePick(pick, data, guess) {
  const made = JSON.stringify(data.choices);
  if (pick.made !== made) rebuildPick(pick, data.choices);
  pick.made = made;
  pick.list.hidden = data.choices.length > FEW;
  pick.select.hidden = !pick.list.hidden;
  pick.select.value = guess ?? "";
  pick.select.disabled = data.asked;
  pick.select.setAttribute("aria-label", "Your prediction");
  pick.list.setAttribute("aria-label", "Your prediction");
  for (const label of pick.list.children) {
    const [input, , badge] = label.children;
    Object.assign(input, { checked: input.value === guess, disabled: data.asked });
    const found = data.answer === input.value;
    label.toggleAttribute("data-found", found);
    put(badge, found ? "measured" : "");
  }
}
