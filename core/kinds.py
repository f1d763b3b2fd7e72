"""Kinds of module whose weights can be compressed: which tensors are weights, and how often one input uses them.

A weight is taken as a matrix of output rows: (out, in / groups * kernel).
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from torch import Tensor, nn


class Call(NamedTuple):
    """One run of a module: what it was given, by place and by name, and what it gave."""

    module: nn.Module
    given: tuple
    named: Mapping[str, object]
    output: object


class Kind(NamedTuple):
    """types: of module. weights: what the names of the tensors that are weights match. uses: how often a call uses the
    weight of a name, None where nobody knows. turned: whether a weight holds inputs before outputs."""

    types: tuple[type[nn.Module], ...]
    weights: str
    uses: Callable[[Call, str], int | None]
    turned: bool = False


class Held(NamedTuple):
    """A tensor of a module that is a weight. name: of the tensor in its module."""

    kind: str
    name: str
    weight: Tensor
    groups: int
    turned: bool


def kind_of(module: nn.Module) -> str | None:
    """The name of the module's kind; None where it is none of KINDS."""
    named = {f"{each.__module__}.{each.__qualname__}" for each in type(module).__mro__}
    foreign = next((kind for name, kind in FOREIGN.items() if name in named), None)
    return foreign or next((name for name, kind in KINDS.items() if isinstance(module, kind.types)), None)


def held(module: nn.Module) -> list[Held]:
    """The weights that a module itself holds, in its own order; none where its kind is not known."""
    name = kind_of(module)
    if name is None:
        return []
    kind = KINDS[name]
    groups = module.groups if name in GROUPED else 1
    return [
        Held(name, attribute, tensor, groups, kind.turned)
        for attribute, tensor in module._parameters.items()
        if tensor is not None and re.fullmatch(kind.weights, attribute) and tensor.dim() > 1
    ]


def turned(weight: Tensor, groups: int) -> Tensor:
    """A weight (in, out / groups, kernel...) as (out, in / groups, kernel...), and the other way round."""
    return weight.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1).contiguous()


def _rows(call: Call, name: str) -> int:
    """A layer that gives each output from all of a row: outputs by output rows."""
    return call.output.numel() // call.module._parameters[name].shape[0]


def _columns(call: Call, name: str) -> int:
    return call.output.numel() // call.module._parameters[name].shape[1]


def _spread(call: Call, name: str) -> int:
    """A transposed convolution uses its kernel at each position of its inputs."""
    return call.given[0].numel() // call.module.in_channels


def _looked_up(call: Call, name: str) -> int:
    return 0


def _steps(call: Call, name: str) -> int:
    """Each weight of each layer is used once a step."""
    output = call.output[0] if isinstance(call.output, tuple) else call.output
    output = output.data if isinstance(output, nn.utils.rnn.PackedSequence) else output
    return output.numel() // output.shape[-1]


def _tokens(call: Call, name: str) -> int | None:
    """Tokens that are projected; None where a packed weight projects queries and keys of different numbers."""
    sides = dict(zip(("query", "key", "value"), call.given, strict=False)) | dict(call.named)
    counts = {side: sides[side].numel() // sides[side].shape[-1] for side in ("query", "key", "value")}
    if name in PROJECTIONS:
        return counts[PROJECTIONS[name]]
    return counts["query"] if len(set(counts.values())) == 1 else None


PROJECTIONS = {"q_proj_weight": "query", "k_proj_weight": "key", "v_proj_weight": "value"}
FOREIGN = {"transformers.pytorch_utils.Conv1D": "Conv1D"}  # classes of packages that need not be installed
GROUPED = ("Conv", "ConvTranspose")
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
KINDS = {
    "Linear": Kind((nn.Linear,), "weight", _rows),
    "Conv": Kind(CONVOLUTIONS, "weight", _rows),
    "ConvTranspose": Kind(TRANSPOSED, "weight", _spread, turned=True),
    "Conv1D": Kind((), "weight", _columns, turned=True),
    "Embedding": Kind((nn.Embedding, nn.EmbeddingBag), "weight", _looked_up),
    "Attention": Kind((nn.MultiheadAttention,), "(in|q|k|v)_proj_weight", _tokens),
    "Recurrent": Kind((nn.RNNBase, nn.RNNCellBase), r"weight_(ih|hh|hr)(_l\d+)?(_reverse)?", _steps),
    "Bilinear": Kind((nn.Bilinear,), "weight", _rows),
}
