"""What sensitivity costs with what lies before a layer computed once, against every cell from scratch.

python -m tests.benchmarks.sensitivity [--model digits_cnn] [--images 1000] [--repeat 3]

All layers x 3 techniques x 8 settings, in one process, by turns. From scratch: each cell is encoded by the same code,
and the whole model evaluated by its own forward pass on the same images in batches of 100. A ratio is of two neighbours
in time. Shown are medians and, in brackets, the smallest and the largest. The figures must be the same; the goal is 5.
"""

import argparse
import time

import torch

from core import compress, pipeline, sensitivity
from core.compress import run
from core.loading import load_data, load_model
from core.pipeline import Study
from core.recipe import Recipe, Settings
from tests.benchmarks.calibration import shown

BATCH = 100


def study(model: str) -> Study:
    """A fresh study, whose sorted weights and singular values both sides may use."""
    loaded = load_model(model)
    made = pipeline.study(loaded, load_data(loaded.data), Recipe())
    for layer in made.known:
        _ = layer.index, layer.spectrum
    return made


def resumed(given: Study, images: int) -> list[float]:
    """The accuracy of every cell."""
    return [row["accuracy"] for row in sensitivity.sensitivity(given, Settings(), sensitivity.LADDERS, images)]


def scratch(given: Study, images: int) -> list[float]:
    """The same by whole evaluations."""
    found = []
    inputs, targets = given.bench.inputs[:images], given.bench.targets[:images]
    for cell in sensitivity.cells(given.known, Settings(), sensitivity.LADDERS):
        changed = compress.weights((cell.layer,), {cell.layer.name: compress.encode(cell.layer, cell.settings)})
        with torch.no_grad():
            answers = torch.cat([run(given.loaded.model, changed, batch).argmax(1) for batch in inputs.split(BATCH)])
        found.append(float((answers == targets).double().mean()))
    return found


def compare(model: str, images: int, repeat: int) -> None:
    """Time both by turns and print the table."""
    times: dict[str, list[float]] = {"resumed": [], "from scratch": []}
    for _ in range(repeat):
        answers = []
        for name, function in (("resumed", resumed), ("from scratch", scratch)):
            given = study(model)
            start = time.perf_counter()
            answers.append(function(given, images))
            times[name].append(time.perf_counter() - start)
        if answers[0] != answers[1]:
            different = sum(one != other for one, other in zip(*answers, strict=True))
            print(f"{different} of {len(answers[0])} accuracies differ")
    print(f"{len(answers[0])} cells of {model}, {images} images, {torch.get_num_threads()} threads, {repeat} turns")
    for name, taken in times.items():
        print(f"{name:<14}{shown(taken):>24} s")
    ratios = [slow / fast for fast, slow in zip(*times.values(), strict=True)]
    print(f"{'times faster':<14}{shown(ratios):>24}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="digits_cnn")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    compare(options.model, options.images, options.repeat)
