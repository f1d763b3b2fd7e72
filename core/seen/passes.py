"""Passes of calibration images through a model, and which of its layers they can tell something about."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from core.seen.gradients import Arrived, Followed, arrived, follow
from core.seen.patches import image_outputs
from core.seen.watching import Pass, Use, watch

BATCH = 100  # images
TRIED = 3  # images that are compared, run together and alone
ALIKE = 1e-3  # of the largest sum: far above float32's rounding, far below the sum of another image


class Source(NamedTuple):
    """names: of the layers to look at, by the id of their weights. tell: told the share done."""

    model: nn.Module
    names: Mapping[int, str]
    inputs: Tensor
    targets: Tensor
    tell: Callable[[float], None]


class Survey(NamedTuple):
    """kinds: of use, by layer. strays: layer -> the function that took its weight in another way."""

    kinds: dict[str, set[str]]
    strays: dict[str, str]


def survey(source: Source) -> Survey:
    """How a first image uses each layer's weight."""
    kinds: dict[str, set[str]] = {name: set() for name in source.names.values()}
    watched = Pass(source.names, lambda use: kinds[use.layer].add(use.kind), {})
    with torch.no_grad():
        watch(source.model, source.inputs[:1], watched)
    return Survey(kinds, watched.strays)


def refusal(found: Survey, name: str, multiplied: bool) -> str | None:
    """Why a layer has no statistics, in a sentence, or None. multiplied: where inputs that meet its rows are asked."""
    if name in found.strays:
        return (
            f"layer '{name}': the model takes its weight with {found.strays[name]}, not by calling a Linear, Conv or "
            "Embedding module, so what it sees is not known; choose a method that needs no calibration"
        )
    if not found.kinds[name]:
        return (
            f"layer '{name}': the model never calls it, so it sees nothing; choose a method that needs no calibration"
        )
    if multiplied and "Embedding" in found.kinds[name]:
        return (
            f"layer '{name}': an embedding looks rows up and multiplies them with nothing; choose a method for weights"
        )
    return None


def forward(source: Source, visit: Callable[[Use, int], None], size: int = BATCH) -> Iterator[int]:
    """The images of each batch, after `visit` was told every use of a layer and the number of images in it."""
    done = 0
    for images in source.inputs.split(size):
        count = len(images)
        watched = Pass(source.names, lambda use, count=count: visit(use, count), {})
        with torch.no_grad():
            watch(source.model, images, watched)
        done += len(images)
        source.tell(done / len(source.inputs))
        yield len(images)


def backward(source: Source, size: int = BATCH) -> Iterator[tuple[int, dict[str, list[Arrived]]]]:
    """For each batch its images, and by layer the uses with the gradients of each image's cross-entropy.

    ValueError where the model's loss has no gradient, as when it overwrites what the gradient is made from.
    """
    done = 0
    for images, targets in zip(source.inputs.split(size), source.targets.split(size), strict=True):
        followed: list[Followed] = []
        watched = Pass(source.names, lambda use, followed=followed: follow(use, followed), {})
        with torch.enable_grad():
            logits = watch(source.model, images, watched)
            try:
                by_layer = arrived(logits, targets, followed)
            except RuntimeError as error:
                reason = str(error).splitlines()[0]
                raise ValueError(
                    f"model: its loss has no gradient ({reason}); choose a method without gradients"
                ) from None
        done += len(images)
        source.tell(done / len(source.inputs))
        yield len(images), by_layer


def batch_size(source: Source) -> int:
    """How many images may run together where something is asked of each: BATCH, or 1 where they cannot be told apart.

    So it is where the images of a batch change each other's values, or lie inside another dimension of a layer's input.
    """
    tried = source.inputs[:TRIED]
    try:
        together = _image_sums(source, tried)
        alone = [torch.cat(parts) for parts in zip(*(_image_sums(source, x) for x in tried.split(1)), strict=True)]
        pairs = list(zip(together, alone, strict=True))
    except (RuntimeError, ValueError):  # rows that no whole number of belongs to each image, or other uses than alone
        return 1
    alike = all(a.shape == b.shape and float((a - b).abs().max()) <= ALIKE * float(b.abs().max()) for a, b in pairs)
    return BATCH if alike else 1


def _image_sums(source: Source, images: Tensor) -> list[Tensor]:
    """The outputs of each use, summed over positions, (images, out)."""
    sums: list[Tensor] = []

    def visit(use: Use, count: int) -> None:
        sums.append(image_outputs(use, use.outputs, count).double().sum(-1).flatten(1))

    for _ in forward(source._replace(inputs=images, tell=lambda share: None), visit, len(images)):
        pass
    return sums
