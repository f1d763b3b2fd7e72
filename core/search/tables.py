"""What a search measured, as a table: a row a recipe, and the rows that no other beats."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from core.latency import Fastest
from core.recipe import Recipe, to_json
from core.search.goal import Goal, Point, best, safe, unbeaten


class Axis(NamedTuple):
    """An objective: what it is in words, and whether more of it is better."""

    words: str
    more: bool = False


class Told(NamedTuple):
    """What became known of a search's points after it: the recipe that was confirmed last, None before that, and times
    by the recipe's JSON on one line."""

    result: Recipe | None = None
    times: Mapping[str, Fastest] = {}


def table(points: Sequence[Point], goal: Goal, told: Told | None = None) -> pd.DataFrame:
    """A row a point, in the order they were measured; the first is the dense model.

    Columns: number, those of AXES (NaN where nobody knows), drop, low, high (points), smaller, fewer and faster (the
    dense model's bytes, MACs and milliseconds over the recipe's), variant, saves (time, by its whole interval), safe,
    best: the result, or before there is one the best safe point.
    """
    told, chosen = told or Told(), best(points, goal)
    if told.result is not None:
        chosen = next((point for point in points if point.recipe == told.result), chosen)
    found = pd.DataFrame([_row(point, points[0], _time(point, told)) for point in points], columns=COLUMNS)
    found["number"] = np.arange(len(points))
    found["safe"] = [safe(point, goal) for point in points]
    found["best"] = [point is chosen for point in points]
    if told.times and len(found):
        dense = next(iter(told.times.values())).dense
        found.loc[0, ["milliseconds", "faster", "variant"]] = [dense, 1.0, "dense"]
    return found


def _time(point: Point, told: Told) -> Fastest | None:
    """How long a point takes, where it was timed."""
    return told.times.get(to_json(point.recipe, indent=None)) if told.times else None


def _row(point: Point, dense: Point, time: Fastest | None) -> dict[str, float | str | bool | None]:
    """What is known of one point."""
    nan = float("nan")
    fewer = dense.macs / point.macs if point.macs and dense.macs else nan
    return {
        "accuracy": point.accuracy,
        "bytes": point.bytes,
        "macs": nan if point.macs is None else point.macs,
        "milliseconds": time.milliseconds if time else nan,
        "drop": point.drop,
        "low": point.low,
        "high": point.high,
        "images": point.images,
        "smaller": dense.bytes / point.bytes,
        "fewer": fewer,
        "faster": 1 / time.times if time else nan,
        "variant": time.variant if time else "",
        "saves": time.saves if time else None,
    }


def front_of(found: pd.DataFrame, across: str, up: str) -> pd.DataFrame:
    """The rows of a table that no other beats in two objectives at once, in the order of the first one."""
    known = found.dropna(subset=[across, up])
    signs = [-1 if AXES[name].more else 1 for name in (across, up)]
    costs = known[[across, up]].to_numpy(float) * signs
    return known.iloc[unbeaten([*map(tuple, costs)])].sort_values(across)


COLUMNS = (
    *("number", "accuracy", "bytes", "macs", "milliseconds", "drop", "low", "high", "images"),
    *("smaller", "fewer", "faster", "variant", "saves", "safe", "best"),
)
AXES = {
    "bytes": Axis("file size"),
    "macs": Axis("MACs"),
    "milliseconds": Axis("measured time"),
    "accuracy": Axis("accuracy", more=True),
}
