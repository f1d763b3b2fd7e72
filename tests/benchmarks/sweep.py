"""The rate of a sweep on one and on two worker processes, in turns; the figures must be the same.

python -m tests.benchmarks.sweep [--model digits_cnn] [--data digits] [--rounds 3]
"""

import argparse
import os
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from core import runs, sweep
from core.loading import load_data, load_model
from core.recipe import Recipe, Settings
from core.sources import Sources
from core.sweep import Parcel, Place, Workers

SPARSITIES, BITS = (0.5, 0.6, 0.7, 0.8, 0.9), (2, 3, 4, 8)
RECIPES = [Recipe(Settings(sparsity=sparsity, bits=bits)) for sparsity in SPARSITIES for bits in BITS]
Figures = dict[str, tuple[float, int]]


def swept(parcel: Parcel, workers: Workers, folder: Path) -> tuple[float, Figures]:
    """Recipes a second from the moment that every worker has begun, and accuracy and bytes by key.

    The first two results of each worker pay for its start: torch and the data are loaded, the dense model is measured.
    """
    place = Place(runs.open_store(folder / f"{time.monotonic_ns()}.sqlite"), parcel, workers)
    times, found = [], {}
    for outcome in sweep.sweep(place, RECIPES):
        times.append(time.perf_counter())
        found[outcome.run.key] = (outcome.run.report["accuracy"], outcome.run.report["bytes"])
    first = 2 * workers.count
    return (len(times) - first) / (times[-1] - times[first - 1]), found


def compare(parcel: Parcel, rounds: int, folder: Path) -> None:
    """Print the rates of every round and the ratios within it."""
    plans = {
        "one worker": sweep.processes(1),
        "one worker, its share of two": sweep.processes(1, sweep.workers.processor_share(2)),
        "two workers": sweep.processes(2),
    }
    rates: dict[str, list[float]] = {name: [] for name in plans}
    figures = []
    for _ in range(rounds):
        for name, workers in plans.items():
            rate, found = swept(parcel, workers, folder)
            rates[name].append(rate)
            figures.append(found)
    assert all(found == figures[0] for found in figures)
    print(f"{parcel.model}, {len(RECIPES)} recipes, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    for name, measured in rates.items():
        ratios = [two / one for one, two in zip(measured, rates["two workers"], strict=True)]
        print(
            f"{name:30} {statistics.median(measured):6.2f} recipes/s ({min(measured):.2f} to {max(measured):.2f}); "
            f"two workers {statistics.median(ratios):.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f})"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="digits_cnn")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    subject = runs.subject(load_model(options.model), load_data(options.data))
    with TemporaryDirectory() as made:
        named = Parcel(Sources(options.model, data=options.data), subject)
        compare(named, options.rounds, Path(made))
