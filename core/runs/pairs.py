"""The answers of two kept runs to the images that both were measured on."""

from typing import NamedTuple

import numpy as np

from core import parting
from core.behaviour import Answered, check
from core.recipe import Recipe
from core.runs.database import Store
from core.runs.records import Run, asked
from core.runs.shelf import arrays, find


class Pair(NamedTuple):
    """Answers to the same images. images: their numbers in the data, ascending."""

    before: Answered
    after: Answered
    images: np.ndarray


def pair(store: Store, before: Run, after: Run) -> Pair:
    """Both runs' answers, without those to images that calibrated one of them or that one of them learned from.

    ValueError where they were measured on other data, or where one keeps no answers.
    """
    if before.subject.data_sha256 != after.subject.data_sha256:
        raise ValueError(
            f"runs {before.number} and {after.number}: measured on '{before.subject.data}' and on "
            f"'{after.subject.data}', expected the same images"
        )
    kept = [answers(store, run) for run in (before, after)]
    numbers = [_images(run, len(held["true"])) for run, held in zip((before, after), kept, strict=True)]
    both = np.intersect1d(*numbers)
    sides = [
        {name: values[np.searchsorted(own, both)] for name, values in held.items()}
        for held, own in zip(kept, numbers, strict=True)
    ]
    check(*sides)
    return Pair(*sides, both)


def _images(run: Run, count: int) -> np.ndarray:
    """The numbers of the `count` images that a run was measured on."""
    learned = run.recipe.recovered
    images = int(learned.get("images", 0))
    return parting.left_out(count + images, learned) if images else run.first_image + np.arange(count)


def answers(store: Store, run: Run) -> Answered:
    """What a run answered to each image; ValueError where that is not kept."""
    kept = arrays(store, run.number)
    if not kept:
        raise ValueError(
            f"run {run.number} keeps no answers to single images; measure it again in the view Compare, or with 'apply'"
        )
    return kept


def dense_of(store: Store, run: Run) -> Run | None:
    """The kept run of the dense model on what a run was measured on, or None."""
    return find(store, asked(run.subject, Recipe()))
