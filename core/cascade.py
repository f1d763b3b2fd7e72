"""Pruned layers put right one after another, each for the inputs that the layers before it now give."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from core.compress import run
from core.layer import Layer
from core.secondorder import aligned, refit
from core.seen.patches import patches
from core.seen.watching import Pass, watch

BATCH = 200

Pair = tuple[Tensor, Tensor]
Paired = Callable[[Layer, Mapping[str, Tensor]], Pair]


def cascade(known: tuple[Layer, ...], masks: Mapping[str, Tensor], paired: Paired) -> dict[str, Tensor]:
    """The matrices whose survivors fit the original layers' outputs in least squares; by layer name, 0 where removed.

    known: in the order in which the model uses them. masks: (out, in) by layer name, True survives; a layer without one
    stays. paired(layer, changed parameters) -> E[y yᵀ] and E[x yᵀ], (groups, in, in), of the inputs y in the changed
    model and x in the original one. No labels, no gradients: each layer is one linear solve.
    """
    matrices, changed = {}, {}
    for layer in known:
        if layer.name in masks:
            moments, crossed = paired(layer, changed)
            matrix = refit(aligned(layer.matrix, moments, crossed), masks[layer.name], moments)
            matrices[layer.name] = matrix
            changed[layer.parameter] = layer.parameter_of(matrix)
    return matrices


def paired_moments(model: nn.Module, layer: Layer, changed: Mapping[str, Tensor], images: Tensor) -> Pair:
    """E[y yᵀ] and E[x yᵀ] of a layer's inputs, (groups, in, in), float64: y in the changed model, x in the original.

    images: (N, ...).
    """
    moments = crossed = torch.zeros(layer.groups, *2 * (layer.matrix.shape[1],), dtype=torch.float64)
    rows = 0
    for batch in images.split(BATCH):
        now, before = (_inputs(model, layer, weights, batch) for weights in (changed, {}))
        moments, crossed = moments + now @ now.mT, crossed + before @ now.mT
        rows += now.shape[2]
    return moments / rows, crossed / rows


def _inputs(model: nn.Module, layer: Layer, changed: Mapping[str, Tensor], batch: Tensor) -> Tensor:
    """What multiplies the rows of the layer's matrix, (groups, in, rows), float64."""
    weight = changed.get(layer.parameter, model.get_parameter(layer.parameter))
    caught: list[Tensor] = []
    watched = Pass({id(weight): layer.name}, lambda use: caught.extend(part.double() for part in patches(use)), {})
    with torch.no_grad():
        watch(lambda images: run(model, changed, images), batch, watched)
    return torch.cat(caught, 2)
