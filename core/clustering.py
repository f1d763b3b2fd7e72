"""One-dimensional k-means on sorted values: which weights share a value."""

from typing import NamedTuple

import numpy as np

STEP = 64  # values to a prefix sum
FEW_ROWS = 8  # rows that are looked at one by one
CHOSEN = 8  # values a level that mostly tell that there are more values than levels
KNOTS = 32  # order statistics a level that the density is read from
SWEEPS = 3  # of Lloyd before the cuts are moved together
ROUNDS = 12
CAPPED = 4
SMALL = 1 << 22  # numbers in a table of gains between any two places
LINEAR_SWEEPS = 50
ENOUGH = 1e-3  # of the squared error: a round that gains less is the last
REACH = np.array([1 / 8, 1 / 4, 1 / 2, 1])  # of a cluster that a cut can move at once
CHUNK = 1 << 20  # numbers in one table of gains
BUDGET = 1 << 24  # numbers in the tables of all rounds; many rows of many levels get fewer rounds, at least one


class Sorted(NamedTuple):
    """Values clustered apart by row. values: float32 (rows, most), each ascending and then inf. counts: (rows,)."""

    values: np.ndarray
    counts: np.ndarray


class Sums(NamedTuple):
    """Float64 sums of what stands before each `step`-th place, (rows, most // step + 1), and of squares, (rows,)."""

    before: np.ndarray
    squares: np.ndarray
    step: int


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
    return distinct_first(levels)


def boundaries(levels: np.ndarray) -> np.ndarray:
    """The largest float32 that is nearest to each level but the last, ties going down; inf before a repeated level.

    levels: float32, ascending along the last axis, repeated ones at its end.
    """
    return np.where(levels[..., :-1] < levels[..., 1:], _midpoints(levels), np.float32(np.inf))


def _midpoints(levels: np.ndarray) -> np.ndarray:
    wide = levels.astype(np.float64)
    middle = (wide[..., :-1] + wide[..., 1:]) / 2
    edges = middle.astype(np.float32)
    return np.where(edges > middle, np.nextafter(edges, np.float32(-np.inf)), edges)


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
    low, high = held.values[:, :1], _at(held.values, held.counts[:, None] - 1)
    start = low + (high.astype(np.float64) - low) * np.linspace(0, 1, size)
    return _lloyd(held, _sums(held), start, LINEAR_SWEEPS)[1]


