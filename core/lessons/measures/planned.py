"""Lessons about choosing: where to take more, and what is worth its bytes."""

import math

import pandas as pd

from core import jobs, planning
from core.lessons import looking
from core.lessons.looking import Measured
from core.pipeline import Study
from core.planning import Curve
from core.recipe import Recipe, Settings
from core.search import Point, front
from core.sensitivity import sensitivity

LADDER = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
TRIED = 200  # images that a layer alone is measured on
SPARSITIES = (0.0, 0.5, 0.8, 0.9)
BITS = (8, 4, 3, 2)


def adaptive(subject: Study, sparsity: float) -> Measured:
    """The part that a plan takes from each layer, by what each was measured to cost alone, beside the same part."""
    plan = planned(subject, sparsity)
    parts = {layer.name: 100 * plan.settings(layer.name).sparsity for layer in subject.known}
    table = pd.DataFrame(
        [
            {"layer": name, "removed": removed, "how": how}
            for name, part in parts.items()
            for how, removed in (("by plan", part), ("evenly", 100 * sparsity))
        ]
    )
    even = looking.accuracy(subject, Recipe(Settings(sparsity=sparsity)))
    by_plan = looking.accuracy(subject, plan)
    figures = {
        "planned": by_plan,
        "even": even,
        "gain": by_plan - even,
        "spared": min(parts, key=parts.get),
        "spared_part": min(parts.values()),
        "taken": max(parts, key=parts.get),
        "taken_part": max(parts.values()),
        "tried": len(subject.known) * len(LADDER),
        "alone_images": min(TRIED, len(subject.bench.targets)),
    }
    return Measured(figures, table, by_plan)


def planned(subject: Study, sparsity: float) -> Recipe:
    """The plan that takes a part of all weights where each layer alone was measured to lose least."""
    return planning.sensitivity_split(subject.known, curves(subject), {"sparsity": sparsity})


def curves(subject: Study) -> dict[str, Curve]:
    """What each layer costs alone at each step of a ladder: (sparsity, divergence from the dense answers) pairs."""
    return looking.kept(subject, "curves", lambda: _curves(subject))


def _curves(subject: Study) -> dict[str, Curve]:
    found: dict[str, list[tuple[float, float]]] = {layer.name: [] for layer in subject.known}
    for row in sensitivity(subject, Settings(), {"sparsity": [{"sparsity": step} for step in LADDER]}, TRIED):
        jobs.breathe()
        if not row["note"]:
            found[row["layer"]].append((row["setting"], row["divergence"]))
    return found


def pareto(subject: Study, allowed: float) -> Measured:
    """Bytes and right answers of many recipes, those that none beats in both, and what an allowed drop buys."""
    points = tried(subject)
    kept = front(points)
    table = pd.DataFrame(
        [
            {
                "kilobytes": point.bytes / 1000,
                "accuracy": 100 * point.accuracy,
                "what": "not beaten" if point in kept else "beaten",
            }
            for point in points
        ]
    ).sort_values("what", ascending=False, kind="stable")  # those that none beats come first
    dense = points[0]
    within = [point for point in points if point.drop <= allowed * looking.POINT]
    chosen = min(within, key=lambda point: point.bytes)
    settings = chosen.recipe.default
    figures = {
        "recipes": len(points),
        "kept": len(kept),
        "beaten": len(points) - len(kept),
        "times": dense.bytes / chosen.bytes,
        "kilobytes": chosen.bytes / 1000,
        "accuracy": 100 * chosen.accuracy,
        "drop": chosen.drop,
        "sparsity": settings.sparsity,
        "bits": settings.bits,
        "smallest": min(points, key=lambda point: point.bytes).bytes / 1000,
        "smallest_accuracy": 100 * min(points, key=lambda point: point.bytes).accuracy,
    }
    return Measured(figures, table, figures["times"])


def tried(subject: Study) -> list[Point]:
    """Recipes of every sparsity with every width, measured; the dense model is the first."""
    recipes = [Recipe()] + [Recipe(Settings(sparsity=part, bits=bits)) for part in SPARSITIES for bits in BITS]
    return [_point(subject, recipe) for recipe in recipes]


def _point(subject: Study, recipe: Recipe) -> Point:
    found, size = looking.measured(subject, recipe), looking.size(subject, recipe)
    drop = (found.drop, *found.drop_ci95)
    return Point(recipe, size, None, found.accuracy, *drop, math.nan, looking.looked_at(subject))


MEASURES = {f.__name__: f for f in (adaptive, pareto)}
