"""What the layers see when images pass: how often each weight is used, and fresh batch-norm statistics."""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

BATCH = 200
MOST = 1000  # images: batch-norm statistics gain little from more


def positions(model: nn.Module, names: tuple[str, ...], sample: Tensor) -> dict[str, int]:
    """How many times one input uses each weight of the named modules: a convolution's output positions; 0 for look-ups.

    sample: (1, ...). The hooks are gone afterwards.
    """
    used = dict.fromkeys(names, 0)
    hooks = [_counted(model.get_submodule(name), used, name) for name in names]
    try:
        with torch.no_grad():
            model(sample)
    finally:
        for hook in hooks:
            hook.remove()
    return used


def _counted(module: nn.Module, used: dict[str, int], name: str) -> torch.utils.hooks.RemovableHandle:
    def count(module: nn.Module, inputs: tuple, output: Tensor) -> None:
        if not isinstance(module, nn.Embedding):
            used[name] += output[0].numel() // module.weight.shape[0]

    return module.register_forward_hook(count)


def calibration_images(total: int) -> int:
    """How many of the first images of a data set serve calibration, and are left out of the measurement."""
    return min(MOST, total // 5)


def recalibrated(model: nn.Module, changed: Mapping[str, Tensor], inputs: Tensor) -> dict[str, Tensor]:
    """Running means and variances of every batch norm for the changed model, from `inputs` (N, ...), by buffer name."""
    twin = copy.deepcopy(model)
    twin.load_state_dict(dict(changed), strict=False)
    norms = {name: m for name, m in twin.named_modules() if isinstance(m, NORMS) and m.track_running_stats}
    for norm in norms.values():
        norm.reset_running_stats()
        norm.momentum = None  # a plain average over the batches
        norm.train()
    with torch.no_grad():
        for batch in inputs.split(BATCH):
            twin(batch)
    return {
        f"{name}.{buffer}": getattr(norm, buffer)
        for name, norm in norms.items()
        for buffer in ("running_mean", "running_var")
    }


NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
