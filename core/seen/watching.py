"""A model's forward pass with every use of its known weights looked at; the model itself is never touched."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode


class Known(Protocol):
    """What is asked of a layer: name, parameter (its name in the state dict), groups, and matrix (out, in)."""

    name: str
    parameter: str
    groups: int
    matrix: Tensor


class Use(NamedTuple):
    """One call that multiplies a layer's weight with inputs, or looks its rows up.

    inputs, outputs: as the function took and gave them; the model may overwrite both once the visit is over.
    shape: of the weight, outputs first. stride, padding, dilation, groups: of a convolution. padding_idx: the row of an
    embedding that torch gives no gradient.
    """

    layer: str
    kind: str
    inputs: Tensor
    outputs: Tensor
    shape: tuple[int, ...]
    stride: int | tuple[int, ...] = 1
    padding: int | str | tuple[int, ...] = 0
    dilation: int | tuple[int, ...] = 1
    groups: int = 1
    padding_idx: int | None = None


class Pass(NamedTuple):
    """names: of the layers by the id of their weights. visit: told each use. strays: layer -> function that took its
    weight otherwise; filled as the model runs."""

    names: Mapping[int, str]
    visit: Callable[[Use], None]
    strays: dict[str, str]


@dataclass(eq=False)
class _Watch(TorchFunctionMode):
    """Sees torch's functions called in this thread alone, unlike a hook; leaves nothing behind, even on an error."""

    watched: Pass

    def __torch_function__(
        self, function: Callable, types: tuple, args: tuple = (), kwargs: Mapping[str, object] | None = None
    ) -> object:
        kwargs = kwargs or {}
        taken = [name for value in _flat((*args, *kwargs.values())) if (name := self.watched.names.get(id(value)))]
        if not taken:
            return function(*args, **kwargs)
        kind, names = USES.get(function, ("", ()))
        arguments = dict(zip(names, args, strict=False)) | kwargs
        layer = self.watched.names.get(id(arguments.get("weight")))
        if not kind or not layer or len(taken) > 1:
            result = function(*args, **kwargs)
            if any(isinstance(part, Tensor) for part in _flat((result,))):
                self.watched.strays.update(dict.fromkeys(taken, getattr(function, "__name__", str(function))))
            return result
        result = called(function, _followed(arguments), len(args))
        options = {name: arguments[name] for name in OPTIONS if name in arguments}
        shape = tuple(arguments["weight"].shape)
        shape = shape[::-1] if function in TURNED else shape
        self.watched.visit(Use(layer, kind, arguments["input"], result, shape, **options))
        return result


def called(function: Callable, arguments: Mapping[str, object], placed: int) -> Tensor:
    """What a function of USES gives for its named arguments, the first `placed` of which are told by place."""
    ordered = [arguments[name] for name in USES[function][1][:placed]]
    rest = {name: value for name, value in arguments.items() if name not in USES[function][1][:placed]}
    return function(*ordered, **rest)


def _flat(values: Iterable[object]) -> Iterator[object]:
    for value in values:
        yield from value if isinstance(value, tuple | list) else (value,)


def _followed(arguments: Mapping[str, object]) -> dict[str, object]:
    """Arguments whose result has a gradient where gradients are on, although no parameter asks for one."""
    given, weight = arguments["input"], arguments["weight"]
    if torch.is_grad_enabled() and not (given.requires_grad or weight.requires_grad):
        return {**arguments, "weight": weight.detach().requires_grad_()}
    return dict(arguments)


def weight_names(model: nn.Module, known: Iterable[Known]) -> dict[int, str]:
    """Layer name by the id of each tensor of the model that holds its weight: shared weights have several."""
    state = model.state_dict(keep_vars=True)
    names = {place(state[layer.parameter]): layer.name for layer in known}
    return {id(tensor): names[place(tensor)] for tensor in state.values() if place(tensor) in names}


def place(tensor: Tensor) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """Where a tensor's values are: equal for the names of one tensor."""
    return tensor.data_ptr(), tuple(tensor.shape), tensor.stride()


def watch(model: Callable[[Tensor], Tensor], inputs: Tensor, watched: Pass) -> Tensor:
    """The model's outputs for a batch, each use of a known weight visited on the way; gradients as the caller has them.

    The model gets a copy of the inputs, since it may write into them.
    """
    with _Watch(watched):
        return model(inputs.clone())


CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
OPTIONS = ("stride", "padding", "dilation", "groups", "padding_idx")
USES = {
    functional.linear: ("Linear", ("input", "weight", "bias")),
    functional.conv1d: ("Conv", CONVOLUTION),
    functional.conv2d: ("Conv", CONVOLUTION),
    functional.conv3d: ("Conv", CONVOLUTION),
    functional.embedding: ("Embedding", ("input", "weight", "padding_idx", "max_norm", "norm_type")),
    torch.addmm: ("Linear", ("bias", "input", "weight")),
}
TURNED = (torch.addmm,)  # functions that take the weight with inputs first
