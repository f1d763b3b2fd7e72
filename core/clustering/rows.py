"""Rows of sorted values: what stands before a place, and which places a level's values take."""

from typing import NamedTuple

import numpy as np

from core.parallel import LEAST, each, spans

STEP = 32  # values to a prefix sum
TINY, VAST = 1e-12, 1e16  # largest sizes of values whose squares float32 can sum
FEW_ROWS = 8  # rows that are looked at one by one


class Sorted(NamedTuple):
    """Values by row. values: float32 (rows, most), each row ascending and then inf. counts: (rows,).

    together: all rows are clustered as one, else each by itself.
    """

    values: np.ndarray
    counts: np.ndarray
    together: bool = False


class Sums(NamedTuple):
    """Float64 sums of what stands before each `step`-th place of a row, (rows, most // step + 1), and of all squares.

    squares: (rows,), or (1,) of rows that are clustered as one.
    """

    before: np.ndarray
    squares: np.ndarray
    step: int


class Clusters(NamedTuple):
    """What each level takes. cuts: (rows, size + 1) places where its values begin in each row, and the end.

    counts, totals: how many values it takes and their sum, (rows, size), or (1, size) of rows clustered as one.
    """

    cuts: np.ndarray
    counts: np.ndarray
    totals: np.ndarray


def boundaries(levels: np.ndarray) -> np.ndarray:
    """The largest float32 that is nearest to each level but the last, ties going down; inf before a repeated level.

    levels: float32, ascending along the last axis, repeated ones at its end.
    """
    return np.where(levels[..., :-1] < levels[..., 1:], midpoints(levels), np.float32(np.inf))


def midpoints(levels: np.ndarray) -> np.ndarray:
    """The largest float32 not above the middle of each two neighbours along the last axis."""
    wide = levels.astype(np.float64)
    middle = (wide[..., :-1] + wide[..., 1:]) / 2
    edges = middle.astype(np.float32)
    return np.where(edges > middle, np.nextafter(edges, np.float32(-np.inf)), edges)


def at(table: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The numbers at places of their own rows, as numpy's take_along_axis gives them, at a fraction of its cost."""
    starts = np.arange(len(table))[:, None] * table.shape[1] if len(table) > 1 else 0
    return table.ravel().take(places + starts)


def gaps(row: np.ndarray) -> np.ndarray:
    """The differences of neighbours in each row."""
    return row[:, 1:] - row[:, :-1]


def trimmed(ordered: np.ndarray, together: bool = False) -> Sorted:
    """Rows that ascend and end in any number of inf, counted and without what is inf in all."""
    counts = passing(ordered, np.full((len(ordered), 1), np.finfo(np.float32).max))[:, 0]
    return Sorted(np.ascontiguousarray(ordered[:, : max(1, counts.max())]), counts, together)


def joined(held: Sorted, found: np.ndarray) -> np.ndarray:
    """What was counted or summed in each row, added up where the rows are clustered as one."""
    return found.sum(0, keepdims=True) if held.together else found


def summed(held: Sorted) -> Sums:
    """Prefix sums by blocks where there are few rows, else at every place."""
    if len(held.values) <= FEW_ROWS:
        totals, squares = _block_sums(held)
        before = np.zeros((len(totals), totals.shape[1] + 1))
        np.cumsum(totals, axis=1, dtype=np.float64, out=before[:, 1:])
        return Sums(before, joined(held, squares), STEP)
    before = np.empty((len(held.values), held.values.shape[1] + 1))
    before[:, 0] = 0.0
    before[:, 1:] = held.values
    if (held.counts < held.values.shape[1]).any():
        before[np.isinf(before)] = 0.0
    squares = joined(held, np.einsum("ij,ij->i", before, before))
    return Sums(np.cumsum(before, axis=1, out=before), squares, 1)


def _block_sums(held: Sorted) -> tuple[np.ndarray, np.ndarray]:
    """The sum of each whole block, (rows, most // STEP), and of each row's squares, the same in any threads."""
    rows, most = held.values.shape
    blocks = held.values[:, : most // STEP * STEP].reshape(rows, most // STEP, STEP)
    totals, squares = np.empty((2, *blocks.shape[:2]), _wide_enough(held))

    def add(part: slice) -> None:
        near, kind = blocks[:, part], totals.dtype
        np.einsum("kij->ki", near, dtype=kind, out=totals[:, part])
        np.einsum("kij,kij->ki", near, near, dtype=kind, out=squares[:, part])

    each(add, spans(most // STEP, LEAST // STEP // rows))
    return totals, np.array([_upto(*row) for row in zip(squares, held.values, held.counts, strict=True)])


def _upto(squares: np.ndarray, row: np.ndarray, count: int) -> float:
    """The sum of the squares of the first `count` of a row, from those of its blocks."""
    whole = count // STEP
    rest = row[whole * STEP : count].astype(np.float64)
    return squares[:whole].sum(dtype=np.float64) + (rest**2).sum()


def _wide_enough(held: Sorted) -> type:
    """Float32 where it holds their squares: it sums a block of neighbours in order nearly as well as float64."""
    most = max(np.abs(held.values[:, 0]).max(), np.abs(at(held.values, held.counts[:, None] - 1)).max())
    return np.float32 if TINY < most < VAST else np.float64


def reached(held: Sorted, sums: Sums, places: np.ndarray) -> np.ndarray:
    """The sum of what stands before each place, (rows, ...) as the places are."""
    flat = places.reshape(len(places), -1)
    found = at(sums.before, flat // sums.step)
    if sums.step > 1:
        within, past = np.arange(sums.step - 1), flat % sums.step
        near = np.minimum((flat - past)[:, :, None] + within, held.values.shape[1] - 1)
        values = at(held.values, near.reshape(len(flat), -1)).reshape(near.shape)
        found += np.where(within < past[:, :, None], values, 0.0).sum(2, dtype=np.float64)
    return found.reshape(places.shape)


def clusters(held: Sorted, sums: Sums, cuts: np.ndarray) -> Clusters:
    """What the levels between the cuts take."""
    return Clusters(cuts, joined(held, gaps(cuts)), joined(held, gaps(reached(held, sums, cuts))))


def ends(held: Sorted, cuts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The smallest and the largest value of each cluster; of an empty one the next value up, or the last, and any."""
    starts, after = cuts[:, :-1], held.counts[:, None]
    first, last = at(held.values, np.minimum(starts, after - 1)), at(held.values, np.maximum(cuts[:, 1:] - 1, 0))
    if not held.together:
        return first, last
    lowest = np.where(starts < after, first, np.float32(np.inf)).min(0, keepdims=True)
    return np.minimum(lowest, first.max(0)), last.max(0, keepdims=True)


def passing(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """How many of its row's ascending values each edge is not below, by halving, all edges together."""
    if len(values) <= FEW_ROWS:
        return np.array([np.searchsorted(row, own, "right") for row, own in zip(values, edges, strict=True)])
    most = values.shape[1]
    flat, starts = values.ravel(), np.arange(len(values))[:, None] * most
    found = np.zeros(edges.shape, np.intp) + starts
    for step in (2**power for power in reversed(range(most.bit_length()))):
        tried = found + (step - 1)  # the value that is to be passed, where the row is long enough
        inside = tried < starts + most
        found += (inside & (flat.take(np.where(inside, tried, 0)) <= edges)) * np.intp(step)
    return found - starts
