"""The figures of a training: what it loses, gains, removes and stores, a point a look; softened answers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from core.training import Planned, Step
from dashboard.figures import COMPRESSED, DENSE, PAGE, REMOVED, SENTENCE, Figure, drawn, empty, plain, titled

ROOM = (0.95, 0.9, 0.8, 0.5, 0.0)  # where the accuracy axis may begin
TINY = 1e-3  # the least height of an axis


@dataclass(frozen=True)
class Curve:
    """What is drawn of a training. field: of `Step`. title: of its axis. scale: from its units to those of the axis.

    word: what a point is said to be.
    """

    field: str
    title: str
    scale: float
    word: str


def curve(steps: Sequence[Step], shown: Curve, levels: Sequence[tuple[str, float]] = ()) -> Figure:
    """A figure of each look against the steps made; `levels` are lines across where the curve's axis reaches them.

    'dense' is dotted, others are dashed.
    """
    if not steps:
        return empty()
    values = [shown.scale * getattr(step, shown.field) for step in steps]
    last, end = steps[-1], steps[-1].steps
    low, high = _ends(shown, [*values, *(level for name, level in levels if name == "dense")])
    across = [_level(end, name, level) for name, level in levels if low <= level <= high]
    data = [*across, _line(steps, values, shown), _now(last, values[-1])]
    axes = {"xaxis": titled("steps", 0, end, nticks=6), "yaxis": titled(shown.title, low, high, nticks=5)}
    return drawn(f"{shown.field} {end} {low:g} {high:g}", data, axes, shapes=_bounds(steps))


def _ends(shown: Curve, values: Sequence[float]) -> tuple[float, float]:
    """An axis that moves seldom: from a round accuracy to 100 %, or from 0 to a power of 2 of its own unit."""
    if shown.field == "accuracy":
        low = next(floor for floor in ROOM if 100 * floor <= min(values))
        return 100 * low, 100 + 5 * (1 - low)
    top = max(*values, TINY)
    return 0.0, 1.05 * (100.0 if shown.field == "sparsity" else 2 ** math.ceil(math.log2(top)))


def _line(steps: Sequence[Step], values: list[float], shown: Curve) -> dict:
    said = [
        f"step {step.step}, {step.doing}: {value:.4g} {shown.word}" for step, value in zip(steps, values, strict=True)
    ]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [step.step for step in steps],
        "y": plain(values),
        "line": {"color": COMPRESSED, "width": 2},
        "marker": {"size": 5, "color": COMPRESSED},
        "text": said,
        **SENTENCE,
    }


def _now(step: Step, value: float) -> dict:
    """The last look, large."""
    marker = {"size": 12, "color": COMPRESSED, "line": {"color": PAGE, "width": 2}}
    return {"type": "scatter", "mode": "markers", "x": [step.step], "y": [value], "marker": marker, "hoverinfo": "skip"}


def _level(end: int, name: str, level: float) -> dict:
    look = {"color": DENSE, "dash": "dot"} if name == "dense" else {"color": REMOVED, "dash": "dash"}
    line = {**look, "width": 1.5}
    return {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "x": [0, end], "y": [level] * 2, "line": line}


def _bounds(steps: Sequence[Step]) -> list[dict]:
    """Thin lines where one round ends and the next begins."""
    ends = [one.step for one, other in pairwise(steps) if one.doing != other.doing]
    line = {"color": DENSE, "width": 1, "dash": "dot"}
    return [{"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "line": line} for x in ends]


def plan(steps: Sequence[Planned], field: str, title: str, end: float) -> Figure:
    """What a training is to do against its steps, in per cent. field: of `Planned`. end: what a share of 1 is."""
    across = [step.step for step in steps]
    values = plain([100 * end * getattr(step, field) for step in steps])
    line = {"color": COMPRESSED, "width": 2}
    data = [{"type": "scatter", "mode": "lines", "x": across, "y": values, "line": line, "hoverinfo": "skip"}]
    axes = {"xaxis": titled("steps", 0, across[-1], nticks=6), "yaxis": titled(title, 0, 105, nticks=5)}
    return drawn(f"plan {field} {across[-1]}", data, axes)


def softened(plain_answer: Sequence[float], soft: Sequence[float], target: Sequence[float]) -> Figure:
    """Probabilities by class, in per cent: as they are (ring), softened (dot), and what is learned from them (bar)."""
    names = [str(label) for label in range(len(soft))]
    told = [
        f"class {name}: {100 * one:.1f} % as it is, {100 * other:.1f} % softened, {100 * aim:.1f} % is aimed at"
        for name, one, other, aim in zip(names, plain_answer, soft, target, strict=True)
    ]
    shared = {"y": names, "text": told, **SENTENCE}
    bars = {
        "type": "bar",
        "orientation": "h",
        "marker": {"color": REMOVED, "line": {"width": 0}},
        "textposition": "none",
    }
    ring = {"size": 10, "color": PAGE, "line": {"color": DENSE, "width": 2}}
    points = {"type": "scatter", "mode": "markers", **shared}
    data = [
        {
            **shared,
            **bars,
            "x": [100 * value for value in target],
            "marker": {"color": "var(--st-gray-background-color)"},
        },
        {**points, "x": [100 * value for value in plain_answer], "marker": ring},
        {**points, "x": [100 * value for value in soft], "marker": {"size": 9, "color": COMPRESSED}},
    ]
    axes = {
        "xaxis": titled("probability (%)", 0, 104, nticks=6),
        "yaxis": {"autorange": "reversed", "ticks": "", "automargin": True, "type": "category", "fixedrange": True},
    }
    return drawn("softened", data, axes, bargap=0.25)


LOSS = Curve("loss", "loss (nats)", 1.0, "nats an image")
ACCURACY = Curve("accuracy", "held-out accuracy (%)", 100.0, "% right")
SPARSITY = Curve("sparsity", "weights removed (%)", 100.0, "% removed")
ENTROPY = Curve("entropy", "entropy (bits a weight)", 1.0, "bits a weight")
CURVES = (ACCURACY, LOSS, SPARSITY, ENTROPY)
