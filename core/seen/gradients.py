"""Per-image gradients of the loss for a layer's matrix, from its inputs and the gradients of its outputs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge

from core.metrics import loss
from core.seen.patches import CHUNK, image_outputs, image_patches, images_at_once, of_images, row_count
from core.seen.watching import Use


class Gradients(NamedTuple):
    """mean: E[g], square: E[g²], float32 (out, in), over images, of g: one image's gradient of the cross-entropy."""

    mean: Tensor
    square: Tensor


class Followed(NamedTuple):
    """A use, with its inputs as they were, and the place in the graph at which the gradient of its outputs arrives."""

    use: Use
    edge: GradientEdge


class Arrived(NamedTuple):
    """A use and the gradient of each image's loss for its outputs."""

    use: Use
    outputs: Tensor


@dataclass(eq=False)
class Running:
    """Sums of g and of g², (out, in), float64."""

    first: Tensor
    second: Tensor


def follow(use: Use, followed: list[Followed]) -> None:
    """Notes a use that the loss may depend on; it is kept apart from what the model later writes into."""
    if use.outputs.requires_grad:
        kept = use._replace(inputs=use.inputs.detach().clone(), outputs=use.outputs.detach())
        followed.append(Followed(kept, get_gradient_edge(use.outputs)))


def arrived(logits: Tensor, targets: Tensor, followed: list[Followed]) -> dict[str, list[Arrived]]:
    """Layer name -> its uses with their gradients, of each image's loss at its target; no .grad is set."""
    if not followed:
        return {}
    gradients = torch.autograd.grad(loss(logits, targets), [f.edge for f in followed], allow_unused=True)
    by_layer: dict[str, list[Arrived]] = {}
    for (use, _), gradient in zip(followed, gradients, strict=True):
        if gradient is not None:
            by_layer.setdefault(use.layer, []).append(Arrived(use, gradient))
    return by_layer


def image_gradients(uses: list[Arrived], images: int) -> Iterator[Tensor]:
    """The gradients for the matrix, image by image, in chunks (n, out, in), float32: at most 32 MiB or one image.

    Several uses of one weight are summed before anything is squared.
    """
    size = prod(uses[0].use.shape)
    step = max(1, min(CHUNK // size, *(images_at_once(a.use) if a.use.kind == "Conv" else images for a in uses)))
    for start in range(0, images, step):
        stop = min(start + step, images)
        yield sum(_of(a, images, slice(start, stop)) for a in uses)


def _of(arrived: Arrived, images: int, chosen: slice) -> Tensor:
    use = of_images(arrived.use, images, chosen)
    outputs = arrived.outputs.reshape(images, -1, arrived.outputs.shape[-1])[chosen]
    return PRODUCTS[use.kind](use, outputs, len(outputs))


def _multiplied(use: Use, outputs: Tensor, images: int) -> Tensor:
    left, right = image_outputs(use, outputs, images), image_patches(use, images)
    return (left @ right.mT).reshape(images, use.shape[0], -1)


def _looked_up(use: Use, outputs: Tensor, images: int) -> Tensor:
    rows, width = use.shape
    found = outputs.new_zeros(images * rows, width)
    places = use.inputs.reshape(images, -1) + rows * torch.arange(images)[:, None]
    found = found.index_add_(0, places.flatten(), outputs.reshape(-1, width)).view(images, rows, width)
    if use.padding_idx is not None:
        found[:, use.padding_idx] = 0
    return found


def running(shape: tuple[int, int]) -> Running:
    """No gradients yet, for a matrix (out, in)."""
    return Running(*torch.zeros(2, *shape, dtype=torch.float64))


def add_gradients(total: Running, uses: list[Arrived], images: int) -> None:
    """Adds the gradients of a batch and their squares.

    Where a weight meets one input an image, g = δ xᵀ, so the sum of g² is (δ²)ᵀ x² and no g is ever made.
    """
    use, outputs = uses[0]
    if len(uses) == 1 and use.kind == "Linear" and row_count(use) == images:
        left, right = outputs.reshape(images, -1).mT, use.inputs.reshape(images, -1)
        total.first += left @ right
        total.second += left.square() @ right.square()
        return
    for chunk in image_gradients(uses, images):
        total.first += chunk.sum(0)
        total.second += chunk.square_().sum(0)


def gradients(total: Running, images: int) -> Gradients:
    """The means over all images."""
    return Gradients((total.first / images).float(), (total.second / images).float())


PRODUCTS: dict[str, Callable[[Use, Tensor, int], Tensor]] = {
    "Linear": _multiplied,
    "Conv": _multiplied,
    "Embedding": _looked_up,
}
