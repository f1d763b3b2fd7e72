"""Pruned layers put right one after another, each for the inputs that the layers before it now give."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.compress import run
from core.layer import Layer
from core.secondorder import aligned, refit

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

    images: (N, ...). For Linear and Conv2d; the hook is gone afterwards.
    """
    weight = model.get_parameter(layer.parameter)
    module = next(module for module in model.modules() if getattr(module, "weight", None) is weight)
    moments = crossed = torch.zeros(layer.groups, *2 * (layer.matrix.shape[1],), dtype=torch.float64)
    rows = 0
    for batch in images.split(BATCH):
        now, before = (_inputs(model, module, weights, batch) for weights in (changed, {}))
        moments, crossed = moments + now @ now.mT, crossed + before @ now.mT
        rows += now.shape[2]
    return moments / rows, crossed / rows


def _inputs(model: nn.Module, module: nn.Module, changed: Mapping[str, Tensor], batch: Tensor) -> Tensor:
    """What multiplies the rows of the module's matrix, (groups, in, rows), float64."""
    caught: list[Tensor] = []
    hook = module.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0].detach().clone()))
    try:
        with torch.no_grad():
            run(model, changed, batch)
    finally:
        hook.remove()
    return torch.cat([_patches(module, inputs) for inputs in caught], 2)


def _patches(module: nn.Module, inputs: Tensor) -> Tensor:
    if not isinstance(module, nn.Conv2d):
        return inputs.reshape(1, -1, inputs.shape[-1]).mT.double()
    if isinstance(module.padding, str) or module.padding_mode != "zeros":
        raise ValueError(f"padding is {module.padding!r} with {module.padding_mode!r}, expected numbers with 'zeros'")
    columns = functional.unfold(inputs, module.kernel_size, module.dilation, module.padding, module.stride)
    return columns.unflatten(1, (module.groups, -1)).permute(1, 2, 0, 3).flatten(2).double()
