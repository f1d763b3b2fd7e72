"""How layers and recipes are often chosen."""

import pandas as pd

from core.lessons import looking
from core.lessons.looking import Measured
from core.lessons.measures.planned import LADDER, tried
from core.pipeline import Study
from core.recipe import Recipe


def each_alone(subject: Study) -> Measured:
    """Every layer is pruned as far as it can be alone for a point, and all of them at once are said to be safe."""
    parts = {layer.name: _furthest(subject, layer.name) for layer in subject.known}
    together = Recipe(layers={name: {"sparsity": part} for name, part in parts.items() if part})
    found = looking.accuracy(subject, together)
    worst = min(_alone(subject, name, part) for name, part in parts.items())
    table = pd.DataFrame({"layer": list(parts), "removed": [100 * part for part in parts.values()]})
    figures = {"accuracy": found, "drop": looking.dense(subject) - found, "alone": looking.dense(subject) - worst}
    return Measured(figures, table, found)


def _furthest(subject: Study, name: str) -> float:
    """The last step of the ladder before the layer alone costs over a point."""
    reached = 0.0
    for part in LADDER:
        if looking.dense(subject) - _alone(subject, name, part) > looking.POINT:
            break
        reached = part
    return reached


def _alone(subject: Study, name: str, part: float) -> float:
    return looking.accuracy(subject, Recipe(layers={name: {"sparsity": part}} if part else {}))


def ratio_alone(subject: Study) -> Measured:
    """The recipe with the highest compression wins, and what it costs is not asked."""
    points = tried(subject)
    dense, won = points[0], min(points, key=lambda point: point.bytes)
    times = [dense.bytes / point.bytes for point in points]
    table = pd.DataFrame({"times": times, "accuracy": [100 * point.accuracy for point in points]})
    figures = {
        "accuracy": 100 * won.accuracy,
        "drop": 100 * (dense.accuracy - won.accuracy),
        "times": max(times),
        "sparsity": won.recipe.default.sparsity,
        "bits": won.recipe.default.bits,
        "recipes": len(points),
    }
    return Measured(figures, table, figures["accuracy"])


WRONG = {f.__name__: f for f in (each_alone, ratio_alone)}