def _searched(held: Sorted, size: int) -> np.ndarray:
    """Lloyd and moves of all cuts in turn, for each row until a round gains little."""
    sums = _sums(held)
    if len(held.values) * size * (held.values.shape[1] + 1) ** 2 <= SMALL:
        places = _anywhere(held, size)
        return _means(held, sums, _best_path(places, _reached(held, sums, places)))
    levels = _companded(held, size)
    rows, before = np.arange(len(levels)), np.full(len(levels), np.inf)
    for _ in range(max(1, min(ROUNDS, BUDGET // (len(rows) * _table(size))))):
        cuts, levels[rows] = _lloyd(held, sums, levels[rows], SWEEPS)
        left = sums.squares - _explained(held, sums, cuts)
        moving = before - left > ENOUGH * left
        if not moving.any():
            break
        rows, before, cuts = rows[moving], left[moving], cuts[moving]
        if not moving.all():
            held = Sorted(held.values[moving], held.counts[moving])
            sums = Sums(sums.before[moving], sums.squares[moving], sums.step)
        levels[rows] = _means(held, sums, _moved(held, sums, cuts))
    return levels


def _sums(held: Sorted) -> Sums:
    rows, most = held.values.shape
    if rows <= FEW_ROWS:
        blocks = held.values[:, : most // STEP * STEP].reshape(rows, -1, STEP)
        before = np.zeros((rows, blocks.shape[1] + 1))
        np.cumsum(np.einsum("ijk->ij", blocks, dtype=np.float64, casting="unsafe"), axis=1, out=before[:, 1:])
        kept = [row[:count] for row, count in zip(held.values, held.counts, strict=True)]
        squares = [np.einsum("i,i->", row, row, dtype=np.float64, casting="unsafe") for row in kept]
        return Sums(before, np.array(squares), STEP)
    before = np.empty((len(held.values), held.values.shape[1] + 1))
    before[:, 0] = 0.0
    before[:, 1:] = held.values
    if (held.counts < held.values.shape[1]).any():
        before[np.isinf(before)] = 0.0
    squares = np.einsum("ij,ij->i", before, before)
    return Sums(np.cumsum(before, axis=1, out=before), squares, 1)


def _reached(held: Sorted, sums: Sums, places: np.ndarray) -> np.ndarray:
    """The sum of what stands before each place, (rows, ...) as the places are."""
    flat = places.reshape(len(places), -1)
    found = _at(sums.before, flat // sums.step)
    if sums.step > 1:
        within = np.arange(sums.step - 1)
        at = np.minimum((flat - flat % sums.step)[:, :, None] + within, held.values.shape[1] - 1)
        values = _at(held.values, at.reshape(len(flat), -1)).reshape(at.shape)
        found += np.where(within < (flat % sums.step)[:, :, None], values, 0.0).sum(2, dtype=np.float64)
    return found.reshape(places.shape)


def _companded(held: Sorted, size: int) -> np.ndarray:
    """Levels at even steps of the integral of the cube root of the density, told by the gaps of order statistics."""
    knots = min(KNOTS * size, int(held.counts.max()))
    at = np.rint(np.linspace(0, 1, knots) * (held.counts[:, None] - 1)).astype(np.int64)
    places = _at(held.values, at).astype(np.float64)
    points = np.diff(at)
    steps = np.cbrt(np.diff(places) ** 2 * points)
    for _ in range(CAPPED):  # a gap is not worth more levels than it has values
        steps = np.minimum(steps, points * steps.sum(1, keepdims=True) / size)
    reached = np.zeros_like(places)
    np.cumsum(steps, axis=1, out=reached[:, 1:])
    share = (np.arange(size) + 0.5) / size
    return np.array([np.interp(share * r[-1], r, p) for r, p in zip(reached, places, strict=True)])


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
    inner = _passing(held.values, _midpoints(levels))
    ends = held.counts[:, None]
    return np.concatenate([np.zeros_like(ends), np.minimum(inner, ends), ends], axis=1)


def _at(table: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The numbers at places of their own rows, as numpy's take_along_axis gives them, at a fraction of its cost."""
    starts = np.arange(len(table))[:, None] * table.shape[1] if len(table) > 1 else 0
    return table.ravel().take(places + starts)


def _gaps(row: np.ndarray) -> np.ndarray:
    return row[:, 1:] - row[:, :-1]


def _passing(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """How many of its row's ascending values each edge is not below, by halving, all edges together."""
    if len(values) <= FEW_ROWS:
        return np.array([np.searchsorted(row, own, "right") for row, own in zip(values, edges, strict=True)])
    most = values.shape[1]
    flat, starts = values.ravel(), np.arange(len(values))[:, None] * most
    found = np.zeros(edges.shape, np.intp) + starts
    for step in (2**power for power in reversed(range(most.bit_length()))):
        reached = found + (step - 1)  # the value that is to be passed, where the row is long enough
        inside = reached < starts + most
        found += (inside & (flat.take(np.where(inside, reached, 0)) <= edges)) * np.intp(step)
    return found - starts


def _means(held: Sorted, sums: Sums, cuts: np.ndarray) -> np.ndarray:
    """The mean of each level's values, never rounded out of their range; the next value up where it has none."""
    counts = _gaps(cuts)
    means = _gaps(_reached(held, sums, cuts)) / np.maximum(counts, 1)
    first = _at(held.values, np.minimum(cuts[:, :-1], held.counts[:, None] - 1))
    last = _at(held.values, np.maximum(cuts[:, 1:] - 1, 0))
    return np.where(counts > 0, np.maximum(np.minimum(means, last), first), first)


def _explained(held: Sorted, sums: Sums, cuts: np.ndarray) -> np.ndarray:
    """Sum over clusters of count times squared mean, (rows,)."""
    totals = _gaps(_reached(held, sums, cuts))
    return (totals**2 / np.maximum(_gaps(cuts), 1)).sum(1)


def _moved(held: Sorted, sums: Sums, cuts: np.ndarray) -> np.ndarray:
    """The best cuts of those in which each moves by one of REACH of the cluster beside it."""
    size = cuts.shape[1] - 1
    rows = max(1, CHUNK // _table(size))
    parts = [slice(start, start + rows) for start in range(0, len(cuts), rows)]
    places = _near(cuts)
    reached = _reached(held, sums, places)
    return np.concatenate([_best_path(places[part], reached[part]) for part in parts])


def _table(size: int) -> int:
    """Numbers in the table of gains of one row."""
    return size * (2 * len(REACH) + 1) ** 2


def _best_path(places: np.ndarray, reached: np.ndarray) -> np.ndarray:
    """The cuts that explain most, each at one of its places, (rows, size + 1, reach); reached: the sums before them."""
    rows, ends, reach = places.shape
    counts = places[:, 1:, None, :] - places[:, :-1, :, None]  # (rows, size, from, to)
    gains = (reached[:, 1:, None, :] - reached[:, :-1, :, None]) ** 2 / np.maximum(counts, 1)
    gains[counts < 0] = -np.inf
    came = np.empty((ends, rows, reach), np.int64)
    best = np.zeros((rows, reach))
    for level in range(ends - 1):
        total = best[:, :, None] + gains[:, level]
        came[level + 1] = total.argmax(1)
        best = total.max(1)
    chosen, row = np.empty((rows, ends), np.int64), np.arange(rows)
    at = best.argmax(1)
    for level in range(ends - 1, -1, -1):
        chosen[:, level] = places[row, level, at]
        at = came[level][row, at] if level else at
    return chosen


def _near(cuts: np.ndarray) -> np.ndarray:
    """Where each cut may go: (rows, size + 1, reach); the ends stay."""
    down, up = np.zeros_like(cuts), np.zeros_like(cuts)
    down[:, 1:-1], up[:, 1:-1] = _gaps(cuts[:, :-1]), _gaps(cuts[:, 1:])
    here = cuts[:, :, None]
    return np.concatenate([here - _steps(down)[:, :, ::-1], here, here + _steps(up)], axis=2)


def _steps(widths: np.ndarray) -> np.ndarray:
    """REACH of each width in whole places, different ones as far as the width goes."""
    shares = np.rint(widths[:, :, None] * REACH).astype(np.int64)
    return np.minimum(np.maximum(shares, np.arange(1, len(REACH) + 1)), widths[:, :, None])


def _anywhere(held: Sorted, size: int) -> np.ndarray:
    """Every place for every cut but the ends."""
    rows, most = held.values.shape
    places = np.broadcast_to(np.arange(most + 1), (rows, size + 1, most + 1))
    places = np.minimum(places, held.counts[:, None, None])
    places[:, 0] = 0
    places[:, -1] = held.counts[:, None]
    return places
