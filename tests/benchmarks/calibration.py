"""What calibration costs: a pass for second moments and one for gradients against a plain evaluation.

python -m tests.benchmarks.calibration [--images 2000] [--repeat 5]

digits_cnn, the same images for all, in one process, one after the other by turns. Plain: model(x) in batches of 100
without gradients, and argmax. A ratio is of two neighbours in time. Shown are medians and, in brackets, the smallest
and the largest. The goals are at most 3 plain evaluations for the moments and 12 for the gradients.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from core.layer import layers
from core.seen import Calibration
from sample_models import DATA, load

BATCH = 100
GOALS = {"moments": 3, "gradients": 12}


def plain(model: nn.Module, inputs: Tensor) -> Tensor:
    """The predicted class of every image."""
    with torch.no_grad():
        return torch.cat([model(batch).argmax(1) for batch in inputs.split(BATCH)])


def seconds(function: Callable[[], object]) -> float:
    """How long one run takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def compare(images: int, repeat: int) -> None:
    """Time the three by turns and print the table."""
    model = load("digits_cnn")
    x, y = DATA["digits"].load()
    inputs, targets = torch.from_numpy(x[:images]), torch.from_numpy(y[:images])
    known = layers(model)
    for layer in known:
        _ = layer.matrix
    plain(model, inputs)
    times: dict[str, list[float]] = {"plain": [], **{name: [] for name in GOALS}}
    for _ in range(repeat):
        times["plain"].append(seconds(lambda: plain(model, inputs)))
        for name in GOALS:
            made = Calibration(model, known, inputs, targets)
            times[name].append(seconds(lambda made=made, name=name: getattr(made, name)))
    print(f"{len(inputs)} images of digits_cnn, {torch.get_num_threads()} threads, {repeat} turns")
    print(f"{'pass':<12}{'seconds':>24}{'ratio':>24}{'goal':>8}")
    for name, taken in times.items():
        ratios = [one / other for one, other in zip(taken, times["plain"], strict=True)]
        print(f"{name:<12}{shown(taken):>24}{shown(ratios):>24}{GOALS.get(name, 1):>8}")


def shown(values: list[float]) -> str:
    """The median and, in brackets, the smallest and the largest."""
    return f"{statistics.median(values):.2f} ({min(values):.2f}, {max(values):.2f})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    compare(given.images, given.repeat)
