"""Lessons about which weights go."""

import math

import numpy as np
import pandas as pd

from core import encoding, pipeline, planning, report
from core.compress import Held, encode, matrices
from core.encoding import Encoded
from core.lessons import looking
from core.lessons.looking import Measured
from core.pipeline import Study
from core.recipe import Recipe, Settings

SPARSITIES = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95)


def magnitude(subject: Study, sparsity: float) -> Measured:
    """Accuracy after the weights nearest to zero went from each layer, beside as many that chance chose."""
    steps = sorted({*SPARSITIES, sparsity})
    curve = [looking.accuracy(subject, _even(step)) for step in steps]
    table = pd.DataFrame({"removed": [100 * step for step in steps], "accuracy": curve})
    encoded = pipeline.encoded_by(subject, _even(sparsity))
    whole = looking.layer(subject, looking.largest(subject))
    gone = (whole.matrix != 0) & (encoded[whole.name].decode() == 0)
    found = looking.accuracy(subject, _even(sparsity))
    figures = {
        "accuracy": found,
        "drop": looking.dense(subject) - found,
        "chance": looking.accuracy(subject, Recipe(Settings(sparsity=sparsity, criterion="random"))),
        "removed": sum(map(encoding.removed_values, encoded.values())),
        "cut": float(whole.matrix[gone].abs().max()) if gone.any() else 0.0,
        "top": float(whole.matrix.abs().max()),
        "holds": max(step for step, right in zip(steps, curve, strict=True) if curve[0] - right <= looking.POINT),
    }
    return Measured(figures, table, found)


def threshold(subject: Study, sparsity: float) -> Measured:
    """What each layer loses to a border of its own and to one border for all, with as many weights gone."""
    recipes = {
        "one each": _even(sparsity),
        "one for all": planning.global_magnitude(subject.known, {"sparsity": sparsity}),
    }
    lost = {border: _lost(pipeline.encoded_by(subject, recipe)) for border, recipe in recipes.items()}
    table = pd.DataFrame(
        [
            {"layer": layer, "removed": removed, "border": border}
            for border, shares in lost.items()
            for layer, removed in shares.items()
        ]
    )
    shares, sizes = lost["one for all"], _mean_sizes(subject)
    most, least = max(shares, key=shares.get), min(shares, key=shares.get)
    border = recipes["one for all"].default.threshold or 0.0
    figures = {
        "each": looking.accuracy(subject, recipes["one each"]),
        "together": looking.accuracy(subject, recipes["one for all"]),
        "border": border,
        "mean": sum(sizes.values()) / len(sizes),
        "most_layer": most,
        "most": shares[most],
        "most_size": sizes[most],
        "least_layer": least,
        "least": shares[least],
        "least_size": sizes[least],
    }
    return Measured(figures, table, most)


def distribution(subject: Study, cut: float) -> Measured:
    """The weights of the largest layer by value, and what lies below a border. cut: its share of the largest |w|."""
    layer = looking.layer(subject, looking.largest(subject))
    values, top = layer.matrix.double(), float(layer.matrix.abs().max())
    settings = Settings(threshold=cut * top)
    held = Held(layer, settings, matrices(layer, settings), encode(layer, settings))
    bars = report.histogram(held, report.bin_edges(layer, None))
    places = (bars["low"] + bars["high"]) / 2
    table = pd.concat(
        [
            pd.DataFrame({"value": places, "weights": bars[column], "what": what})
            for column, what in (("kept", "stays"), ("removed", "goes"))
        ],
        ignore_index=True,
    )
    gone, count = values[values.abs() < np.float32(cut * top)], values.numel()
    spread = float(values.square().mean().sqrt())
    figures = {
        "below": 100 * encoding.removed_values(held.encoded) / count,
        "strength": 100 * float(gone.square().sum() / (values.square().sum() or 1)),
        "bell": 100 * math.erf(cut * top / spread / math.sqrt(2)) if spread else 100.0,
        "negative": 100 * float((values < 0).double().mean()),
        "spread": spread,
        "top": top,
        "border": cut * top,
        "count": count,
    }
    return Measured(figures, table, figures["below"])


def patterns(subject: Study, sparsity: float) -> Measured:
    """Accuracy and file after as many weights went one by one, in blocks, of neighbours, or in whole rows."""
    recipes = {pattern: in_pattern(subject, pattern, sparsity) for pattern in PATTERNS}
    right = {pattern: looking.accuracy(subject, recipe) for pattern, recipe in recipes.items()}
    table = pd.DataFrame({"pattern": list(right), "accuracy": right.values()})
    layer = max(subject.known[:-1], key=lambda each: len(each.matrix))
    rows = encode(layer, recipes["row"].default).decode()
    gone = int((rows == 0).all(1).sum())
    best, worst = max(right, key=right.get), min(right, key=right.get)
    figures = {
        "best": best,
        "best_accuracy": right[best],
        "worst": worst,
        "worst_accuracy": right[worst],
        "single": right["element"],
        "rows": right["row"],
        "bytes_single": looking.size(subject, recipes["element"]),
        "bytes_rows": looking.size(subject, recipes["row"]),
        "layer": layer.name,
        "height": len(rows),
        "gone": gone,
        "stay": len(rows) - gone,
    }
    return Measured(figures, table, worst)


def in_pattern(subject: Study, pattern: str, sparsity: float) -> Recipe:
    """A recipe that prunes in a pattern and leaves the last layer whole: a row of it is an answer."""
    whole = {subject.known[-1].name: {"sparsity": 0.0}}
    return Recipe(Settings(sparsity=sparsity, pattern=pattern), whole)


def _even(sparsity: float) -> Recipe:
    return Recipe(Settings(sparsity=sparsity))


def _lost(encoded: dict[str, Encoded]) -> dict[str, float]:
    """Weights removed in percent, by layer."""
    return {name: 100 * encoding.removed_values(form) / encoding.stored_values(form) for name, form in encoded.items()}


def _mean_sizes(subject: Study) -> dict[str, float]:
    """Mean |w| by layer."""
    return {layer.name: float(layer.matrix.abs().mean()) for layer in subject.known}


PATTERNS = ("element", "2:4", "block_4x4", "column", "row")
MEASURES = {f.__name__: f for f in (magnitude, threshold, distribution, patterns)}
