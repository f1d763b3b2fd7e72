"""All cuts moved together to the best of a few places each, by dynamic programming."""

import numpy as np

from core.clustering.rows import Sorted, Sums, gaps, reached

REACH = np.array([1 / 8, 1 / 4, 1 / 2, 1])  # of a cluster that a cut can move at once
CHUNK = 1 << 20  # numbers in one table of gains


def moved(held: Sorted, sums: Sums, cuts: np.ndarray) -> np.ndarray:
    """The best cuts of those in which each moves by one of REACH of the cluster beside it."""
    size = cuts.shape[1] - 1
    rows = max(1, CHUNK // table(size))
    parts = [slice(start, start + rows) for start in range(0, len(cuts), rows)]
    places = _near(cuts)
    before = reached(held, sums, places)
    return np.concatenate([best_path(places[part], before[part]) for part in parts])


def table(size: int) -> int:
    """Numbers in the table of gains of one row."""
    return size * (2 * len(REACH) + 1) ** 2


def best_path(places: np.ndarray, before: np.ndarray) -> np.ndarray:
    """The cuts that explain most, each at one of its places, (rows, size + 1, reach); before: the sums before them."""
    rows, ends, reach = places.shape
    counts = places[:, 1:, None, :] - places[:, :-1, :, None]  # (rows, size, from, to)
    gains = (before[:, 1:, None, :] - before[:, :-1, :, None]) ** 2 / np.maximum(counts, 1)
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
    down[:, 1:-1], up[:, 1:-1] = gaps(cuts[:, :-1]), gaps(cuts[:, 1:])
    here = cuts[:, :, None]
    return np.concatenate([here - _steps(down)[:, :, ::-1], here, here + _steps(up)], axis=2)


def _steps(widths: np.ndarray) -> np.ndarray:
    """REACH of each width in whole places, different ones as far as the width goes."""
    shares = np.rint(widths[:, :, None] * REACH).astype(np.int64)
    return np.minimum(np.maximum(shares, np.arange(1, len(REACH) + 1)), widths[:, :, None])


def anywhere(held: Sorted, size: int) -> np.ndarray:
    """Every place for every cut but the ends."""
    rows, most = held.values.shape
    places = np.broadcast_to(np.arange(most + 1), (rows, size + 1, most + 1))
    places = np.minimum(places, held.counts[:, None, None])
    places[:, 0] = 0
    places[:, -1] = held.counts[:, None]
    return places
