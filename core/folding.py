"""A model as its loader made it, brought to plain weights of 32 bits; everything that was done is said."""

from collections.abc import Callable, Iterator

import torch
from torch import nn
from torch.nn.utils import parametrize, prune, remove_spectral_norm, remove_weight_norm
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

Fold = Callable[[nn.Module, str], object]


def plain(model: nn.Module) -> tuple[str, ...]:
    """Gives a model in eval mode plain float32 weights in place of computed and of half-precision ones; what was done.

    Its answers stay as they were, but for what half precision rounds. ValueError names a weight that cannot be folded.
    """
    said = []
    for name, module in list(model.named_modules()):
        for attribute, fold, what in list(_computed(module)):
            whole = f"{name}.{attribute}".removeprefix(".")
            try:
                with torch.no_grad():
                    fold(module, attribute)
            except Exception as error:  # a parametrization runs its own code, which may raise anything
                raise ValueError(
                    f"model: {whole} is computed by a {what}, which cannot be folded into a plain weight ({error}); "
                    "remove it in the factory"
                ) from None
            said.append(f"{whole}: its {what} is folded into a plain weight")
    return (*said, *_widened(model))


def _computed(module: nn.Module) -> Iterator[tuple[str, Fold, str]]:
    """Each weight that is computed at every call: its name, what folds it, and by what it is computed."""
    if parametrize.is_parametrized(module):
        for attribute in module.parametrizations:
            yield attribute, _unparametrized, "parametrization"
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, WeightNorm):
            yield hook.name, remove_weight_norm, "weight norm"
        elif isinstance(hook, SpectralNorm):
            yield hook.name, remove_spectral_norm, "spectral norm"
        elif isinstance(hook, prune.BasePruningMethod):
            yield hook._tensor_name, prune.remove, "pruning mask"


def _unparametrized(module: nn.Module, attribute: str) -> None:
    """torch makes a parameter of the weight only where it asks for a gradient, and a buffer elsewhere."""
    module.parametrizations[attribute].requires_grad_(True)
    with torch.enable_grad():
        parametrize.remove_parametrizations(module, attribute, leave_parametrized=True)


def _widened(model: nn.Module) -> Iterator[str]:
    """Half-precision tensors as float32, which holds the same numbers."""
    kinds = {tensor.dtype for tensor in (*model.parameters(), *model.buffers())} & set(HALVES)
    if kinds:
        model.float()
        names = " and ".join(sorted(str(kind).removeprefix("torch.") for kind in kinds))
        yield (
            f"its {names} weights are taken as float32, the same numbers in twice the bytes: "
            "bytes_dense is of the float32 model"
        )


HALVES = (torch.bfloat16, torch.float16)
