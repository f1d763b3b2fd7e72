"""One slider position at many weights: the sorted index against the same figures by plain torch code.

python -m tests.benchmarks.tick [--weights 25000000] [--repeat 5]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from core import index

BITS, BINS, THRESHOLD = 4, 100, 0.02
TOP = 2 ** (BITS - 1) - 1


def plain(weight: Tensor, edges: Tensor) -> tuple[float, Tensor, Tensor, float, float]:
    """Sparsity, histogram of survivors, code counts, entropy and squared error, as one writes them in torch."""
    mask = weight.abs() >= THRESHOLD
    survivors = weight[mask]
    scale = survivors.abs().max() / TOP
    codes = torch.where(mask, (weight / scale).round().clamp(-TOP, TOP), 0.0)
    counts = torch.bincount((codes + TOP).long().flatten(), minlength=2 * TOP + 1)
    histogram = torch.histogram(survivors, edges).hist
    shares = counts[counts > 0].double() / counts.sum()
    entropy = float(-(shares * shares.log2()).sum())
    error = float((codes * scale - weight).double().square().sum())
    return 1 - survivors.numel() / weight.numel(), histogram, counts, entropy, error


def indexed(built: index.Index, edges: np.ndarray) -> index.Tick:
    """The same figures from the index."""
    low, high = index.bounds(built, *index.cut(built, THRESHOLD))
    scale = np.float32(max(-low, high)) / np.float32(TOP)
    return index.tick(built, THRESHOLD, index.Grid(scale, None, TOP, 2 * TOP), edges)


def timed(function: Callable[[], object], repeat: int) -> tuple[float, float, float, object]:
    """Least, median and most milliseconds of `repeat` runs, and the last result."""
    times, result = [], None
    for _ in range(repeat):
        start = time.perf_counter()
        result = function()
        times.append(1e3 * (time.perf_counter() - start))
    return min(times), statistics.median(times), max(times), result


def compare(weights: int, repeat: int) -> None:
    """Time both sides, hold them equal in value, and print the table."""
    weight = torch.randn(weights, generator=torch.Generator().manual_seed(0)) * 0.05
    edges = np.linspace(-0.25, 0.25, BINS + 1, dtype=np.float32)
    array = weight.numpy()
    sorting = timed(lambda: np.sort(array), 3)
    building = timed(lambda: index.build(array), 3)
    built = building[3]
    ours = timed(lambda: indexed(built, edges), 40 * repeat)
    theirs = timed(lambda: plain(weight, torch.from_numpy(edges)), repeat)
    _require_equal(ours[3], theirs[3])
    stored = (built.values.nbytes + built.sums.nbytes + built.squares.nbytes) / weights
    print(f"{weights:,} weights, {torch.get_num_threads()} threads; least / median / most milliseconds")
    for name, row in (("plain torch", theirs), ("index", ours), ("np.sort", sorting), ("building the index", building)):
        print(f"{name:20} {row[0]:12.3f} {row[1]:12.3f} {row[2]:12.3f}")
    print(f"a tick is {theirs[1] / ours[1]:,.0f} times faster; values equal, code counts to the last weight")
    print(f"building takes {building[1] / sorting[1]:.2f} times one np.sort; {stored:.2f} bytes a weight")


def _require_equal(ours: index.Tick, theirs: tuple[float, Tensor, Tensor, float, float]) -> None:
    sparsity, histogram, counts, entropy, error = theirs
    assert np.isclose(ours.sparsity, sparsity, rtol=1e-12)
    assert np.array_equal(ours.counts[: 2 * TOP + 1], counts.numpy())
    assert np.isclose(ours.entropy, entropy, rtol=1e-12)
    assert np.isclose(ours.squared_error, error, rtol=1e-5)  # the plain error is summed from float32 differences
    # torch.histogram rounds bin positions in float32: a weight next to an edge may fall on either side
    assert np.abs(ours.kept - histogram.numpy()).sum() <= 1e-5 * counts.sum()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=int, default=25_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    compare(options.weights, options.repeat)
