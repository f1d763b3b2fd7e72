// Headings, sentences, a formula, code: blocks that are rewritten in place.
const proses = new WeakMap();

function blockOf(section, { tag, style }, i) {
  const there = section.children[i];
  if (there && there.localName === tag && there.dataset.style === style) return there;
  const made = document.createElement(tag);
  if (style) made.className = `ps-${style}`;
  made.dataset.style = style;
  if (there && !there.matches(".ps-meaning")) there.replaceWith(made);
  else section.insertBefore(made, there ?? null);
  return made;
}

// A page that has turned begins at its heading, for the eye and for a screen reader.
function turn(section) {
  const heading = section.querySelector("h1, h2");
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
  section.scrollIntoView({ block: "nearest" });
  heading.scrollIntoView({ block: "center" });
}

export default function ({ data, parentElement }) {
  const section = parentElement.querySelector(".ps-prose");
  explain(section);
  data.blocks.forEach((block, i) => {
    const node = blockOf(section, block, i);
    fillRuns(node, block.runs);
    if (block.tag === "pre") Object.assign(node, { tabIndex: 0, role: "region", ariaLabel: data.name });
  });
  while (section.children.length > data.blocks.length + 1) section.children[data.blocks.length].remove();
  const before = proses.get(section);
  proses.set(section, data.turned);
  if (before !== undefined && before !== data.turned) turn(section);
}
