"""A whole search, from the files to what was confirmed: one iterator that can be paused and told when to end."""

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from core.pipeline import Study
from core.search.confirm import confirmed
from core.search.goal import Goal, Point, Progress
from core.search.recall import Recall, afresh
from core.search.walk import search


class Opened(NamedTuple):
    """The studies of a search: the one that recipes are chosen with, and the one that they are confirmed on."""

    study: Study
    others: Study


class Confirmed(NamedTuple):
    """What `confirmed` found, the last one the result; empty where no recipe that was measured is safe."""

    points: tuple[Point, ...]


def whole(
    load: Callable[[], tuple[Study, Study]], goal: Goal, enough: Callable[[], bool], recall: Recall = afresh
) -> Iterator[Opened | Progress | Confirmed]:
    """The studies that `load` makes, every step of the search until `enough` says so, and what was confirmed.

    The goal's seconds do not run while the caller holds a step.
    """
    yield Progress(0.0, "the model and its images are read")
    study, others = load()
    yield Opened(study, others)
    points: list[Point] = []
    away = [0.0]
    for step in search(study, goal, lambda: time.monotonic() - away[0], recall):
        points += [step.point] if step.point else []
        left = time.monotonic()
        yield step
        away[0] += time.monotonic() - left
        if enough():
            break
    yield Progress(1.0, "the result is confirmed on the other images")
    yield Confirmed(tuple(confirmed(others, points, goal, recall)))
