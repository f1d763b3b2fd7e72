"""How removing weights is often taught."""

import statistics
import time

import pandas as pd
import torch
from torch import Tensor

from core import pipeline
from core.compress import run
from core.lessons import looking
from core.lessons.looking import Measured
from core.pipeline import Study
from core.recipe import Recipe, Settings

BORDER = 0.05
SPARSITY = 0.9
IMAGES, ROUNDS = 50, 15  # of a timing
NAMED = 3  # layers in a sentence


def below_the_largest_square(subject: Study) -> Measured:
    """Every weight is removed whose square is below the largest square of its layer."""
    matrices = {}
    for layer in subject.known:
        squares = layer.matrix.square()
        matrices[layer.name] = layer.matrix.masked_fill(squares < squares.max(), 0.0)
    stay = {name: int((matrix != 0).sum()) for name, matrix in matrices.items()}
    accuracy = 100 * looking.with_weights(subject, matrices).accuracy
    table = pd.DataFrame({"layer": list(stay), "stay": list(stay.values())})
    return Measured({"stay": sum(stay.values()), "accuracy": accuracy}, table, accuracy)


def one_norm_a_tensor(subject: Study) -> Measured:
    """One number for each whole tensor, its norm: tensors below the mean norm are removed."""
    norms = {layer.name: float(layer.matrix.norm()) for layer in subject.known}
    border = statistics.fmean(norms.values())
    gone = [name for name, norm in norms.items() if norm < border]
    matrices = {
        layer.name: torch.zeros_like(layer.matrix) if layer.name in gone else layer.matrix for layer in subject.known
    }
    accuracy = 100 * looking.with_weights(subject, matrices).accuracy
    table = pd.DataFrame({"layer": list(norms), "norm": list(norms.values())})
    more = f" and {len(gone) - NAMED} others" if len(gone) > NAMED else ""
    figures = {"gone": len(gone), "names": ", ".join(gone[:NAMED]) + more, "border": border, "accuracy": accuracy}
    return Measured(figures, table, accuracy)


def a_border_from_a_book(subject: Study) -> Measured:
    """The same border for any layer of any model, whatever its weights are like."""
    recipe = Recipe(Settings(threshold=BORDER))
    below = {layer.name: 100 * float((layer.matrix.abs() < BORDER).double().mean()) for layer in subject.known}
    most, least = max(below, key=below.get), min(below, key=below.get)
    accuracy = looking.accuracy(subject, recipe)
    table = pd.DataFrame({"layer": list(below), "removed": list(below.values())})
    figures = {
        "border": BORDER,
        "most_layer": most,
        "most": below[most],
        "least_layer": least,
        "least": below[least],
        "accuracy": accuracy,
    }
    return Measured(figures, table, accuracy)


def zeros_are_fast(subject: Study) -> Measured:
    """The network is timed with most of its weights at zero, and with none: medians of turns, on this machine."""
    changed = pipeline.apply(subject, Recipe(Settings(sparsity=SPARSITY))).change.tensors
    whole = {name: subject.model.get_parameter(name) for name in changed}
    images = subject.bench.inputs[:IMAGES].clone()
    taken = [(_milliseconds(subject, whole, images), _milliseconds(subject, changed, images)) for _ in range(ROUNDS)]
    before, after = (statistics.median(times) for times in zip(*taken, strict=True))
    table = pd.DataFrame({"weights": ["as trained", "most at zero"], "milliseconds": [before, after]})
    figures = {"sparsity": SPARSITY, "before": before, "after": after, "times": before / after, "timed": IMAGES}
    return Measured(figures, table, before / after)


def _milliseconds(subject: Study, tensors: dict[str, Tensor], images: Tensor) -> float:
    start = time.perf_counter()
    with torch.no_grad():
        run(subject.model, tensors, images)
    return 1000 * (time.perf_counter() - start)


RUNS = (below_the_largest_square, one_norm_a_tensor, a_border_from_a_book, zeros_are_fast)
WRONG = {f.__name__: f for f in RUNS}
