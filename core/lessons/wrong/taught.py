"""How training after compression is often taught."""

import pandas as pd

from core.lessons import looking, school
from core.lessons.looking import Measured
from core.pipeline import Study
from core.recipe import Recipe, Settings

SPARSITY = 0.9
FEW = 2  # bits
MANY = 8
SHARE = 0.3
TIMES = 3


def masks_not_held(subject: Study) -> Measured:
    """Pruned, then trained as any network: nothing keeps the removed weights at zero."""
    recipe = Recipe(Settings(sparsity=SPARSITY))
    found, held = school.trained_unheld(subject, recipe), school.trained(subject, recipe)
    table = pd.DataFrame({"how": ["not held", "held"], "zeros": [found.zeros, held.zeros]})
    figures = {
        "pruned": round(SPARSITY * looking.weights(subject)),
        "zeros": found.zeros,
        "held_zeros": held.zeros,
        "kilobytes": found.bytes / 1000,
        "held_kilobytes": held.bytes / 1000,
        "accuracy": found.accuracy,
        "held": held.accuracy,
    }
    return Measured(figures, table, float(found.zeros))


def no_training_needed(subject: Study) -> Measured:
    """Few bits without any training, beside as few after a short one and beside many."""
    few, many = Recipe(Settings(bits=FEW)), Recipe(Settings(bits=MANY))
    plain, trained = looking.accuracy(subject, few), school.trained(subject, few).accuracy
    figures = {
        "few": FEW,
        "many": MANY,
        "plain": plain,
        "trained": trained,
        "many_plain": looking.accuracy(subject, many),
    }
    table = pd.DataFrame({"how": ["as stored", "after training"], "accuracy": [plain, trained]})
    return Measured(figures, table, plain)


def shares_added_up(subject: Study) -> Measured:
    """The same part of what is left goes in every round, and the parts are added up as if of the whole."""
    gone = {layer.name: 1 - _left(layer.matrix.numel()) / layer.matrix.numel() for layer in subject.known}
    weights = looking.weights(subject)
    removed = sum(weights_gone * looking.layer(subject, name).matrix.numel() for name, weights_gone in gone.items())
    figures = {
        "share": 100 * SHARE,
        "times": TIMES,
        "added": 100 * SHARE * TIMES,
        "removed": 100 * removed / weights,
        "accuracy": looking.accuracy(subject, Recipe(Settings(sparsity=removed / weights))),
        "accuracy_added": looking.accuracy(subject, Recipe(Settings(sparsity=SHARE * TIMES))),
    }
    table = pd.DataFrame({"layer": list(gone), "removed": [100 * part for part in gone.values()]})
    return Measured(figures, table, figures["removed"])


def _left(weights: int) -> int:
    for _ in range(TIMES):
        weights -= round(SHARE * weights)
    return weights


WRONG = {f.__name__: f for f in (masks_not_held, no_training_needed, shares_added_up)}
