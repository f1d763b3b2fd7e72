"""Lessons about which weights go."""

import pandas as pd

from core import encoding, pipeline
from core.lessons import looking
from core.lessons.looking import Measured
from core.pipeline import Study
from core.recipe import Recipe, Settings

SPARSITIES = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95)


def magnitude(subject: Study, sparsity: float) -> Measured:
    """Accuracy after the weights nearest to zero went from each layer, beside as many that chance chose."""
    steps = sorted({*SPARSITIES, sparsity})
    curve = [looking.accuracy(subject, Recipe(Settings(sparsity=step))) for step in steps]
    table = pd.DataFrame({"removed": [100 * step for step in steps], "accuracy": curve})
    recipe = Recipe(Settings(sparsity=sparsity))
    encoded = pipeline.encoded_by(subject, recipe)
    removed = sum(map(encoding.removed_values, encoded.values()))
    whole = looking.layer(subject, looking.largest(subject))
    gone = (whole.matrix != 0) & (encoded[whole.name].decode() == 0)
    found = looking.accuracy(subject, recipe)
    figures = {
        "accuracy": found,
        "drop": looking.dense(subject) - found,
        "chance": looking.accuracy(subject, Recipe(Settings(sparsity=sparsity, criterion="random"))),
        "removed": removed,
        "cut": float(whole.matrix[gone].abs().max()) if gone.any() else 0.0,
        "top": float(whole.matrix.abs().max()),
        "holds": max(step for step, right in zip(steps, curve, strict=True) if curve[0] - right <= looking.POINT),
    }
    return Measured(figures, table, found)


MEASURES = {f.__name__: f for f in (magnitude,)}
