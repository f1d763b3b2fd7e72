"""A module run with other tensors in the place of its parameters and buffers, and left as it was."""

import copy
from collections.abc import Iterator, Mapping, Sequence

from torch import Tensor, nn
from torch.func import functional_call


def run_with(
    module: nn.Module, tensors: Mapping[str, Tensor], given: Sequence[object], named: Mapping[str, object] | None = None
) -> object:
    """What a module gives for the arguments `given` and `named` with `tensors` in place of its own, by name.

    A parameter or buffer that goes by several names is replaced under all of them. Torch's own way of doing that
    leaves the replacement behind where a module itself goes by two names.
    """
    whole = dict(_everywhere(module, tensors))
    return functional_call(module, whole, tuple(given), dict(named or {}), tie_weights=False)


def swapped(model: nn.Module, modules: Mapping[str, nn.Module]) -> nn.Module:
    """A model of the same parts with others under the given names; the model stays as it was, and may be one itself."""
    twin = _shallow(model)
    for name, module in modules.items():
        if not name:
            return module
        *path, last = name.split(".")
        owner = twin
        for part in path:
            owner._modules[part] = owner = _shallow(owner._modules[part])
        owner._modules[last] = module
    return twin


def _shallow(module: nn.Module) -> nn.Module:
    made = copy.copy(module)
    made.__dict__["_modules"] = dict(module._modules)
    return made


def _everywhere(module: nn.Module, tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Every place of the replaced tensors once: (a name of it, what is put there)."""
    wanted = {id(_own(module, name)): tensor for name, tensor in tensors.items()}
    for prefix, owner in module.named_modules():
        for name, own in (*owner._parameters.items(), *owner._buffers.items()):
            if own is not None and id(own) in wanted:
                yield f"{prefix}.{name}" if prefix else name, wanted[id(own)]


def _own(module: nn.Module, name: str) -> Tensor:
    owner, _, attribute = name.rpartition(".")
    return getattr(module.get_submodule(owner), attribute)
