"""The figures of the lower left plot beside the singular values: how sure the answers are, and what theory says."""

import math

import numpy as np

from core.certainty import BINS, LEVELS, Certainty, doubt
from core.theory import Law, snr
from dashboard.figures import COMPRESSED, DENSE, PAGE, SENTENCE, Figure, drawn, empty, plain, titled

LEAST = 1e-8  # the left end of the theory's axis, where smaller errors are drawn too


def entropy(dense: Certainty, compressed: Certainty) -> Figure:
    """The share of images whose predictive entropy is at least that of the axis, dense and compressed."""
    top = math.log2(max(2, len(compressed.images)))
    edges = plain(np.linspace(0, top, BINS + 1)[:-1])
    least = 100 / sum(compressed.images)
    axes = {
        "xaxis": titled("predictive entropy (bits)", 0, top, nticks=6),
        "yaxis": titled("images at least this unsure (%)", math.log10(least / 1.5), math.log10(130), type="log")
        | {"tickvals": [0.01, 0.1, 1, 10, 100], "ticktext": ["0.01", "0.1", "1", "10", "100"]},
    }
    sides = (("dense", dense, DENSE), ("compressed", compressed, COMPRESSED))
    return drawn("entropy", [_at_least(edges, least, side) for side in sides], axes)


def _at_least(edges: list[float], least: float, side: tuple[str, Certainty, str]) -> dict:
    name, sums, color = side
    beyond = 100 * np.cumsum(sums.entropy[::-1])[::-1] / sum(sums.entropy)
    shown = [share if share >= least / 2 else None for share in beyond.tolist()]
    said = [
        f"{name}: {share:.3g} % of the images have {edge:.2f} bits or more"
        for share, edge in zip(beyond, edges, strict=True)
    ]
    return _line((edges, shown), said, color, 5)


def _line(points: tuple[list, list], said: list[str], color: str, size: int) -> dict:
    """A line through dots that each say a sentence. points: x and y. size: of a dot, in pixels."""
    x, y = points
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": x,
        "y": y,
        "line": {"color": color, "width": 2},
        "marker": {"size": size, "color": color},
        "text": said,
        **SENTENCE,
    }


def labels(dense: Certainty, compressed: Certainty) -> Figure:
    """The mean predictive entropy of each label's images, compressed (dot) and dense (ring)."""
    found = [doubt(side).by_class for side in (dense, compressed)]
    known = [label for label, many in enumerate(compressed.images) if many]
    names = [str(label) for label in known]
    before, now = ([side[label] for label in known] for side in found)
    said = [
        f"label {name}: {b:.3f} bits on average, dense {a:.3f}" for name, a, b in zip(names, before, now, strict=True)
    ]
    axes = {
        "xaxis": titled("mean predictive entropy (bits)", 0, 1.08 * max(*before, *now, 1e-3), nticks=6),
        "yaxis": {"autorange": "reversed", "ticks": "", "automargin": True, "type": "category", "fixedrange": True},
    }
    return drawn("labels", _pairs(names, (before, now), said), axes)


def _pairs(names: list[str], values: tuple[list[float], list[float]], said: list[str]) -> list[dict]:
    """A ring at the first and a dot at the second value of each name, with a line between them."""
    ring, dot = values
    line = {"color": COMPRESSED, "width": 2}
    shared = {"type": "scatter", "y": names, "mode": "markers", "text": said, **SENTENCE}
    link_x = [value for pair in zip(ring, dot, strict=True) for value in (*pair, None)]
    link_y = [value for name in names for value in (name, name, None)]
    return [
        {"type": "scatter", "mode": "lines", "x": link_x, "y": link_y, "line": line, "hoverinfo": "skip"},
        {**shared, "x": ring, "marker": {"size": 10, "color": PAGE, "line": {"color": DENSE, "width": 2}}},
        {**shared, "x": dot, "marker": {"size": 9, "color": COMPRESSED}},
    ]


def reliability(dense: Certainty, compressed: Certainty) -> Figure:
    """The share answered right against the confidence, dense and compressed; dotted where both would be the same."""
    same = {"x": [0, 100], "y": [0, 100], "line": {"color": DENSE, "dash": "dot", "width": 1.5}}
    sides = (("dense", dense, DENSE), ("compressed", compressed, COMPRESSED))
    data = [{"type": "scatter", "mode": "lines", "hoverinfo": "skip", **same}, *map(_right, sides)]
    axes = {
        "xaxis": titled("confidence (%)", 0, 101, nticks=6),
        "yaxis": titled("answered right (%)", 0, 104, nticks=6),
    }
    return drawn("reliability", data, axes)


def _right(side: tuple[str, Certainty, str]) -> dict:
    name, sums, color = side
    held = [level for level in range(LEVELS) if sums.counted[level]]
    x = [100 * sums.confident[level] / sums.counted[level] for level in held]
    y = [100 * sums.right[level] / sums.counted[level] for level in held]
    said = [
        f"{name}: of {sums.counted[level]:,} images with {a:.1f} % confidence {b:.1f} % are right"
        for level, a, b in zip(held, x, y, strict=True)
    ]
    return _line((x, y), said, color, 7)


def theory(laws: list[Law]) -> Figure:
    """Squared errors as shares of the squared weights: predicted (ring) and measured (dot), a law a row."""
    if not laws:
        return empty()
    values = tuple([max(LEAST, value) for value in side] for side in zip(*(law[1:3] for law in laws), strict=True))
    said = [
        f"{law.source}: {law.predicted:.3g} predicted, {law.measured:.3g} measured, {snr(law):.1f} dB of signal"
        for law in laws
    ]
    ticks = {f"1e{power}": 10.0**power for power in range(-8, 0)} | {"1": 1.0}
    axes = {
        "xaxis": titled("squared error / squared weights", math.log10(LEAST) - 0.3, 0.6, type="log")
        | {"tickvals": list(ticks.values()), "ticktext": list(ticks)},
        "yaxis": {"autorange": "reversed", "ticks": "", "automargin": True, "type": "category", "fixedrange": True},
    }
    return drawn("theory", _pairs([law.name for law in laws], values, said), axes)
