"""One-dimensional k-means on sorted values: which weights share a value."""

import numpy as np

from core.clustering.moves import anywhere, best_path, moved, table
from core.clustering.rows import Sorted, Sums, at, boundaries, gaps, midpoints, passing, reached, summed

__all__ = ["Sorted", "boundaries", "distinct_first", "kmeans"]

CHOSEN = 8  # values a level that mostly tell that there are more values than levels
KNOTS = 32  # order statistics a level that the density is read from
SWEEPS = 3  # of Lloyd before the cuts are moved together
ROUNDS = 12
CAPPED = 4
CLEARLY = 0.95  # of the squared error without room: what a start with room must stay below
ROOMS = (0.0, 0.5)  # of a level at either end: none for values that end abruptly, some for tails
SMALL = 1 << 22  # numbers in a table of gains between any two places
LINEAR_SWEEPS = 50
ENOUGH = 1e-3  # of the squared error: a round that gains less is the last
BUDGET = 1 << 24  # numbers in the tables of all rounds; many rows of many levels get fewer rounds, at least one


def kmeans(held: Sorted, size: int, linear: bool = False) -> np.ndarray:
    """Levels of least squared error, float32 (rows, size), ascending; a level that no value needs repeats the last.

    Lloyd 1957 on prefix sums in float64: exact, no value is left out. It starts at the cube root of the density
    (Panter & Dite 1951); where it slows down, all cuts move together to the best of a few places each, by dynamic
    programming. `linear` starts at even steps over the range and is Lloyd alone: Han et al. 2016, arXiv:1510.00149.
    A row with no more distinct values than levels gets them exactly.
    """
    few = _few(held, size)
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
    chosen = held.values[:, :: max(1, held.values.shape[1] // (CHOSEN * size))]
    if (np.count_nonzero(chosen[:, 1:] != chosen[:, :-1], axis=1) > size).all():
        return np.zeros(len(chosen), bool)
    return _distinct(held) <= size


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
    start = low + (high.astype(np.float64) - low) * np.linspace(0, 1, size)
    return _lloyd(held, summed(held), start, LINEAR_SWEEPS)[1]


def _searched(held: Sorted, size: int) -> np.ndarray:
    """Lloyd and moves of all cuts in turn, for each row until a round gains little."""
    sums = summed(held)
    if len(held.values) * size * (held.values.shape[1] + 1) ** 2 <= SMALL:
        places = anywhere(held, size)
        return _means(held, sums, best_path(places, reached(held, sums, places)))
    levels = _start(held, sums, size)
    rows, before = np.arange(len(levels)), np.full(len(levels), np.inf)
    for _ in range(max(1, min(ROUNDS, BUDGET // (len(rows) * table(size))))):
        cuts, levels[rows] = _lloyd(held, sums, levels[rows], SWEEPS)
        left = sums.squares - _explained(held, sums, cuts)
        moving = before - left > ENOUGH * left
        if not moving.any():
            break
        rows, before, cuts = rows[moving], left[moving], cuts[moving]
        if not moving.all():
            held = Sorted(held.values[moving], held.counts[moving])
            sums = Sums(sums.before[moving], sums.squares[moving], sums.step)
        levels[rows] = _means(held, sums, moved(held, sums, cuts))
    return levels


def _start(held: Sorted, sums: Sums, size: int) -> np.ndarray:
    """Of the companded levels with each of ROOMS, the second where they leave clearly less squared error of a row."""
    bare, roomy = _companded(held, size)
    without, left = (sums.squares - _explained(held, sums, _cuts(held, levels)) for levels in (bare, roomy))
    better = left < CLEARLY * without
    return np.where(better[:, None], roomy, bare)


def _companded(held: Sorted, size: int) -> list[np.ndarray]:
    """Levels at even steps of the integral of the cube root of the density, told by the gaps of order statistics.

    One array of levels for each of ROOMS.
    """
    knots = min(KNOTS * size, int(held.counts.max()))
    chosen = np.rint(np.linspace(0, 1, knots) * (held.counts[:, None] - 1)).astype(np.int64)
    places = at(held.values, chosen).astype(np.float64)
    points = np.diff(chosen)
    steps = np.cbrt(np.diff(places) ** 2 * points)
    for _ in range(CAPPED):  # a gap is not worth more levels than it has values
        steps = np.minimum(steps, points * steps.sum(1, keepdims=True) / size)
    passed = np.zeros_like(places)
    np.cumsum(steps, axis=1, out=passed[:, 1:])
    shares = [(np.arange(size) + 0.5 + room) / (size + 2 * room) for room in ROOMS]
    return [np.array([np.interp(share * r[-1], r, p) for r, p in zip(passed, places, strict=True)]) for share in shares]


def _lloyd(held: Sorted, sums: Sums, levels: np.ndarray, sweeps: int) -> tuple[np.ndarray, np.ndarray]:
    """Cuts (rows, size + 1) and their means after that many sweeps, or as many as move a cut."""
    cuts = None
    for _ in range(sweeps):
        before, cuts = cuts, _cuts(held, levels)
        if before is not None and np.array_equal(before, cuts):
            break
        levels = _means(held, sums, cuts)
    return cuts, levels


def _cuts(held: Sorted, levels: np.ndarray) -> np.ndarray:
    """Where each level's values begin in the sorted row, and the end."""
    inner = passing(held.values, midpoints(levels))
    ends = held.counts[:, None]
    return np.concatenate([np.zeros_like(ends), np.minimum(inner, ends), ends], axis=1)


def _means(held: Sorted, sums: Sums, cuts: np.ndarray) -> np.ndarray:
    """The mean of each level's values, never rounded out of their range; the next value up where it has none."""
    counts = gaps(cuts)
    means = gaps(reached(held, sums, cuts)) / np.maximum(counts, 1)
    first = at(held.values, np.minimum(cuts[:, :-1], held.counts[:, None] - 1))
    last = at(held.values, np.maximum(cuts[:, 1:] - 1, 0))
    return np.where(counts > 0, np.maximum(np.minimum(means, last), first), first)


def _explained(held: Sorted, sums: Sums, cuts: np.ndarray) -> np.ndarray:
    """Sum over clusters of count times squared mean, (rows,)."""
    totals = gaps(reached(held, sums, cuts))
    return (totals**2 / np.maximum(gaps(cuts), 1)).sum(1)
