"""How low rank and the error of compression are often taught."""

import pandas as pd

from core.lessons import looking
from core.lessons.looking import Measured
from core.pipeline import Study
from core.recipe import Recipe, Settings

SPARSITY = 0.8


def full_svd(subject: Study) -> Measured:
    """Every layer is stored as its full singular value decomposition: U, S and V."""
    rows = []
    for layer in subject.known:
        left, right = layer.spectrum.factors(layer.full_rank)
        singular = layer.spectrum.values.numel()
        rows.append((layer.name, layer.matrix.numel(), left.numel() + singular + right.numel()))
    table = pd.DataFrame(rows, columns=["layer", "numbers", "full"])
    figures = {
        "numbers": int(table["numbers"].sum()),
        "full": int(table["full"].sum()),
        "times": float(table["full"].sum() / table["numbers"].sum()),
        "grew": int((table["full"] > table["numbers"]).sum()),
    }
    return Measured(figures, table, figures["times"])


def error_by_count(subject: Study) -> Measured:
    """The damage of pruning is taken to be the part of the weights that went."""
    kept = {layer.name: Settings(sparsity=SPARSITY) for layer in subject.known}
    rows = []
    for layer in subject.known:
        squares = layer.matrix.double().square().flatten().sort().values
        gone = round(kept[layer.name].sparsity * len(squares))
        rows.append((layer.name, 100 * float(squares[:gone].sum() / (squares.sum() or 1.0)), float(squares.sum())))
    table = pd.DataFrame(rows, columns=["layer", "error", "squares"])
    figures = {
        "count": 100 * SPARSITY,
        "error": float((table["error"] * table["squares"]).sum() / (table["squares"].sum() or 1.0)),
        "accuracy": looking.accuracy(subject, Recipe(Settings(sparsity=SPARSITY))),
    }
    return Measured(figures, table, figures["error"])


WRONG = {f.__name__: f for f in (full_svd, error_by_count)}
