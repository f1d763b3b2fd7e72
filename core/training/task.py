"""What is to be made good: a model, its recipe, and images to learn from, to choose by and to be measured on."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from core import pipeline
from core.encoding import Encoded
from core.loading import Data, Loaded
from core.parting import check_images, of, parted
from core.pipeline import Study
from core.recipe import Recipe
from core.training.images import pictures
from core.training.options import AUTO, Options
from core.training.trainee import answers

LEARNED = 0.7  # share of the data that is learned from or chosen by where no other data is given
HELD = 1 / 7  # of those, images that choose when to stop; the rest is learned from
MOST_HELD = 5000
FEWEST = 8  # images in each part


@dataclass(frozen=True, eq=False)
class Images:
    """x: (N, ...) float32. y: (N,) int64 labels."""

    x: Tensor
    y: Tensor


@dataclass(frozen=True, eq=False)
class Task:
    """A study whose images nothing is learned from, its recipe, and where training starts.

    start: the encoded layers and the tensors beside them, by parameter. learn, held: disjoint images. teacher: another
    model to learn from than the dense one.
    """

    study: Study
    recipe: Recipe
    start: tuple[Mapping[str, Encoded], Mapping[str, Tensor]]
    learn: Images
    held: Images
    teacher: Loaded | None = None


def taught_by(task: Task, teacher: Loaded) -> Task:
    """The task with another teacher than the dense model; ValueError where it answers in other classes."""
    found = [answers(model, {}, {}, task.held.x[:1]).shape[1] for model in (teacher.model, task.study.model)]
    if found[0] != found[1]:
        raise ValueError(f"teacher '{teacher.name}' answers in {found[0]} classes, the model in {found[1]}")
    recipe = replace(task.recipe, recovered={**task.recipe.recovered, "teacher": teacher.name})
    return replace(task, recipe=recipe, teacher=teacher)


def task(loaded: Loaded, data: Data, recipe: Recipe, options: Options, train: Data | None = None) -> Task:
    """A recipe to be made good. Without `train`, 70 % of the data, by a seeded shuffle, are learned from and chosen by.

    The task's study measures on the others alone, or on all of the data where `train` is given. Its recipe says how it
    is trained. ValueError where there are too few images or the training images do not fit the model.
    """
    images = 0 if train else round(LEARNED * len(data.targets))
    said = {"by": "training", **described(options), "images": images}
    if train:
        said["train"] = train.name
        check_images(loaded, train, "train")
    recovered = replace(recipe, recovered=said)
    whole = pipeline.study(loaded, data, recovered)
    learned = train or parted(data, said)[1]
    held = min(MOST_HELD, round(HELD * len(learned.targets)))
    if min(held, len(learned.targets) - held, len(whole.bench.targets)) < FEWEST:
        raise ValueError(
            f"data '{learned.name}': {len(learned.targets) - held} images to learn from, {held} to choose by and "
            f"{len(whole.bench.targets)} to measure on, expected {FEWEST} at least in each part; give more images"
        )
    order = np.random.RandomState(options.seed).permutation(len(learned.targets))
    parts = [of(learned, order[held:]), of(learned, order[:held])]
    learn, chosen = (Images(*map(torch.from_numpy, (part.inputs, part.targets))) for part in parts)
    applied = pipeline.put_right(whole, replace(recovered, shrink="keep"), pipeline.encoded_by(whole, recovered))
    return Task(whole, recovered, (applied.encoded, applied.buffers), learn, chosen)


def described(options: Options) -> dict[str, float | int | str]:
    """What options differ from the defaults, as a recipe's `recovered` says them; always the steps and the seed."""
    usual = Options()
    values = {name: getattr(options, name) for name in options.__dataclass_fields__}
    told = {n: v for n, v in values.items() if n in ("steps", "seed") or v != getattr(usual, n)}
    return {n: ",".join(f"{share:g}" for share in v) if isinstance(v, tuple) else v for n, v in told.items()}


def augmentation(options: Options, x: Tensor) -> str:
    """The augmentation that the options come to for these images."""
    return options.augment if options.augment != AUTO else ("move" if pictures(x) else "none")
