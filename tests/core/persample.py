"""Gradients of the loss one sample at a time, by torch's own transforms."""

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from core.layer import Layer

CHUNK = 250


def gradients(model: nn.Module, known: tuple[Layer, ...], images: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """d cross-entropy / d weight of every sample, (n, out, in), by layer name."""
    weights = {layer.parameter: layer.weight.detach() for layer in known}

    def loss(changed: dict[str, Tensor], image: Tensor, label: Tensor) -> Tensor:
        return nn.functional.cross_entropy(functional_call(model, changed, (image[None],)), label[None])

    single = vmap(grad(loss), in_dims=(None, 0, 0))
    parts = [single(weights, *pair) for pair in zip(images.split(CHUNK), labels.split(CHUNK), strict=True)]
    return {layer.name: torch.cat([part[layer.parameter].flatten(2) for part in parts]) for layer in known}
