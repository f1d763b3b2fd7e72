"""All survivors of a network put right together, for its outputs, by one linear least-squares solve."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.func import jacrev, vmap

from core.compress import run
from core.layer import Layer
from core.secondorder import DAMPING

NUMBERS = 2**25  # of the Jacobians of a batch, 128 MiB in float32
MOST = 8192  # survivors: their system takes 8 bytes a pair


def joint(
    model: nn.Module, known: tuple[Layer, ...], matrices: Mapping[str, Tensor], images: Tensor
) -> dict[str, Tensor]:
    """The matrices after one Gauss-Newton step towards the original model's outputs; by layer name, 0 stays 0.

    The least E‖J d − r‖² + λ ‖d‖² for the change d of all survivors, with J their Jacobian at `matrices`, r what the
    outputs lack and λ 1e-2 of the mean diagonal of E[Jᵀ J]; outputs less their mean over classes, which softmax does
    not see. No labels. images: (N, ...). ValueError where none or more than 8,192 survive.
    """
    survivors = {layer.name: matrices[layer.name].flatten().nonzero()[:, 0] for layer in known}
    count = sum(len(positions) for positions in survivors.values())
    if not 0 < count <= MOST:
        raise ValueError(
            f"{count} weights survive, expected 1 to {MOST}: remove fewer or more, or refit layer by layer"
        )
    system, right = torch.zeros(count, count, dtype=torch.float64), torch.zeros(count, dtype=torch.float64)
    changed = {layer.parameter: layer.parameter_of(matrices[layer.name]) for layer in known}
    for batch in images.split(_batch(model, known, images)):
        lacking = (_centred(run(model, {}, batch)) - _centred(run(model, changed, batch))).flatten().double()
        jacobians = _jacobians(model, changed, batch)
        parts = [_rows(layer, jacobians[layer.parameter])[:, survivors[layer.name]] for layer in known]
        slopes = torch.cat(parts, 1).double()  # (n * classes, survivors)
        system.addmm_(slopes.mT, slopes)
        right += lacking @ slopes
    system.diagonal().add_(DAMPING * system.diagonal().mean())
    change = torch.cholesky_solve(right[:, None], torch.linalg.cholesky(system))[:, 0]
    return _moved(matrices, survivors, change)


def _centred(outputs: Tensor) -> Tensor:
    return outputs - outputs.mean(-1, keepdim=True)


def _batch(model: nn.Module, known: tuple[Layer, ...], images: Tensor) -> int:
    """Images whose Jacobians are held at a time."""
    return max(1, NUMBERS // (run(model, {}, images[:1]).numel() * sum(layer.weight.numel() for layer in known)))


def _jacobians(model: nn.Module, changed: Mapping[str, Tensor], batch: Tensor) -> dict[str, Tensor]:
    """d centred output / d weight by parameter name, (images * outputs, weight's shape)."""

    def outputs(weights: dict[str, Tensor], image: Tensor) -> Tensor:
        return _centred(run(model, weights, image[None])).flatten()

    found = vmap(jacrev(outputs), in_dims=(None, 0))(dict(changed), batch)  # each (n, outputs, *weight)
    return {name: jacobian.flatten(0, 1) for name, jacobian in found.items()}


def _rows(layer: Layer, jacobian: Tensor) -> Tensor:
    """The slopes by the entries of the layer's matrix, (images * outputs, weights)."""
    return vmap(layer.matrix_of)(jacobian).flatten(1)


def _moved(matrices: Mapping[str, Tensor], survivors: Mapping[str, Tensor], change: Tensor) -> dict[str, Tensor]:
    parts = change.split([len(positions) for positions in survivors.values()])
    moved = {}
    for (name, positions), part in zip(survivors.items(), parts, strict=True):
        flat = matrices[name].flatten().double().index_add(0, positions, part)
        moved[name] = flat.view_as(matrices[name]).to(matrices[name].dtype)
    return moved
