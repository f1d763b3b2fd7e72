"""What the layers see when images pass: how often each weight is used, and fresh batch-norm statistics."""

import copy
from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn

from core.encoding import Grid
from core.inputs import rounding

BATCH = 200
MOST = 1000  # images: batch-norm statistics gain little from more


def positions(model: nn.Module, parameters: Mapping[str, str], sample: Tensor) -> dict[str, int | None]:
    """How many times one input uses each weight: a convolution's output positions, 0 for a look-up.

    parameters: layer name -> parameter name. sample: (1, ...). None where no module's own forward uses the weight. The
    hooks are gone afterwards.
    """
    used: dict[str, int | None] = dict.fromkeys(parameters)
    weights = {id(model.get_parameter(parameter)): name for name, parameter in parameters.items()}
    sharing = [(module, weights.get(id(getattr(module, "weight", None)))) for module in model.modules()]
    hooks = [_counted(module, used, name) for module, name in sharing if name]
    try:
        with torch.no_grad():
            model(sample)
    finally:
        for hook in hooks:
            hook.remove()
    return used


def _counted(module: nn.Module, used: dict[str, int | None], name: str) -> torch.utils.hooks.RemovableHandle:
    def count(module: nn.Module, inputs: tuple, output: Tensor) -> None:
        looked_up = isinstance(module, nn.Embedding)
        used[name] = (used[name] or 0) + (0 if looked_up else output.numel() // module.weight.shape[0])

    return module.register_forward_hook(count)


def calibration_images(total: int) -> int:
    """How many of the first images of a data set serve calibration, and are left out of the measurement."""
    return min(MOST, total // 5)


def recalibrated(
    model: nn.Module, changed: Mapping[str, Tensor], inputs: Tensor, grids: Mapping[str, Grid] = MappingProxyType({})
) -> dict[str, Tensor]:
    """Running means and variances of every batch norm for the changed model, from `inputs` (N, ...), by buffer name.

    grids: of the inputs of layers, by parameter name.
    """
    twin = copy.deepcopy(model)
    twin.load_state_dict(dict(changed), strict=False)
    norms = {name: m for name, m in twin.named_modules() if isinstance(m, NORMS) and m.track_running_stats}
    for norm in norms.values():
        norm.reset_running_stats()
        norm.momentum = None  # a plain average over the batches
        norm.train()
    with torch.no_grad(), rounding(twin, {}, grids):
        for batch in inputs.tensor_split(-(-len(inputs) // BATCH)):  # of equal size: each counts the same
            twin(batch)
    found = {
        f"{name}.{buffer}": getattr(norm, buffer)
        for name, norm in norms.items()
        for buffer in ("running_mean", "running_var")
    }
    for name, statistic in found.items():
        if not bool(torch.isfinite(statistic).all()):
            raise ValueError(f"{name} on the calibration images is not finite; leave batchnorm at 'keep'")
    return found


NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
