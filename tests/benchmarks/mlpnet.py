"""MLPNet pruned once over all layers together, without training: magnitude beside the Fisher scores and the refit.

python -m tests.benchmarks.mlpnet [--data ../shared/data] [--seeds 5] [--images 3000]
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from core.cascade import cascade, paired_moments
from core.compress import run
from core.fisher import network_masks, network_pruned
from core.joint import joint
from core.layer import Layer, layers
from core.patterns import removed_count
from core.seen import Calibration
from tests.published.mlpnet import DATA, MLPNet

SPARSITIES = (0.9, 0.95, 0.98)
QUOTED = {"magnitude": (90.30, 83.64, 32.25), "CBS": (93.14, 88.92, 55.45)}  # published, not run again
STEPS = 8
SAMPLES = 500  # of the calibration images lend their gradients: 1,000 cost twice as much and gain nothing
WAYS = (
    "magnitude",
    "magnitude + refit",
    "fisher at once",
    "fisher in steps",
    "fisher in steps + refit",
    "the same + joint",
)

Labelled = tuple[Tensor, Tensor]


def load(folder: Path) -> tuple[MLPNet, Labelled, Labelled]:
    """The published network, its training images and its test images."""
    model = MLPNet().eval().requires_grad_(False)
    model.load_state_dict(load_file(folder / "mlpnet.safetensors"))
    return model, _images(folder / "mnist_train.npz"), _images(folder / "mnist_test.npz")


def _images(path: Path) -> Labelled:
    with np.load(path, allow_pickle=False) as archive:
        x, y = archive["x"], archive["y"]
    return torch.from_numpy((x / np.float32(255) - np.float32(0.1307)) / np.float32(0.3081)), torch.from_numpy(y).long()


def drawn(training: Labelled, count: int, seed: int) -> Labelled:
    """`count` training images without replacement and their digits."""
    order = torch.randperm(len(training[0]), generator=torch.Generator().manual_seed(seed))[:count]
    return training[0][order], training[1][order]


def pruned(model: nn.Module, known: tuple[Layer, ...], calibration: Labelled) -> dict[str, list[dict[str, Tensor]]]:
    """By way, for each of SPARSITIES the matrices by layer name."""
    images, labels = calibration
    weights = {layer.name: layer.matrix for layer in known}
    sizes = {name: weight.abs() for name, weight in weights.items()}
    gradients = per_sample(model, known, (images[:SAMPLES], labels[:SAMPLES]))
    total = sum(layer.matrix.numel() for layer in known)
    made: dict[str, list[dict[str, Tensor]]] = {way: [] for way in WAYS}
    for count in (removed_count(total, sparsity) for sparsity in SPARSITIES):
        masks = network_masks(sizes, count)
        made["magnitude"].append({name: weights[name] * masks[name] for name in weights})
        made["magnitude + refit"].append(refitted(model, known, masks, images))
        made["fisher at once"].append(network_pruned(weights, gradients, (count, 1))[1])
        masks, repaired = network_pruned(weights, gradients, (count, STEPS))
        made["fisher in steps"].append(repaired)
        made["fisher in steps + refit"].append(refitted(model, known, masks, images))
        made["the same + joint"].append(joint(model, known, made["fisher in steps + refit"][-1], images))
    return made


def per_sample(model: nn.Module, known: tuple[Layer, ...], calibration: Labelled) -> dict[str, Tensor]:
    """The gradients of every image, (n, out, in), by layer name."""
    seen = Calibration(model, known, *calibration)
    return {layer.name: torch.cat(list(seen.per_sample(layer.name))) for layer in known}


def refitted(model: nn.Module, known: tuple[Layer, ...], masks: dict[str, Tensor], images: Tensor) -> dict[str, Tensor]:
    """The matrices of the masks, each layer refitted to the original outputs on the images."""
    return cascade(known, masks, lambda layer, changed: paired_moments(model, layer, changed, images))


def accuracy(model: nn.Module, known: tuple[Layer, ...], matrices: dict[str, Tensor], test: Labelled) -> float:
    """Percent of the images that the model with these matrices gets right."""
    changed = {layer.parameter: matrices[layer.name] for layer in known}
    return 100 * float(run(model, changed, test[0]).argmax(1).eq(test[1]).double().mean())


def compare(folder: Path, seeds: int, images: int) -> None:
    """Print each way's accuracy on the test images, mean and spread over seeds that draw the calibration images."""
    model, training, test = load(folder)
    known = layers(model)
    figures: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    start = time.perf_counter()
    for seed in range(seeds):
        for way, made in pruned(model, known, drawn(training, images, seed)).items():
            figures[way].append([accuracy(model, known, matrices, test) for matrices in made])
    print(f"{images:,} calibration images of the training set, gradients of {min(SAMPLES, images)}, {STEPS} steps;")
    print(f"{seeds} seeds, {time.perf_counter() - start:.0f} s")
    print("percent right of 10,000 test images at sparsity " + ", ".join(map(str, SPARSITIES)))
    for name, row in QUOTED.items():
        print(f"{name + ', published':25}" + "".join(f"{value:8.2f}         " for value in row))
    for way, rows in figures.items():
        print(f"{way:25}" + "".join(map(_spread, zip(*rows, strict=True))))


def _spread(values: tuple[float, ...]) -> str:
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):8.2f} ± {deviation:4.2f}  "


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--images", type=int, default=3000)
    options = parser.parse_args()
    compare(options.data, options.seeds, options.images)
