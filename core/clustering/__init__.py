"""One-dimensional k-means on sorted values: which weights share a value."""

import numpy as np

from core.clustering.moves import anywhere, best, moved, table
from core.clustering.rows import (
    FEW_ROWS,
    Clusters,
    Sorted,
    Sums,
    at,
    boundaries,
    clusters,
    ends,
    in_order,
    midpoints,
    passing,
    summed,
)
from core.parallel import ascending

__all__ = ["Sorted", "boundaries", "distinct_first", "in_order", "kmeans"]

CHOSEN = 8  # values a level that mostly tell that there are more values than levels
KNOTS = 64  # order statistics a level that the density is read from; half of them for each of many rows
ROUNDS = 12
CAPPED = 4
CLEARLY = 0.95  # of the squared error without room: what a start with room must stay below
ROOMS = (0.0, 0.5)  # of a level at either end: none for values that end abruptly, some for tails
SMALL = 1 << 22  # numbers in a table of gains between any two places
SWEEPS = 50  # of Lloyd at most where it goes on alone
ENOUGH = 1.5e-3  # of the squared error: a round that gains less is the last
TELLING = 1 << 15  # values a level that tell the density so well that a start may be near the best
BUDGET = 1 << 24  # numbers in the tables of all rounds; many rows of many levels get fewer rounds, at least one


def kmeans(held: Sorted, size: int, linear: bool = False) -> np.ndarray:
    """Levels of least squared error, float32 (rows, size), ascending; a level that no value needs repeats the last.

    Lloyd 1957 on prefix sums in float64: exact, no value is left out. It starts at the cube root of the density
    (Panter & Dite 1951); where it slows down, all cuts move together to the best of a few places each, by dynamic
    programming. `linear` starts at even steps over the range and is Lloyd alone: Han et al. 2016, arXiv:1510.00149.
    A row with no more distinct values than levels gets them exactly. Rows clustered as one have one row of levels.
    """
    few = _few(held, size)
    if held.together:
        if few.all() or linear or _tiny(held, size):
            return kmeans(_merged(held), size, linear)
        few = np.zeros(1, bool)
    levels = np.empty((len(few), size), np.float32)
    if few.any():
        levels[few] = _each_value(Sorted(held.values[few], held.counts[few]), size)
    if not few.all():
        rest = Sorted(held.values[~few], held.counts[~few]) if few.any() else held
        levels[~few] = _alone(rest, size) if linear else _searched(rest, size)
    return distinct_first(levels) + np.float32(0)  # -0 becomes 0: which of them is met first is no matter of order


def distinct_first(levels: np.ndarray) -> np.ndarray:
    """Each row's levels ascending, with repeated ones replaced by the largest at its end."""
    ordered = np.sort(levels, axis=1)
    repeated = ordered[:, 1:] == ordered[:, :-1]
    if repeated.any():
        ordered[:, 1:] = np.where(repeated, ordered[:, -1:], ordered[:, 1:])
        ordered.sort(axis=1)
    return ordered


