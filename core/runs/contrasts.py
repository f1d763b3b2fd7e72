"""Several runs side by side: their figures, and what differs between their recipes."""

import math
from collections.abc import Sequence

import pandas as pd

from core.recipe import BESIDE, FIELDS, RECOVERED
from core.runs.records import Run
from core.statistics import Tally, estimate

ALL = "all layers"
PLACED = ("number", "dimension", "value", "place")
DIMENSIONS = (
    "bytes",
    "sparsity",
    "bits_per_weight",
    "macs",
    "accuracy",
    "entropy_bits_per_weight",
    "calibration_error",
)


def figures(runs: Sequence[Run]) -> pd.DataFrame:
    """A row a run: number, DIMENSIONS, and `low` and `high`, the 95 % interval of the accuracy; NaN where unknown.

    Accuracies, sparsity and calibration error are fractions.
    """
    return pd.DataFrame([_row(run) for run in runs], columns=["number", *DIMENSIONS, "low", "high"])


def _row(run: Run) -> dict[str, float]:
    known = {name: math.nan if (value := run.report.get(name)) is None else value for name in DIMENSIONS}
    weights = run.report.get("weights")
    rows = run.report.get("layers", ())
    bits = 8 * sum(row["bytes"] for row in rows) / weights if weights and rows else math.nan
    low, high = _interval(known["accuracy"], run.report.get("images"))
    return {"number": run.number} | known | {"bits_per_weight": bits, "low": low, "high": high}


def _interval(accuracy: float, images: int | None) -> tuple[float, float]:
    if images is None or math.isnan(accuracy):
        return math.nan, math.nan
    return estimate(Tally(images, round(accuracy * images)), images).accuracy_ci95


def placed(table: pd.DataFrame) -> pd.DataFrame:
    """Of `figures`, a row a run and dimension: number, dimension, value, and place, from 0 at the least value of its
    dimension to 1 at the largest; 0.5 where all are alike. Dimensions that a run lacks are left out.
    """
    known = [name for name in DIMENSIONS if table[name].notna().all()]
    parts = []
    for name in known:
        low, high = table[name].min(), table[name].max()
        places = (table[name] - low) / (high - low) if high > low else pd.Series(0.5, table.index)
        parts.append(table[["number"]].assign(dimension=name, value=table[name], place=places))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=PLACED)


def differing(runs: Sequence[Run]) -> pd.DataFrame:
    """A row a setting that differs between the recipes: where, what, and each run's value in a column of its number.

    A layer has a row where it departs from what its runs ask of all layers. ValueError where a recipe cannot be read.
    """
    recipes = {run.number: run.recipe for run in runs}
    places = [ALL, *dict.fromkeys(name for recipe in recipes.values() for name in recipe.layers)]
    rows = []
    general = {}
    for place in places:
        found = {number: recipe.settings("" if place == ALL else place) for number, recipe in recipes.items()}
        for field in FIELDS:
            values = {number: getattr(settings, field) for number, settings in found.items()}
            if place == ALL:
                general[field] = values
            if len(set(values.values())) > 1 and (place == ALL or values != general[field]):
                rows.append({"where": place, "what": field} | values)
    for field in BESIDE:
        values = {number: getattr(recipe, field) for number, recipe in recipes.items()}
        if len(set(values.values())) > 1:
            rows.append({"where": "afterwards", "what": field} | values)
    for field in RECOVERED:
        values = {number: recipe.recovered.get(field) for number, recipe in recipes.items()}
        if len(set(values.values())) > 1:
            rows.append({"where": "training", "what": field} | values)
    return pd.DataFrame(rows, columns=["where", "what", *recipes])
