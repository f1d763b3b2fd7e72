"""Weights that share a value: our clustering against scikit-learn's KMeans and against the optimum, in one process.

Timed is what both deliver, from the weights as they lie: a code for each weight and the values that codes name. Looking
up each weight's value is off the clock. Both use all the threads that they are allowed: ours to sort, sum and code,
scikit-learn's in every iteration.

python -m tests.benchmarks.sharing [--weights 1000000] [--repeat 5]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from sklearn.cluster import KMeans

from core.clustering import Sorted
from core.coding import CODERS
from core.recipe import Settings

BITS = (4, 8)
FEW = 20_000  # weights that the optimum is found for
EACH = 10  # runs of ours for one of scikit-learn's, which takes as long as a hundred
Book = tuple[np.ndarray, np.ndarray]  # a code for each weight, and the values that codes name


def ours(weight: np.ndarray, bits: int, ordered: Sorted | None = None) -> Book:
    """Clustered and coded; ordered: the weights in order, as the index of a layer holds them while a slider moves."""
    settings = Settings(coder="kmeans", bits=bits, group="tensor")
    form = CODERS["kmeans"](torch.from_numpy(weight)[None], None, settings, ordered)
    return form.codes.numpy()[0], form.levels.numpy()[0]


def theirs(weight: np.ndarray, bits: int) -> Book:
    """The same by scikit-learn with its settings as they come: one start by k-means++, all threads."""
    found = KMeans(2**bits, random_state=0).fit(weight[:, None])
    return found.labels_, found.cluster_centers_[:, 0]


def optimum(weight: np.ndarray, size: int) -> float:
    """The least squared error of `size` shared values: dynamic programming over the cuts of the sorted weights.

    The best last cut never moves back as the end moves on, so halving finds all of a stage's: Wu 1991.
    """
    wide = np.sort(weight).astype(np.float64)
    sums, squares = (np.concatenate([[0.0], np.cumsum(wide**power)]) for power in (1, 2))

    def cost(start: np.ndarray, end: np.ndarray) -> np.ndarray:
        return squares[end] - squares[start] - (sums[end] - sums[start]) ** 2 / np.maximum(end - start, 1)

    ends = np.arange(len(wide) + 1)
    best = cost(np.zeros_like(ends), ends)
    for _ in range(size - 1):
        best = _stage(best, cost)
    return float(best[-1])


def _stage(best: np.ndarray, cost: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """The least cost up to each end with one cluster more; all middles of a depth of the halving at once."""
    found, last = np.empty_like(best), len(best) - 1
    low, high, least, most = (np.array([edge]) for edge in (0, last, 0, last))
    while low.size:
        middle = (low + high) // 2
        tried = np.minimum(most, middle) - least + 1
        begins = np.cumsum(tried) - tried
        cut = np.arange(tried.sum()) - np.repeat(begins - least, tried)
        total = best[cut] + cost(cut, np.repeat(middle, tried))
        found[middle] = np.minimum.reduceat(total, begins)
        hits = np.flatnonzero(total == np.repeat(found[middle], tried))
        at = cut[hits[np.searchsorted(hits, begins)]]
        left, right = middle > low, middle < high
        low, high, least, most = (
            np.concatenate([low[left], middle[right] + 1]),
            np.concatenate([middle[left] - 1, high[right]]),
            np.concatenate([least[left], at[right]]),
            np.concatenate([at[left], most[right]]),
        )
    return found


def squared_error(weight: np.ndarray, book: Book) -> float:
    """Summed in float64."""
    codes, levels = book
    return float(((weight.astype(np.float64) - levels[codes]) ** 2).sum())


def timed(function: Callable[..., Book], case: tuple, repeat: int) -> tuple[list[float], Book]:
    """Seconds of each run, and what the last returned."""
    times, book = [], None
    for _ in range(repeat):
        start = time.perf_counter()
        book = function(*case)
        times.append(time.perf_counter() - start)
    return times, book


def compare(weights: int, repeat: int) -> None:
    """Print time and squared error of both, and both against the optimum of the first FEW weights."""
    weight = np.random.default_rng(0).normal(size=weights).astype(np.float32)
    print(f"{weights:,} Gaussian weights, {torch.get_num_threads()} threads; seconds least / median / most")
    for bits in BITS:
        mine, book = timed(ours, (weight, bits), EACH * repeat)
        alone, _ = timed(ours, (weight, bits, Sorted(np.sort(weight)[None], np.array([weight.size]))), EACH * repeat)
        other, oracle = timed(theirs, (weight, bits), repeat)
        for name, times in (("ours", mine), ("ours, indexed", alone), ("scikit-learn", other)):
            row = (min(times), statistics.median(times), max(times))
            print(f"{2**bits:4} values {name:13} {row[0]:9.4f} {row[1]:9.4f} {row[2]:9.4f}")
        ratio = [slow / fast for slow in (min(other), max(other)) for fast in (max(mine), min(mine))]
        middle, known = (statistics.median(other) / statistics.median(times) for times in (mine, alone))
        error = squared_error(weight, book) / squared_error(weight, oracle)
        print(
            f"{2**bits:4} values: {middle:,.0f} times faster ({ratio[0]:,.0f} to {ratio[-1]:,.0f}), "
            f"{known:,.0f} with the index in place; error x {error:.4f}"
        )
    for bits in BITS:
        few = weight[:FEW]
        best = optimum(few, 2**bits)
        above = [100 * (squared_error(few, way(few, bits)) / best - 1) for way in (ours, theirs)]
        print(f"{2**bits:4} values of {len(few):,}: {above[0]:.2f} % above the optimum; scikit-learn {above[1]:.2f} %")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    compare(options.weights, options.repeat)
