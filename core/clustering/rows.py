"""Rows of sorted values: what stands before a place, and which places a level's values take."""

from typing import NamedTuple

import numpy as np

from core.parallel import each

STEP = 32  # values to a prefix sum
LONG = 256  # values to a sum of squares, which no place is looked up in
TINY, VAST = 1e-12, 1e16  # largest sizes of values whose squares float32 can sum
FEW_ROWS = 8  # rows that are looked at one by one
RUNS = 2  # fixed, so that no level depends on the threads that sort them
MANY = 1 << 18  # values from which sorting in runs gains more than clustering several rows costs


class Sums(NamedTuple):
    """Float64 sums of what stands before each `step`-th place of a row, (rows, most // step + 1), and of all squares.

    squares: (rows,), or (1,) of rows that are clustered as one.
    """

    before: np.ndarray
    squares: np.ndarray
    step: int


class Sorted(NamedTuple):
    """Values by row. values: float32 (rows, most), each row ascending and then inf. counts: (rows,).

    together: all rows are clustered as one, else each by itself. sums: where they are known already.
    """

    values: np.ndarray
    counts: np.ndarray
    together: bool = False
    sums: Sums | None = None


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


def in_order(values: np.ndarray) -> Sorted:
    """Values (n,) sorted and summed, without those that are inf: in one row, or many in RUNS that are clustered as one.

    A thread does all that there is to do with a run: each handing over costs a tenth of the sorting.
    """
    rows = RUNS if values.size >= MANY else 1
    most = max(1, -(-values.size // rows))
    ordered, counts = np.empty((rows, most), np.float32), np.zeros(rows, np.int64)
    before, squares = np.zeros((rows, most // STEP + 1)), np.zeros(rows)

    def sort(run: int) -> None:
        row, own = ordered[run], values[run * most : (run + 1) * most]
        row[: own.size], row[own.size :] = own, np.inf
        row.sort()
        counts[run] = np.searchsorted(row, np.float32(np.inf))
        squares[run] = _row_sums(row[: counts[run]], before[run])

    each(sort, range(rows))
    held = Sorted(ordered, counts, rows > 1)
    return held._replace(sums=Sums(before, joined(held, squares), STEP))


def joined(held: Sorted, found: np.ndarray) -> np.ndarray:
    """What was counted or summed in each row, added up where the rows are clustered as one."""
    return found.sum(0, keepdims=True) if held.together else found


def summed(held: Sorted) -> Sums:
    """Prefix sums by blocks where there are few rows, else at every place."""
    if held.sums is not None:
        return held.sums
    if len(held.values) <= FEW_ROWS:
        before = np.zeros((len(held.values), held.values.shape[1] // STEP + 1))
        kept = [row[:count] for row, count in zip(held.values, held.counts, strict=True)]
        squares = np.array([_row_sums(*row) for row in zip(kept, before, strict=True)])
        return Sums(before, joined(held, squares), STEP)
    before = np.empty((len(held.values), held.values.shape[1] + 1))
    before[:, 0] = 0.0
    before[:, 1:] = held.values
    if (held.counts < held.values.shape[1]).any():
        before[np.isinf(before)] = 0.0
    squares = joined(held, np.einsum("ij,ij->i", before, before))
    return Sums(np.cumsum(before, axis=1, out=before), squares, 1)


def _row_sums(row: np.ndarray, before: np.ndarray) -> float:
    """The sum of an ascending row's squares; `before` is filled with the sums of what stands before each block.

    Float32, where it holds the squares, sums a block of neighbours in order nearly as well as float64.
    """
    kind = np.float32 if row.size and TINY < max(-row[0], row[-1]) < VAST else np.float64
    blocks, long = (row[: row.size // width * width].reshape(-1, width) for width in (STEP, LONG))
    np.cumsum(np.einsum("ij->i", blocks, dtype=kind), dtype=np.float64, out=before[1 : len(blocks) + 1])
    rest = row[long.size :].astype(np.float64)
    return np.einsum("ij,ij->i", long, long, dtype=kind).sum(dtype=np.float64) + (rest**2).sum()


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
