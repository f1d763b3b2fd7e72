"""Random kill -9 during writes: no run that was kept is lost, no half run is there.

python -m tests.benchmarks.store [--kills 200] [--seed 0]
"""

import argparse
import random
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from core import runs
from tests.core.runs import example, killing

WRITTEN = 100  # runs whose writing is timed


def survive(kills: int, seed: int, folder: Path) -> None:
    """Kill one writer of a file after the other, and hold the file whole."""
    rng, kept, path = random.Random(seed), {}, folder / "runs.sqlite"
    counts = []
    for kill in range(kills):
        said = killing.killed(path, 10**4 * kill, rng)
        kept |= said
        counts.append(len(said))
    found = killing.require_whole(path, kept)
    print(f"{kills} writers killed after {min(counts)} to {max(counts)} runs (median {statistics.median(counts):g})")
    print(f"{len(kept)} runs said to be kept, all of them whole; {found - len(kept)} more were kept but not yet said")


def write(folder: Path) -> None:
    """Time how long keeping a run takes, with two arrays of 5,000 images."""
    store, times = runs.open_store(folder / "timed.sqlite"), []
    for i in range(WRITTEN):
        start = time.perf_counter()
        runs.record(store, example.run(i), example.answers(i))
        times.append(1e3 * (time.perf_counter() - start))
    low, *_, high = statistics.quantiles(times, n=20)
    print(f"keeping a run takes {statistics.median(times):.1f} ms (5 to 95 %: {low:.1f} to {high:.1f})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with TemporaryDirectory() as made:
        survive(options.kills, options.seed, Path(made))
        write(Path(made))
