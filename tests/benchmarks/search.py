"""The search against the best uniform recipe of a grid and against chance, with the same number of measured recipes.

python -m tests.benchmarks.search [--model lenet_300_100] [--drop 0.5] [--seconds 600] [--seeds 0 1 2 3 4]

All three measure on the same images, by the same sizes (the whole file). Grid: every sparsity x bits, the same for all
layers, by magnitude, with and without the column sweep, all of it. Chance: a sparsity, bits, criterion and grouping
drawn for each layer, with the sweep, as many whole recipes as the search measured. Shown for each: the smallest file
whose drop is a standard error below the one allowed, how many times smaller than dense it is, its drop on the images
that nothing was chosen by, and the area under its front: the mean over sizes from 1/200 to 1/5 of the dense file,
evenly in their logarithm, of the best accuracy with at most that size (chance level where there is none). Medians over
seeds, the smallest and the largest in brackets.
"""

import argparse
import itertools
import math
import random
import time
from collections.abc import Iterator, Sequence

import numpy as np

from core import pipeline
from core.loading import load_data, load_model
from core.pipeline import Study
from core.recipe import Recipe, Settings
from core.search import Goal, Point, best, parts, search
from core.search.lab import measured
from core.sensitivity import differing
from tests.benchmarks.calibration import shown

SPARSITIES = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95)
BITS = (2, 3, 4, 5, 6, 8)
SIZES = np.geomspace(1 / 200, 1 / 5, 100)  # of the dense file
FLOOR = 0.1  # accuracy of a guess among ten classes


def grid(study: Study) -> Iterator[Recipe]:
    """Every uniform recipe."""
    for compensate, sparsity, bits in itertools.product(("columns", "none"), SPARSITIES, BITS):
        yield Recipe(Settings(sparsity=sparsity, bits=bits, group="tensor", compensate=compensate))


def drawn(study: Study, seed: int) -> Iterator[Recipe]:
    """Recipes by chance, without end."""
    chance = random.Random(seed)
    while True:
        layers = {}
        for layer in study.known:
            settings = Settings(
                sparsity=round(chance.uniform(0, 0.97), 3),
                bits=chance.choice(BITS),
                criterion=chance.choice(("magnitude", "wanda", "fisher")),
                group=chance.choice(("tensor", "channel")),
                compensate="columns",
            )
            layers[layer.name] = differing(settings)
        yield Recipe(layers=layers)


def measure(study: Study, recipes: Iterator[Recipe], most: int | None) -> list[Point]:
    """The points of the first `most` recipes, of all where it is None; one that cannot be had counts as measured."""
    points = []
    for recipe in itertools.islice(recipes, most):
        try:
            points.append(measured(study, recipe, pipeline.encoded_by(study, recipe)))
        except ValueError:
            continue
    return points


def area(points: Sequence[Point], dense: int) -> float:
    """The mean of the best accuracy within each size."""
    return float(
        np.mean([max((p.accuracy for p in points if p.bytes <= share * dense), default=FLOOR) for share in SIZES])
    )


def compare(model: str, goal: tuple[float, float], seeds: Sequence[int]) -> None:
    """Run all three for each seed and print the table."""
    loaded = load_model(model)
    data = load_data(loaded.data)
    found: dict[str, list[tuple[float, float, float]]] = {"search": [], "grid": [], "chance": []}
    for seed in seeds:
        study, others = parts(loaded, data, seed=seed)
        asked = Goal(drop=goal[0], seconds=goal[1], seed=seed)
        start = time.perf_counter()
        mine = [step.point for step in search(study, asked) if step.point]
        mine = list({id(point): point for point in mine}.values())
        print(f"seed {seed}: {len(mine)} recipes in {time.perf_counter() - start:.0f} s", flush=True)
        dense = mine[0].bytes
        sides = {
            "search": mine,
            "grid": measure(study, grid(study), None),
            "chance": measure(study, drawn(study, seed), len(mine)),
        }
        for name, points in sides.items():
            smallest = best(points, asked)
            other = (
                measured(others, smallest.recipe, pipeline.encoded_by(others, smallest.recipe)) if smallest else None
            )
            ratio = dense / smallest.bytes if smallest else 1.0
            found[name].append((ratio, other.drop if other else math.nan, area(points, dense)))
            told = found[name][-1]
            print(f"  {name:<8} {told[0]:6.1f} times, confirmed drop {told[1]:.2f}, area {told[2]:.4f}", flush=True)
    print(f"{model}, at most {goal[0]} points, {goal[1]:g} s, {len(seeds)} seeds")
    print(f"{'':<8}{'times smaller':>26}{'drop, other images':>26}{'area':>26}")
    for name, rows in found.items():
        columns = [shown(list(column)) for column in zip(*rows, strict=True)]
        print(f"{name:<8}" + "".join(f"{column:>26}" for column in columns))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="lenet_300_100")
    parser.add_argument("--drop", type=float, default=0.5)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=range(5))
    options = parser.parse_args()
    compare(options.model, (options.drop, options.seconds), options.seeds)
