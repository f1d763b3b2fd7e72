"""What the layers see when images pass: how often each weight is used, and fresh batch-norm statistics."""

import copy
from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn

from core.encoding import Grid
from core.inputs import rounding
from core.kinds import KINDS, Call, held, kind_of

BATCH = 200
MOST = 1000  # images: batch-norm statistics gain little from more


def positions(model: nn.Module, parameters: Mapping[str, str], sample: Tensor) -> dict[str, int | None]:
    """How many times one input uses each weight: a convolution's output positions, 0 for a look-up.

    parameters: layer name -> parameter name. sample: (1, ...). None where no module's own forward uses the weight. The
    hooks are gone afterwards.
    """
    used: dict[str, int | None] = dict.fromkeys(parameters)
    weights = {id(model.get_parameter(parameter)): name for name, parameter in parameters.items()}
    own = {
        module: {each.name: weights[id(each.weight)] for each in held(module) if id(each.weight) in weights}
        for module in model.modules()
    }
    hooks = [_counted(module, used, names) for module, names in own.items() if names]
    try:
        with torch.no_grad():
            model(sample)
    finally:
        for hook in hooks:
            hook.remove()
    return used


def _counted(
    module: nn.Module, used: dict[str, int | None], names: Mapping[str, str]
) -> torch.utils.hooks.RemovableHandle:
    """names: of layers, by the name of their weight in the module."""
    kind = KINDS[kind_of(module)]

    def count(module: nn.Module, given: tuple, named: dict[str, object], output: object) -> None:
        for name, layer in names.items():
            times = kind.uses(Call(module, given, named, output), name)
            used[layer] = None if times is None else (used[layer] or 0) + times

    return module.register_forward_hook(count, with_kwargs=True)


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
