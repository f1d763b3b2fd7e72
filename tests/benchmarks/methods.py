"""Accuracy of every criterion and compensation: what is least important, and what makes good the loss.

python -m tests.benchmarks.methods [--samples lenet_300_100 lenet5] [--sparsities .5 .8 .9 .95]

Each layer loses the same share of its weights, at once; batch norms, where there are any, are recalibrated. The first
1,000 of a sample's 5,000 images calibrate, the other 4,000 are measured. `entropy` and `information` remove whole
output channels from every layer but the last, beside `random` doing the same. A criterion that does not beat `random`
is marked with a dash. Then 2:4 with and without compensation.
"""

import argparse
from dataclasses import replace

import torch

from core import loading, pipeline
from core.calibration import NORMS
from core.compensation import COMPENSATIONS
from core.pipeline import Study
from core.pruning import CRITERIA
from core.recipe import Recipe, Settings
from sample_models import SAMPLES

CHANNELS = ("entropy", "information")
SPARSITIES = (0.5, 0.8, 0.9, 0.95)
CALIBRATED = Recipe(Settings(criterion="wanda", sparsity=0.5))


def main() -> None:
    """Prints a table a sample."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--samples", nargs="*", default=list(SAMPLES), choices=list(SAMPLES))
    parser.add_argument("--sparsities", nargs="*", type=float, default=SPARSITIES)
    chosen = parser.parse_args()
    torch.manual_seed(0)
    for name in chosen.samples:
        loaded = loading.load_model(name)
        table(pipeline.study(loaded, loading.load_data(loaded.data), CALIBRATED), tuple(chosen.sparsities))


def table(study: Study, sparsities: tuple[float, ...]) -> None:
    """Prints a sample's table."""
    print(f"\n{study.loaded.name}, dense {100 * accuracy(study, Recipe()):.2f} % on {len(study.bench.targets)} images")
    print(f"{'criterion':<22}{'compensate':<12}" + "".join(f"{sparsity:>9}" for sparsity in sparsities))
    for pattern, criteria in (("element", [c for c in CRITERIA if c not in CHANNELS]), ("row", [*CHANNELS, "random"])):
        makes_good = COMPENSATIONS if pattern == "element" else ("none",)
        chance = row(study, (Settings(criterion="random", pattern=pattern), sparsities))
        for criterion in criteria:
            for compensate in makes_good:
                settings = Settings(criterion=criterion, pattern=pattern, compensate=compensate)
                found = row(study, (settings, sparsities))
                cells = [
                    f"{a:>8.2f}{' ' if criterion == 'random' or a > c else '-'}"
                    for a, c in zip(found, chance, strict=True)
                ]
                print(
                    f"{criterion + (' (channels)' if pattern == 'row' else ''):<22}{compensate:<12}{''.join(cells)}",
                    flush=True,
                )
    for compensate in ("none", "columns", "outputs"):
        whole = Settings(sparsity=0.5, pattern="2:4", compensate=compensate)
        print(f"{'magnitude, 2:4':<22}{compensate:<12}{100 * accuracy(study, Recipe(whole)):>8.2f}", flush=True)


def row(study: Study, asked: tuple[Settings, tuple[float, ...]]) -> list[float]:
    """The accuracy in per cent at each sparsity."""
    settings, sparsities = asked
    last = study.known[-1].name
    kept = {last: {"sparsity": 0.0}} if settings.pattern == "row" else {}
    norms = "recalibrate" if any(isinstance(module, NORMS) for module in study.model.modules()) else "keep"
    recipes = [Recipe(replace(settings, sparsity=sparsity), kept, batchnorm=norms) for sparsity in sparsities]
    return [100 * accuracy(study, recipe) for recipe in recipes]


def accuracy(study: Study, recipe: Recipe) -> float:
    """The share of the measured images that is answered right."""
    tally = pipeline.measure(study, pipeline.apply(study, recipe))
    return tally.correct / tally.images


if __name__ == "__main__":
    main()
