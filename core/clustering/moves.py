"""All cuts moved together to the best of a few places each, by dynamic programming."""

import numpy as np

from core.clustering.rows import Clusters, Sorted, Sums, at, clusters, gaps, joined, passing, reached

REACH = np.array([1 / 8, 1 / 4, 1 / 2, 1])  # of a cluster that a cut can move at once
CHUNK = 1 << 20  # numbers in one table of gains


def moved(held: Sorted, sums: Sums, cuts: np.ndarray) -> Clusters:
    """The best clusters of those in which each cut moves by one of REACH of the cluster beside it."""
    places = _near(cuts)
    return best(held, sums, _alike(held, places) if held.together else places)


def table(size: int) -> int:
    """Numbers in the table of gains of one row."""
    return size * (2 * len(REACH) + 1) ** 2


def best(held: Sorted, sums: Sums, places: np.ndarray) -> Clusters:
    """The clusters that explain most, with each cut at one of its places, (rows, size + 1, reach)."""
    before = reached(held, sums, places)
    step = len(places) if held.together else max(1, CHUNK // (places[0].size * places.shape[2]))
    parts = [slice(start, start + step) for start in range(0, len(places), step)]
    chosen = np.concatenate([_path(_gains(held, places[part], before[part])) for part in parts])
    return clusters(held, sums, np.take_along_axis(places, chosen[:, :, None], 2)[:, :, 0])


def _gains(held: Sorted, places: np.ndarray, before: np.ndarray) -> np.ndarray:
    """What each cluster explains from each of its first places to each of its ends, (rows, size, from, to)."""
    both = (joined(held, table) for table in (places, before))
    counts, totals = (table[:, 1:, None, :] - table[:, :-1, :, None] for table in both)
    gains = np.square(totals, out=totals)
    gains /= np.maximum(counts, 1)
    gains[counts < 0] = -np.inf
    return gains


def _path(gains: np.ndarray) -> np.ndarray:
    """Which of its places each cut takes, (rows, size + 1), to gain most."""
    rows, size, _, reach = gains.shape
    came = np.empty((size, rows, reach), np.int64)
    most = np.zeros((rows, reach))
    for level in range(size):
        total = most[:, :, None] + gains[:, level]
        came[level] = total.argmax(1)
        most = total.max(1)
    chosen, row = np.empty((rows, size + 1), np.int64), np.arange(rows)
    chosen[:, -1] = most.argmax(1)
    for level in range(size, 0, -1):
        chosen[:, level - 1] = came[level - 1][row, chosen[:, level]]
    return chosen


def _near(cuts: np.ndarray) -> np.ndarray:
    """Where each cut may go: (rows, size + 1, reach); the ends stay."""
    down, up = np.zeros_like(cuts), np.zeros_like(cuts)
    down[:, 1:-1], up[:, 1:-1] = gaps(cuts[:, :-1]), gaps(cuts[:, 1:])
    here = cuts[:, :, None]
    return np.concatenate([here - _steps(down)[:, :, ::-1], here, here + _steps(up)], axis=2)


def _alike(held: Sorted, places: np.ndarray) -> np.ndarray:
    """Places in all rows after the same value, for each place the largest that any row has before its own."""
    flat = places.reshape(len(places), -1)
    before = np.where(flat > 0, at(held.values, np.maximum(flat - 1, 0)), np.float32(-np.inf)).max(0)
    alike = passing(held.values, np.broadcast_to(before, flat.shape)).reshape(places.shape)
    alike[:, -1] = places[:, -1]
    return alike


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
