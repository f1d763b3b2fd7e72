"""Rows of sorted values: what stands before a place, and which places a level's values take."""

from typing import NamedTuple

import numpy as np

from core.parallel import LEAST, each, spans

STEP = 64  # values to a prefix sum
WIDE = 1 << 10  # blocks in float64 at a time: stay in the cache
FEW_ROWS = 8  # rows that are looked at one by one


class Sorted(NamedTuple):
    """Values clustered apart by row. values: float32 (rows, most), each ascending and then inf. counts: (rows,)."""

    values: np.ndarray
    counts: np.ndarray


class Sums(NamedTuple):
    """Float64 sums of what stands before each `step`-th place, (rows, most // step + 1), and of squares, (rows,)."""

    before: np.ndarray
    squares: np.ndarray
    step: int


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


def summed(held: Sorted) -> Sums:
    """Prefix sums by blocks where there are few rows, else at every place."""
    if len(held.values) <= FEW_ROWS:
        rows = [_row_sums(row, count) for row, count in zip(*held, strict=True)]
        before = np.zeros((len(rows), held.values.shape[1] // STEP + 1))
        np.cumsum([blocks for blocks, _ in rows], axis=1, out=before[:, 1:])
        return Sums(before, np.array([squares for _, squares in rows]), STEP)
    before = np.empty((len(held.values), held.values.shape[1] + 1))
    before[:, 0] = 0.0
    before[:, 1:] = held.values
    if (held.counts < held.values.shape[1]).any():
        before[np.isinf(before)] = 0.0
    squares = np.einsum("ij,ij->i", before, before)
    return Sums(np.cumsum(before, axis=1, out=before), squares, 1)


def _row_sums(row: np.ndarray, count: int) -> tuple[np.ndarray, float]:
    """The sum of each whole block and the sum of the squares of the first `count`; no thread's share changes either."""
    blocks = row[: row.size // STEP * STEP].reshape(-1, STEP)
    parts = [blocks[part] for part in spans(len(blocks), LEAST // STEP)]
    totals, squares = (np.concatenate(found) for found in zip(*each(_block_sums, parts), strict=True))
    whole = count // STEP
    rest = row[whole * STEP : count].astype(np.float64)
    return totals, squares[:whole].sum() + (rest**2).sum()


def _block_sums(blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Float64 sums of each block's values and of their squares."""
    totals, squares = np.empty((2, len(blocks)))
    wide = np.empty((min(WIDE, len(blocks)), STEP))  # filled anew each time: casting within the sums takes longer
    for start in range(0, len(blocks), WIDE):
        part = np.s_[start : start + WIDE]
        held = wide[: len(blocks[part])]
        np.copyto(held, blocks[part])
        np.einsum("ij->i", held, out=totals[part])
        np.einsum("ij,ij->i", held, held, out=squares[part])
    return totals, squares


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
