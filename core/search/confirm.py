"""What a search found, on images that it never saw."""

from collections.abc import Sequence
from functools import partial
from statistics import NormalDist

from core import pipeline
from core.pipeline import Study
from core.recipe import Recipe
from core.search.goal import Goal, Point, margin, trusted, worth
from core.search.lab import measured
from core.search.recall import CONFIRMED, Recall, afresh

TRIES = 4  # recipes that are confirmed at most
SAFER = 0.9  # times the divergence of the one before, at most


def confirmed(study: Study, points: Sequence[Point], goal: Goal, recall: Recall = afresh) -> list[Point]:
    """The least costly trusted recipe measured on the images of `study`, the next where its drop does not hold there.

    The last one holds, or none of up to four does; each has at most 0.9 times the divergence of the one before. Only
    the first is free of any choice made on these images. With a size as the goal it is the one with the least
    divergence.
    """
    found: list[Point] = []
    least = float("inf")
    for point in sorted(trusted(points, goal), key=lambda point: worth(point, goal)):
        if len(found) == TRIES or (found and holds(found[-1], goal)):
            break
        if point.divergence <= SAFER * least:
            least = point.divergence
            found.append(recall(CONFIRMED, point.recipe, partial(_measured, study, point.recipe)))
    return found


def _measured(study: Study, recipe: Recipe) -> Point:
    return measured(study, recipe, pipeline.encoded_by(study, recipe))


def surety(point: Point, goal: Goal) -> float:
    """How sure the drop of a confirmed recipe, on all images there could be, is at most the one allowed: one-sided.

    By the normal curve of its standard error. With a size as the goal, 1.0 where the file is within it.
    """
    if goal.drop is None or not margin(point):
        return float(holds(point, goal))
    return NormalDist(point.drop, margin(point)).cdf(goal.drop)


def holds(point: Point, goal: Goal) -> bool:
    """Whether a recipe keeps to the goal on the images it was confirmed on."""
    return point.bytes <= goal.bytes if goal.drop is None else point.drop <= goal.drop
