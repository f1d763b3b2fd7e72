"""Lessons about how the weights that stay are stored."""

import pandas as pd
import torch
from torch import Tensor

from core import pipeline
from core.compress import encode
from core.lessons import looking
from core.lessons.looking import Measured
from core.pipeline import Study
from core.recipe import Recipe, Settings

BITS = (8, 6, 5, 4, 3, 2, 1)
ASKED = 4  # bits that a question is about
SHARED = (6, 4, 3, 2, 1)  # bits that name a value of the list


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
        "asked": ASKED,
        "four": before - curve[BITS.index(ASKED)],
    }
    return Measured(figures, table, curve)


def sharing(subject: Study, bits: float) -> Measured:
    """Accuracy with each layer's weights on a list of shared values, beside as many values at even steps."""
    kinds = {"shared": "kmeans", "even steps": "affine"}
    rows = [
        {"bits": step, "accuracy": looking.accuracy(subject, _listed(step, coder)), "values": kind}
        for kind, coder in kinds.items()
        for step in SHARED
    ]
    layer = looking.layer(subject, looking.largest(subject))
    asked = {kind: _listed(bits, coder) for kind, coder in kinds.items()}
    shared, even = (encode(layer, recipe.default).decode() for recipe in asked.values())
    gaps = shared.unique().diff() if len(shared.unique()) > 1 else torch.zeros(1)
    found = looking.accuracy(subject, asked["shared"])
    written, whole = looking.size(subject, asked["shared"]), looking.size(subject, Recipe())
    figures = {
        "accuracy": found,
        "drop": looking.dense(subject) - found,
        "even": looking.accuracy(subject, asked["even steps"]),
        "values": len(shared.unique()),
        "off": relative_error(layer.matrix, shared),
        "off_even": relative_error(layer.matrix, even),
        "narrowest": float(gaps.min()),
        "widest": float(gaps.max()),
        "bytes": written,
        "bytes_dense": whole,
        "ratio": whole / written,
    }
    return Measured(figures, pd.DataFrame(rows), found)


def relative_error(matrix: Tensor, other: Tensor) -> float:
    """The squared error of `other` in percent of the squared weights."""
    return 100 * float((matrix - other).double().square().sum() / (matrix.double().square().sum() or 1))


def _listed(bits: float, coder: str) -> Recipe:
    return Recipe(Settings(bits=int(bits), coder=coder, group="tensor"))


def _coded(bits: float) -> Recipe:
    return Recipe(Settings(bits=int(bits)))


MEASURES = {f.__name__: f for f in (quantization, sharing)}
