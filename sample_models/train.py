"""Train a sample again: python -m sample_models.train NAME --train mnist_train.npz --test mnist_test.npz

It learns from the MNIST training images that are not among the 5,000 digits, which validate it.
"""

import argparse
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from sample_models.catalog import CARDS, LEARNED_FROM, SAMPLES, weights_path
from sample_models.data import digit_bytes

THREADS = 2  # sums differ in the last bit with another count, and so would the weights


@dataclass(frozen=True)
class Recipe:
    """AdamW with one cosine cycle of the learning rate, on randomly tilted, zoomed and shifted images."""

    epochs: int
    rate: float  # peak learning rate
    decay: float  # decoupled weight decay
    batch: int = 128
    smoothing: float = 0.05  # of the labels
    tilt: float = 10.0  # degrees, at most, either way
    zoom: float = 0.1  # fraction, at most, either way
    shift: float = 2.0  # pixels, at most, either way


@dataclass(frozen=True)
class Split:
    """Images uint8 (N, 28, 28) and labels (N,) to learn from, to validate on, to test on."""

    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


def disjoint(images: np.ndarray, held: np.ndarray) -> np.ndarray:
    """True for each training image whose bytes equal no held-out image, bool (N,).

    ValueError when a held-out image is not among the training images: then the two are not what they claim to be.
    """
    known = {image.tobytes() for image in images}
    withheld = {image.tobytes() for image in held}
    if missing := withheld - known:
        raise ValueError(f"{len(missing)} of {len(held)} held-out images are not among the {len(images)} given")
    kept = np.array([image.tobytes() not in withheld for image in images], dtype=bool)
    shared = withheld & {image.tobytes() for image in images[kept]}
    if shared:
        raise AssertionError(f"{len(shared)} held-out images are still among the {kept.sum()} training images")
    return kept


def augment(x: Tensor, recipe: Recipe, random: torch.Generator) -> Tensor:
    """Each image tilted, zoomed and shifted by its own random amount; x: (N, 1, 28, 28)."""
    angle, zoom, right, down = (2 * torch.rand(4, len(x), generator=random) - 1).unbind()  # (N,) each, in [-1, 1)
    angle = angle * math.radians(recipe.tilt)
    zoom = 1 + zoom * recipe.zoom
    step = recipe.shift * 2 / x.shape[-1]  # grid coordinates run over [-1, 1]
    upper = torch.stack([angle.cos() * zoom, -angle.sin() * zoom, right * step], 1)
    lower = torch.stack([angle.sin() * zoom, angle.cos() * zoom, down * step], 1)
    grid = functional.affine_grid(torch.stack([upper, lower], 1), list(x.shape), align_corners=False)
    return functional.grid_sample(x, grid, align_corners=False)


def fit(net: nn.Module, split: Split, recipe: Recipe, seed: int) -> Iterator[float]:
    """Trains `net` in place; yields each epoch's mean loss."""
    random = torch.Generator().manual_seed(seed)
    x, y = _tensors(*split.train)
    steps = math.ceil(len(y) / recipe.batch)
    optimizer = torch.optim.AdamW(net.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, total_steps=steps * recipe.epochs)
    for _ in range(recipe.epochs):
        net.train()
        total = 0.0
        for rows in torch.randperm(len(y), generator=random).split(recipe.batch):
            logits = net(augment(x[rows], recipe, random))
            loss = functional.cross_entropy(logits, y[rows], label_smoothing=recipe.smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        yield total / steps


@torch.no_grad()
def accuracy(net: nn.Module, images: np.ndarray, labels: np.ndarray) -> float:
    """The fraction of images that `net` puts in their class."""
    net.eval()
    x, y = _tensors(images, labels)
    hits = sum(
        int((net(part).argmax(1) == truth).sum()) for part, truth in zip(x.split(500), y.split(500), strict=True)
    )
    return hits / len(y)


def split_digits(train: Path, test: Path) -> Split:
    """MNIST with the 5,000 digits taken out of its training images."""
    images, labels = _arrays(train)
    validation = digit_bytes()
    kept = disjoint(images, validation[0])
    return Split((images[kept], labels[kept]), validation, _arrays(test))


def save(name: str, net: nn.Module, card: dict[str, str | float | int]) -> None:
    """Writes the weights and the sample's card, with the size of the file written."""
    path = weights_path(name)
    path.parent.mkdir(exist_ok=True)
    save_file({key: value.contiguous() for key, value in net.state_dict().items()}, path)
    cards = json.loads(CARDS.read_text()) if CARDS.exists() else {}
    cards[name] = card | {"bytes": path.stat().st_size}
    ordered = {known: cards[known] for known in SAMPLES if known in cards}
    CARDS.write_text(json.dumps(ordered, indent=2) + "\n")


def train(name: str, split: Split, recipe: Recipe, seed: int) -> dict[str, str | float | int]:
    """Trains, saves and describes one sample; the test images are looked at once, at the end."""
    torch.manual_seed(seed)
    net = SAMPLES[name].build().to(memory_format=torch.channels_last)
    for epoch, loss in enumerate(fit(net, split, recipe, seed), 1):
        print(f"epoch {epoch}: loss {loss:.4f}, validation {accuracy(net, *split.validation):.4f}", flush=True)
    card = {
        "data": LEARNED_FROM,
        "train_images": len(split.train[1]),
        "epochs": recipe.epochs,
        "seed": seed,
        "parameters": sum(weight.numel() for weight in net.parameters()),
        "accuracy_validation": accuracy(net, *split.validation),
        "accuracy_test": accuracy(net, *split.test),
    }
    save(name, net, card)
    return card


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=SAMPLES)
    parser.add_argument("--train", type=Path, required=True, help="npz: x uint8 (60000, 28, 28), y uint8 (60000,)")
    parser.add_argument("--test", type=Path, required=True, help="npz: x uint8 (10000, 28, 28), y uint8 (10000,)")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    torch.set_num_threads(THREADS)
    torch.use_deterministic_algorithms(True)
    split = split_digits(given.train, given.test)
    held, left = len(split.validation[1]), len(split.train[1])
    print(f"all {held} digits found in the training images; {left} others share no bytes with them", flush=True)
    recipe = RECIPES[given.name]
    recipe = replace(recipe, epochs=given.epochs or recipe.epochs)
    print(json.dumps(train(given.name, split, recipe, given.seed), indent=2))


def _arrays(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The images and the labels of an npz."""
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["x"], arrays["y"]


def _tensors(images: np.ndarray, labels: np.ndarray) -> tuple[Tensor, Tensor]:
    """Bytes to what the networks take: float32 (N, 1, 28, 28) in [0, 1], and int64 (N,)."""
    return torch.from_numpy(images).unsqueeze(1).float() / 255, torch.from_numpy(labels).long()


RECIPES = {
    "digits_cnn": Recipe(epochs=8, rate=2e-3, decay=0.02),
    "lenet_300_100": Recipe(epochs=40, rate=3e-3, decay=0.02),
    "lenet5": Recipe(epochs=14, rate=3e-3, decay=0.02),
    "digits_resnet": Recipe(epochs=11, rate=6e-3, decay=0.02),
    "digits_vit": Recipe(epochs=20, rate=2e-3, decay=0.05),
}

if __name__ == "__main__":
    main()
