"""The answers of two kept runs to the images that both were measured on."""

from typing import NamedTuple

from core.behaviour import Answered, check
from core.recipe import Recipe
from core.runs.database import Store
from core.runs.records import Run, asked
from core.runs.shelf import arrays, find


class Pair(NamedTuple):
    """Answers to the same images. first: which image of the data is the first of them."""

    before: Answered
    after: Answered
    first: int


def pair(store: Store, before: Run, after: Run) -> Pair:
    """Both runs' answers, without those to images that calibrated one of them.

    ValueError where they were measured on other data, or where one keeps no answers.
    """
    if before.subject.data_sha256 != after.subject.data_sha256:
        raise ValueError(
            f"runs {before.number} and {after.number}: measured on '{before.subject.data}' and on "
            f"'{after.subject.data}', expected the same images"
        )
    first = max(before.first_image, after.first_image)
    sides = [
        {name: values[first - run.first_image :] for name, values in answers(store, run).items()}
        for run in (before, after)
    ]
    check(*sides)
    return Pair(*sides, first)


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
