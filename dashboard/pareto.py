"""The trade-off as a figure: every measured recipe a point, those that no other beats on a line, the goal, the best."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from core.search import Goal, front_of
from dashboard import words
from dashboard.figures import (
    COMPRESSED,
    DENSE,
    PAGE,
    REMOVED,
    SENTENCE,
    Figure,
    drawn,
    empty,
    size_ticks,
    titled,
)
from dashboard.trail import Visited

ROUND = (1, 2, 5)  # times a power of ten: where a logarithmic axis may begin
HALF = 0.005  # half a point of accuracy
ABOVE = 0.25  # of the accuracy axis below dense: as much lies above
SPAN = 50  # times: a logarithmic axis reaches from there to the dense model at least
ROOM = 4.0  # times the drop allowed that the accuracy axis reaches below dense


class Plane(NamedTuple):
    """What is drawn. found: of `core.search.table`. said: the sentence of each of its rows. visited: of the session."""

    found: pd.DataFrame
    goal: Goal
    said: Sequence[str]
    across: str = "bytes"
    up: str = "accuracy"
    visited: Sequence[Visited] = ()


def floor(found: pd.DataFrame, goal: Goal) -> float:
    """Where the accuracy axis begins, a fraction; it moves only where the best recipe does."""
    dense, best = found["accuracy"].iloc[0], found.loc[found["best"], "accuracy"]
    below = max(0.02, ROOM * (goal.drop or 0.0) / 100)
    wanted = min([dense - below, *(best - below / ROOM)])
    return max(0.0, math.floor(wanted / HALF) * HALF)


def inside(found: pd.DataFrame, goal: Goal) -> pd.DataFrame:
    """The rows that lie on the accuracy axis."""
    return found[found["accuracy"] >= floor(found, goal)]


def pareto(plane: Plane) -> Figure:
    """The plane's figure; an empty one where nothing is measured."""
    shown = inside(plane.found, plane.goal) if len(plane.found) else plane.found
    shown = shown.dropna(subset=[plane.across, plane.up])
    if shown.empty:
        return empty()
    best, front = shown[shown["best"]], front_of(shown, plane.across, plane.up)
    beaten = shown.drop(index=front.index)
    data = [
        *_lines(plane, shown),
        _dots(plane, beaten, {"marker": {"size": 6, "color": COMPRESSED}, "opacity": 0.35}),
        _been(plane),
        _dots(plane, front, {"marker": {"size": 8, "color": COMPRESSED}, "line": {"color": COMPRESSED, "width": 1.5}}),
        _best(plane, best),
    ]
    ends = {name: _ends(plane, shown, name) for name in (plane.across, plane.up)}
    axes = {side: _axis(name, ends[name]) for side, name in (("xaxis", plane.across), ("yaxis", plane.up))}
    key = " ".join(f"{name} {low:g} {high:g}" for name, (low, high) in ends.items())
    return drawn(f"pareto {key}", data, axes, shapes=_shapes(plane))


def _ends(plane: Plane, shown: pd.DataFrame, name: str) -> tuple[float, float]:
    """The ends of an axis, in the units that it is drawn in."""
    values = _drawn(shown[name], name)
    if name == "accuracy":
        low, dense = 100 * floor(plane.found, plane.goal), 100 * plane.found["accuracy"].iloc[0]
        return low, dense + ABOVE * (dense - low)
    if name == "milliseconds":
        return 0.0, 1.15 * values.max()
    _, goal = _bounds(plane).get(name, (None, None))
    low = max(1e-3, min(values.min() / 1.1, values.max() / SPAN, goal or math.inf))
    power = 10 ** math.floor(math.log10(low))
    return max(step * power for step in ROUND if step * power <= low * (1 + 1e-9)), 1.25 * values.max()


def _axis(name: str, ends: tuple[float, float]) -> dict:
    low, high = ends
    if name in ("accuracy", "milliseconds"):
        return titled(TITLES[name], low, high, nticks=6)
    ticks = size_ticks(low, high) if name == "bytes" else _count_ticks(low, high)
    return titled(TITLES[name], math.log10(low), math.log10(high), type="log", **ticks)


