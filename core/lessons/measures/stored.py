"""Lessons about how the weights that stay are stored."""

import pandas as pd

from core import pipeline
from core.lessons import looking
from core.lessons.looking import Measured
from core.pipeline import Study
from core.recipe import Recipe, Settings

BITS = (8, 6, 5, 4, 3, 2, 1)


def quantization(subject: Study, bits: float) -> Measured:
    """Accuracy with the weights on even grids of fewer and fewer bits, a grid for each row."""
    curve = [looking.accuracy(subject, _coded(step)) for step in BITS]
    table = pd.DataFrame({"bits": BITS, "accuracy": curve})
    recipe = _coded(bits)
    encoded = pipeline.encoded_by(subject, recipe)
    whole = looking.layer(subject, looking.largest(subject))
    found, before = looking.accuracy(subject, recipe), looking.dense(subject)
    written, unchanged = looking.size(subject, recipe), looking.size(subject, Recipe())
    figures = {
        "accuracy": found,
        "drop": before - found,
        "levels": len(encoded[whole.name].decode()[0].unique()),
        "codes": 2 ** int(bits),
        "off": float((encoded[whole.name].decode() - whole.matrix).abs().max()),
        "top": float(whole.matrix.abs().max()),
        "bytes": written,
        "bytes_dense": unchanged,
        "ratio": unchanged / written,
        "fewest": min(
            (step for step, right in zip(BITS, curve, strict=True) if before - right <= looking.POINT), default=0
        ),
        "one_bit": curve[-1],
    }
    return Measured(figures, table, curve)


def _coded(bits: float) -> Recipe:
    return Recipe(Settings(bits=int(bits)))


MEASURES = {f.__name__: f for f in (quantization,)}
