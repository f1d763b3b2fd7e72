// The third part: where the points are, which of them a pointer means, and the sentence of each.
const NEAR = 24; // px from the pointer to a point

// What a click chooses: a point that is seen and stands for something.
const takes = (trace) => trace.type !== "bar" && Boolean(trace.customdata) && (isHeat(trace) || shownMarkers(trace));

function pointsOf(view, trace, curve) {
  if (isHeat(trace)) return cellsOf(view, trace, curve);
  const x = view.axes[trace.xaxis ?? "x"], y = view.axes[trace.yaxis ?? "y"];
  const size = shownMarkers(trace) ? sizeOf(trace, y) : 2;
  const seen = trace.x.map((value, i) => inside(x, value) && inside(y, trace.y[i]));
  const points = trace.x.map((value, i) => ({ curve, point: i, x: place(x, value), y: place(y, trace.y[i]), size }));
  return points.filter((_, i) => seen[i]);
}

// The points that can be chosen, from left to right; of those in one place the one on top.
function choices(view) {
  const found = new Map();
  view.figure.data.forEach((trace, curve) => {
    if (takes(trace)) for (const hit of pointsOf(view, trace, curve)) found.set(`${r(hit.x)} ${r(hit.y)}`, hit);
  });
  return [...found.values()].sort((a, b) => a.x - b.x || b.y - a.y);
}

// What the pointer means: a bar it is on, a point near it, or the bin above or below it. Of equals the one on top.
function meant(view, at) {
  let best = null, least = Infinity;
  view.figure.data.forEach((trace, curve) => {
    if (!trace.hovertemplate) return;
    for (const [hit, away] of candidates(view, trace, curve, at)) {
      if (away > least) continue;
      [best, least] = [hit, away];
    }
  });
  return best;
}

function candidates(view, trace, curve, at) {
  if (trace.type === "bar") {
    const on = ({ left, right, top, bottom }) => at.x >= left && at.x <= right && at.y >= top - 3 && at.y <= bottom + 3;
    return view.bars.get(curve).filter(on).map(({ point }) => [{ curve, point, ...at, size: 0 }, 0]);
  }
  const points = pointsOf(view, trace, curve);
  if (isHeat(trace)) {
    const within = (hit) => 2 * Math.abs(hit.x - at.x) <= hit.width && 2 * Math.abs(hit.y - at.y) <= hit.height;
    return points.filter(within).map((hit) => [hit, 0]);
  }
  const bins = trace.mode === "markers" && !shownMarkers(trace);
  if (bins) return axisAt(view, at) ? points.map((hit) => [hit, Math.abs(hit.x - at.x)]) : [];
  return points.map((hit) => [hit, Math.hypot(hit.x - at.x, hit.y - at.y)]).filter(([, away]) => away <= NEAR);
}

// The x axis under the pointer.
function axisAt(view, { x, y }) {
  if (y < view.top || y > view.bottom) return null;
  return view.across.find((axis) => x >= axis.from && x <= axis.to) ?? null;
}

// d3's formats as far as figures.py writes them: "," and ".1%" and ".3g".
function formatted(value, format = "") {
  if (typeof value !== "number") return String(value ?? "");
  const digits = Number(/\.(\d+)/.exec(format)?.[1] ?? 0);
  if (format.endsWith("%")) return `${(100 * value).toFixed(digits)} %`.replace("-", "−");
  if (format.endsWith("g")) return String(Number(value.toPrecision(digits || 6))).replaceAll("-", "−");
  const plain = String(Number(value.toPrecision(12)));
  return format === "," ? grouped(plain) : plain.replaceAll("-", "−");
}

// The sentence of a point. It is only ever shown as plain text.
function sentence(trace, point) {
  const template = trace.hovertemplate.replace(/<extra>.*?<\/extra>/g, "");
  const words = template.replace(/%\{(\w+)(?:\[(\d+)\])?(?::([^}]*))?\}/g, (_, name, part, format) => {
    const value = entry(trace, name, point);
    return formatted(part === undefined ? value : value?.[part], format);
  });
  return words.replace(/<br\s*\/?>/g, "\n");
}

const nameOf = (figure, { curve, point }) => JSON.stringify(entry(figure.data[curve], "customdata", point));