def _count_ticks(low: float, high: float) -> dict:
    """Round counts between two, as they are said."""
    values = [step * 10.0**power for power in range(13) for step in ROUND]
    held = [value for value in values if low <= value <= high]
    return {"tickvals": held, "ticktext": [words.short_count(round(value)) for value in held]}


def _drawn(values: pd.Series, name: str) -> pd.Series:
    """Values in the units of their axis: per cent, kB, counts, ms."""
    return values.astype(float) * UNITS[name]


def _dots(plane: Plane, rows: pd.DataFrame, look: dict) -> dict:
    """A marker a row that says its sentence and carries its number; a line through them where the look has one."""
    return {
        "type": "scatter",
        "mode": "lines+markers" if "line" in look else "markers",
        "x": _drawn(rows[plane.across], plane.across).tolist(),
        "y": _drawn(rows[plane.up], plane.up).tolist(),
        "text": [plane.said[number] for number in rows["number"]],
        "customdata": rows["number"].tolist(),
        **SENTENCE,
        **look,
    }


def _best(plane: Plane, best: pd.DataFrame) -> dict:
    """The best safe recipe, large, with the interval of its drop where accuracy is up."""
    look: dict = {"marker": {"size": 14, "color": COMPRESSED, "line": {"color": PAGE, "width": 2}}}
    if plane.up == "accuracy":
        above, below = (best["drop"] - best["low"]).tolist(), (best["high"] - best["drop"]).tolist()
        reach = {"type": "data", "array": above, "arrayminus": below, "color": COMPRESSED, "thickness": 1.5, "width": 0}
        look["error_y"] = reach
    return _dots(plane, best, look)


def _been(plane: Plane) -> dict:
    """The settings that a hand visited in Explore, as rings."""
    known = plane.visited if (plane.across, plane.up) == ("bytes", "accuracy") else ()
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [visited.written * UNITS["bytes"] for visited in known],
        "y": [100 * visited.accuracy for visited in known],
        "marker": {"size": 7, "color": PAGE, "line": {"color": DENSE, "width": 1.5}},
        "text": [f"visited in Explore: {visited.text}" for visited in known],
        **SENTENCE,
    }


def _bounds(plane: Plane) -> dict[str, tuple[float, float | None]]:
    """By objective: the dense model's value, and the one that the goal allows, in the units of the axis."""
    dense = plane.found.iloc[0]
    allowed = None if plane.goal.drop is None else 100 * dense["accuracy"] - plane.goal.drop
    within = None if plane.goal.bytes is None else plane.goal.bytes * UNITS["bytes"]
    return {"accuracy": (100 * dense["accuracy"], allowed), "bytes": (dense["bytes"] * UNITS["bytes"], within)}


def _lines(plane: Plane, shown: pd.DataFrame) -> list[dict]:
    """Dense and the goal across the plot, for the objective that is up."""
    low, high = _ends(plane, shown, plane.across)
    dense, goal = _bounds(plane).get(plane.up, (None, None))
    looks = (
        (dense, {"color": DENSE, "dash": "dot", "width": 1.5}),
        (goal, {"color": REMOVED, "dash": "dash", "width": 1.5}),
    )
    return [
        {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "x": [low, high], "y": [level] * 2, "line": line}
        for level, line in looks
    ]


def _shapes(plane: Plane) -> list[dict]:
    """The goal as an upright line, where its objective lies across."""
    _, goal = _bounds(plane).get(plane.across, (None, None))
    line = {"color": REMOVED, "width": 1.5, "dash": "dash"}
    shape = {"type": "line", "x0": goal, "x1": goal, "y0": 0, "y1": 1, "yref": "paper", "line": line}
    return [] if goal is None else [shape]


UNITS = {"accuracy": 100.0, "bytes": 1e-3, "macs": 1.0, "milliseconds": 1.0}
TITLES = {
    "accuracy": "accuracy (%)",
    "bytes": "file size",
    "macs": "MACs by non-zero weights",
    "milliseconds": "measured time of one image (ms)",
}
