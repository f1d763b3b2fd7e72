"""What a search is asked for, and what it has measured."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from core.recipe import Recipe
from core.statistics import Z95

NEAR = 2.0  # times a point's divergence, or that part of it: such points tell its drop
SURETY = 1.0  # standard errors that a drop must stay below the one allowed


@dataclass(frozen=True)
class Goal:
    """At most `drop` points lost and then the least cost, or at most `bytes` in the file and then the least loss.

    seconds: to search for. cost: 'bytes' of the file, or 'macs' by non-zero weights; with `bytes` given it is that.
    """

    drop: float | None = None
    bytes: int | None = None
    seconds: float = 600.0
    cost: str = "bytes"
    seed: int = 0

    def __post_init__(self) -> None:
        if (self.drop is None) == (self.bytes is None):
            raise ValueError(f"drop is {self.drop!r} and bytes is {self.bytes!r}, expected one of the two")
        if self.drop is not None and not 0 <= self.drop <= 100:
            raise ValueError(f"drop is {self.drop!r}, expected points of accuracy from 0 to 100")
        if self.bytes is not None and self.bytes < 1:
            raise ValueError(f"bytes is {self.bytes!r}, expected the size of a file, 1 or more")
        if not 0 < self.seconds < math.inf:
            raise ValueError(f"seconds is {self.seconds!r}, expected a time above 0")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed!r}, expected a whole number from 0")
        if self.cost not in COSTS:
            raise ValueError(f"cost is {self.cost!r}, expected one of {', '.join(COSTS)}")
        if self.bytes is not None and self.cost != "bytes":
            raise ValueError(f"cost is {self.cost!r} and bytes is {self.bytes!r}, expected a drop with this cost")


class Point(NamedTuple):
    """A recipe as it was measured. bytes: of the whole file. macs: by non-zeros, None where nobody knows. drop: points,
    with its 95 % interval. divergence: from the dense answers, nats an image."""

    recipe: Recipe
    bytes: int
    macs: int | None
    accuracy: float
    drop: float
    low: float
    high: float
    divergence: float
    images: int


class Progress(NamedTuple):
    """How far a search is, from 0 to 1; what it does, in words; and the recipe that it has just measured, if any."""

    share: float
    doing: str
    point: Point | None = None


def margin(point: Point) -> float:
    """The standard error of a point's drop, in points."""
    return (point.high - point.low) / (2 * Z95)


def safe(point: Point, goal: Goal) -> bool:
    """Whether a point keeps to the goal: its drop a standard error below the one allowed, or its file within size."""
    if goal.drop is None:
        return point.bytes <= goal.bytes
    return point.drop + SURETY * margin(point) <= goal.drop


def best(points: Sequence[Point], goal: Goal) -> Point | None:
    """The trusted point with the least cost, or with the least divergence where the file's size is the goal."""
    return min(trusted(points, goal), key=lambda point: worth(point, goal), default=None)


def trusted(points: Sequence[Point], goal: Goal) -> list[Point]:
    """The safe points whose drop is not luck: what their divergence tells of it is within the one allowed too.

    Of many points that are measured the ones with the least drop have mostly had luck with their images; a divergence
    rests on every answer and varies less. All safe points where none is left.
    """
    found = [point for point in points if safe(point, goal)]
    if goal.drop is None:
        return found
    return [point for point in found if expected(point, points) <= goal.drop] or found


def expected(point: Point, points: Sequence[Point]) -> float:
    """The drop of a point as the points of about its divergence have it together, in proportion; in points."""
    near = [each for each in points if point.divergence / NEAR <= each.divergence <= NEAR * point.divergence]
    squares = sum(each.divergence**2 for each in near)
    return point.divergence * sum(each.drop * each.divergence for each in near) / squares if squares else point.drop


def worth(point: Point, goal: Goal) -> tuple[float, float]:
    """What the best of the safe points has the least of: cost, which a size as the goal leaves out, then divergence."""
    return 0.0 if goal.drop is None else COSTS[goal.cost](point), point.divergence


def front(points: Sequence[Point], cost: str = "bytes") -> list[Point]:
    """The points that no other beats in cost and accuracy at once, from the least cost on."""
    return [points[i] for i in unbeaten([(COSTS[cost](point), -point.accuracy) for point in points])]


def unbeaten(costs: Sequence[tuple[float, float]]) -> list[int]:
    """Which pairs no other beats in both costs at once, from the least first cost on; of equal ones the first."""
    kept: list[int] = []
    for i in sorted(range(len(costs)), key=lambda i: costs[i]):
        if not kept or costs[i][1] < costs[kept[-1]][1]:
            kept.append(i)
    return kept


def spread(points: Sequence[Point], most: int) -> list[Point]:
    """Up to `most` of the points in their order, both ends among them where there are two or more."""
    if len(points) <= most:
        return list(points)
    return [points[i * (len(points) - 1) // max(1, most - 1)] for i in range(most)]


COSTS = {"bytes": lambda point: point.bytes, "macs": lambda point: point.macs or 0}