def _few(held: Sorted, size: int) -> np.ndarray:
    """Which rows have no more distinct values than `size`; mostly an even choice of values tells."""
    most = held.counts.max()
    chosen = held.values[:, : most : max(1, most // (CHOSEN * size))]
    if (np.count_nonzero(chosen[:, 1:] != chosen[:, :-1], axis=1) > size).all():
        return np.zeros(len(chosen), bool)
    return _distinct(held) <= size


def _merged(held: Sorted) -> Sorted:
    """Rows that are clustered as one, in one row."""
    return Sorted(ascending(held.values.reshape(1, -1)), held.counts.sum(keepdims=True))


def _distinct(held: Sorted) -> np.ndarray:
    changes = np.count_nonzero(held.values[:, 1:] != held.values[:, :-1], axis=1)
    return changes + (held.counts == held.values.shape[1])  # a change to inf counts as one


def _each_value(held: Sorted, size: int) -> np.ndarray:
    """The distinct values of each row, the last of them repeated; 0 in an empty row."""
    new = np.isfinite(held.values)
    new[:, 1:] &= held.values[:, 1:] != held.values[:, :-1]
    row, column = np.nonzero(new)
    levels = np.full((len(new), size), -np.inf, np.float32)
    levels[row, (np.cumsum(new, axis=1) - 1)[row, column]] = held.values[row, column]
    levels[held.counts == 0, 0] = 0.0
    return np.maximum.accumulate(levels, axis=1)


def _alone(held: Sorted, size: int) -> np.ndarray:
    """Lloyd from even steps between the smallest and the largest value."""
    low, high = held.values[:, :1], at(held.values, held.counts[:, None] - 1)
    start, sums = low + (high.astype(np.float64) - low) * np.linspace(0, 1, size), summed(held)
    return _means(held, _lloyd(held, sums, _nearest(held, sums, start)))


def _searched(held: Sorted, size: int) -> np.ndarray:
    """A sweep of Lloyd and a move of all cuts in turn, for each row until a round gains little."""
    sums = summed(held)
    if _tiny(held, size):
        return _means(held, best(held, sums, anywhere(held, size)))
    found = _start(held, sums, size)
    levels = np.empty(found.counts.shape)
    rows, before = np.arange(len(levels)), np.full(len(levels), np.inf)
    if held.counts.sum() >= TELLING * size * len(levels):
        before = _left(sums, found)
    for _ in range(max(1, min(ROUNDS, BUDGET // (len(rows) * table(size))))):
        found = _nearest(held, sums, _means(held, found))
        left = _left(sums, found)
        moving = before - left > ENOUGH * left
        if not moving.all():
            levels[rows] = _means(held, found)
            if not moving.any():
                return levels
            held = Sorted(held.values[moving], held.counts[moving])
            sums = Sums(sums.before[moving], sums.squares[moving], sums.step)
            found, rows, left = Clusters(*(part[moving] for part in found)), rows[moving], left[moving]
        before, found = left, moved(held, sums, found.cuts)
    levels[rows] = _means(held, found)
    return levels


def _tiny(held: Sorted, size: int) -> bool:
    """Whether every cut can be tried at every place."""
    return len(held.values) * size * (held.values.shape[1] + 1) ** 2 <= SMALL


def _start(held: Sorted, sums: Sums, size: int) -> Clusters:
    """Of the companded levels with each of ROOMS, the second where they leave clearly less squared error of a row."""
    bare, roomy = (_nearest(held, sums, levels) for levels in _companded(held, size))
    better = _left(sums, roomy) < CLEARLY * _left(sums, bare)
    return Clusters(*(np.where(better[:, None], own, other) for own, other in zip(roomy, bare, strict=True)))


def _companded(held: Sorted, size: int) -> list[np.ndarray]:
    """Levels at even steps of the integral of the cube root of the density, told by the gaps of order statistics.

    One array of levels for each of ROOMS.
    """
    places, points = _knots(held, size)
    steps = np.cbrt(np.diff(places) ** 2 * points)
    for _ in range(CAPPED):  # a gap is not worth more levels than it has values
        steps = np.minimum(steps, points * steps.sum(1, keepdims=True) / size)
    passed = np.zeros_like(places)
    np.cumsum(steps, axis=1, out=passed[:, 1:])
    shares = [(np.arange(size) + 0.5 + room) / (size + 2 * room) for room in ROOMS]
    return [np.array([np.interp(share * r[-1], r, p) for r, p in zip(passed, places, strict=True)]) for share in shares]


def _knots(held: Sorted, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Order statistics at even steps, float64 (rows, knots), and how many values there are from each to the next."""
    most = KNOTS * size if len(held.counts) <= FEW_ROWS else KNOTS * size // 2
    knots = min(most, int(held.counts.max()))
    chosen = np.rint(np.linspace(0, 1, knots) * (held.counts[:, None] - 1)).astype(np.int64)
    places = at(held.values, chosen).astype(np.float64)
    if not held.together:
        return places, np.diff(chosen)
    return np.sort(places.reshape(1, -1)), np.full((1, places.size - 1), held.counts.sum() / places.size)


def _lloyd(held: Sorted, sums: Sums, found: Clusters) -> Clusters:
    """The clusters after SWEEPS, or as many as move a cut."""
    for _ in range(SWEEPS):
        before, found = found, _nearest(held, sums, _means(held, found))
        if np.array_equal(before.cuts, found.cuts):
            break
    return found


def _nearest(held: Sorted, sums: Sums, levels: np.ndarray) -> Clusters:
    """The values next to each level."""
    edges, counts = midpoints(levels), held.counts[:, None]
    inner = passing(held.values, np.broadcast_to(edges, (len(counts), edges.shape[1])))
    return clusters(held, sums, np.concatenate([np.zeros_like(counts), np.minimum(inner, counts), counts], axis=1))


def _means(held: Sorted, found: Clusters) -> np.ndarray:
    """The mean of each level's values, never rounded out of their range; the next value up where it has none."""
    means = found.totals / np.maximum(found.counts, 1)
    first, last = ends(held, found.cuts)
    return np.where(found.counts > 0, np.maximum(np.minimum(means, last), first), first)


def _left(sums: Sums, found: Clusters) -> np.ndarray:
    """The squared error of each row."""
    return sums.squares - (found.totals**2 / np.maximum(found.counts, 1)).sum(1)
