"""What the measures of lessons share: a study made for lessons, and accuracies on its first images, measured once."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from weakref import WeakKeyDictionary

import pandas as pd
from torch import Tensor

from core import evaluation, jobs, pipeline
from core.evaluation import Change
from core.exporting import file_bytes
from core.layer import Layer
from core.lessons.filling import Figure
from core.loading import Data, Loaded
from core.pipeline import Study
from core.recipe import Recipe, to_json
from core.statistics import Estimate, estimate

POINT = 1 + 1e-9  # of accuracy that may go: a difference of percentages is exact to a few float64 steps
IMAGES = 500  # that a lesson measures on
KEPT: WeakKeyDictionary[Study, dict[Hashable, object]] = WeakKeyDictionary()
Found = TypeVar("Found")


@dataclass(frozen=True, eq=False)
class Measured:
    """What a lesson found. figures: all that its texts name. table: what it plots, accuracies in percent.

    answer: what the prediction is held against: a number for 'mark', one for each point of a 'curve', a name for
    'pick'.
    """

    figures: Mapping[str, Figure]
    table: pd.DataFrame
    answer: float | list[float] | str


def study(loaded: Loaded, data: Data) -> Study:
    """The subject of lessons: a model on its data, the first images left to calibrate on."""
    return pipeline.study(loaded, data, pipeline.CALIBRATED)


def looked_at(subject: Study) -> int:
    """How many images a lesson measures on."""
    return min(IMAGES, len(subject.bench.targets))


def measured(subject: Study, recipe: Recipe) -> Estimate:
    """What the model answers after a recipe, on the first images; each recipe is measured once a study."""
    return kept(subject, to_json(recipe), lambda: estimated(subject, pipeline.apply(subject, recipe).change))


def kept(subject: Study, key: Hashable, make: Callable[[], Found]) -> Found:
    """What `make` gives, made once for a study and key; it goes with the study, so it must not hold on to it."""
    jobs.breathe()
    known = KEPT.setdefault(subject, {})
    if key not in known:
        known[key] = make()
    return known[key]


def with_weights(subject: Study, matrices: Mapping[str, Tensor]) -> Estimate:
    """What the model answers with other weights, (out, in) by layer name, on the first images."""
    tensors = {layer.parameter: layer.parameter_of(matrices[layer.name]) for layer in subject.known}
    key = object()  # as no other weights'
    return estimated(subject, Change(tensors, dict.fromkeys(tensors, key)))


def estimated(subject: Study, change: Change) -> Estimate:
    """What the model answers with a change, on the first images."""
    wanted = looked_at(subject)
    tally = evaluation.NOTHING
    for tally in evaluation.tallies(subject.bench, change):
        jobs.breathe()
        if tally.images >= wanted:
            break
    return estimate(tally, tally.images)


def accuracy(subject: Study, recipe: Recipe) -> float:
    """Images that the model is right on after a recipe, in percent."""
    return 100 * measured(subject, recipe).accuracy


def dense(subject: Study) -> float:
    """Images that the model is right on as it is, in percent."""
    return accuracy(subject, Recipe())


def layer(subject: Study, name: str) -> Layer:
    """The layer of a name."""
    return next(each for each in subject.known if each.name == name)


def weights(subject: Study) -> int:
    """The weights of all layers."""
    return sum(layer.matrix.numel() for layer in subject.known)


def largest(subject: Study) -> str:
    """The layer with the most weights."""
    return max(subject.known, key=lambda layer: layer.matrix.numel()).name


def size(subject: Study, recipe: Recipe) -> int:
    """Bytes of the model's file after a recipe, as it would be written."""
    return kept(
        subject,
        ("bytes", to_json(recipe)),
        lambda: file_bytes(subject.model, subject.known, pipeline.encoded_by(subject, recipe)),
    )
