// How far some work is, and what it is at. Nothing here asks for more: Python tells when it knows more.
function put(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

export default function ({ data, parentElement }) {
  const part = (name) => parentElement.querySelector(`.ps-${name}`);
  const track = part("track"), share = Math.min(1, Math.max(0, data.share));
  track.firstElementChild.style.transform = `scaleX(${share})`;
  track.setAttribute("aria-label", data.label);
  track.setAttribute("aria-valuenow", Math.round(100 * share));
  track.setAttribute("aria-valuetext", `${data.doing} ${data.left}`.trim());
  part("told").title = data.doing;
  put(part("doing"), data.doing);
  put(part("left"), data.left);
  put(part("trouble"), data.trouble);
}
