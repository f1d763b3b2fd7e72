"""How what matters is often taught to be found."""

import pandas as pd

from core import patterns
from core.lessons import looking
from core.lessons.looking import Measured
from core.lessons.measures.chosen import evenly_or_not, seeing_few
from core.pipeline import Study

SPARSITY = 0.7


def the_same_for_all(subject: Study) -> Measured:
    """Every layer loses the same part, beside as many weights gone with each layer's part chosen."""
    even, chosen = (looking.accuracy(subject, recipe) for recipe in evenly_or_not(subject, SPARSITY))
    table = pd.DataFrame({"parts": ["the same", "chosen"], "accuracy": [even, chosen]})
    return Measured({"sparsity": SPARSITY, "even": even, "chosen": chosen}, table, even)


def gradient_of_the_mean(subject: Study) -> Measured:
    """`.grad` is read before any backward pass; then weights are ranked by the gradient of the mean loss, squared."""
    layer = looking.layer(subject, looking.largest(subject))
    unread = subject.loaded.model.get_parameter(layer.parameter).grad
    few = seeing_few(subject)
    seen = {each.name: few.at(each.name).gradients for each in subject.known if not _unseen(few, each.name)}
    matrices = {each.name: each.matrix for each in subject.known}
    for name, gradients in seen.items():
        count = patterns.removed_count(gradients.mean.numel(), SPARSITY)
        matrices[name] = matrices[name] * patterns.without_smallest(gradients.mean.square(), count)
    mean = sum(float(each.mean.double().square().sum()) for each in seen.values()) ** 0.5
    single = sum(float(each.square.double().sum()) for each in seen.values()) ** 0.5
    accuracy = 100 * looking.with_weights(subject, matrices).accuracy
    figures = {
        "sparsity": SPARSITY,
        "unread": f"{unread}",
        "seen": len(few.calibration),
        "mean": mean,
        "single": single,
        "share": 100 * mean / single if single else 0.0,
        "accuracy": accuracy,
    }
    table = pd.DataFrame({"gradient": ["of the mean", "of single images"], "length": [mean, single]})
    return Measured(figures, table, accuracy)


def _unseen(study: Study, name: str) -> str | None:
    return study.at(name).refused(multiplied=False)


WRONG = {f.__name__: f for f in (the_same_for_all, gradient_of_the_mean)}
