"""What can be done with each parameter of a model or a weights file, and where nothing can, why."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from core.kinds import KINDS, kind_of
from core.layer import Layer
from core.streaming import Entry

Inspected = dict[str, object]
CAN = ("pruned", "quantized", "factored")


def layer_rows(known: Sequence[Layer], uses: Mapping[str, int | None]) -> list[Inspected]:
    """A row for each layer: name, kind, shape, weights, MACs and what it can be.

    uses: how often one input uses each weight, by layer name; where it says nothing MACs are None.
    """
    return [_layer_row(layer, uses.get(layer.name)) for layer in known]


def _layer_row(layer: Layer, uses: int | None) -> Inspected:
    weights = layer.matrix.numel()
    can = [] if layer.not_finite else [each for each in CAN if each != "factored" or layer.full_rank > 1]
    return {
        "name": layer.name,
        "kind": layer.kind,
        "shape": _shape(layer.shape),
        "weights": weights,
        "macs": weights * uses if uses is not None else None,
        "can": can or [f"left as it is: {layer.not_finite} weights are NaN or infinite"],
    }


def left_rows(model: nn.Module, weights: set[str]) -> list[Inspected]:
    """A row for each parameter and buffer that is none of the weights: name, shape, why; a shared one's first name."""
    homes = {
        f"{name}.{attribute}".removeprefix("."): module
        for name, module in model.named_modules()
        for attribute in (*module._parameters, *module._buffers)
    }
    named = [*model.named_parameters(), *model.named_buffers()]
    return [
        {"name": name, "shape": _shape(tensor.shape), "why": _why(homes[name], name, tensor)}
        for name, tensor in named
        if name not in weights
    ]


def file_rows(entries: Sequence[Entry]) -> tuple[list[Inspected], list[Inspected]]:
    """The rows of a weights file: of the matrices that can be compressed, and of the tensors that stay, and why."""
    can = [
        {
            "name": each.layer,
            "kind": each.kind,
            "shape": _shape(each.shape),
            "weights": each.numbers,
            "can": list(CAN),
        }
        for each in entries
        if not each.why
    ]
    return can, [{"name": each.name, "shape": _shape(each.shape), "why": each.why} for each in entries if each.why]


def _shape(sizes: Sequence[int]) -> str:
    return "x".join(map(str, sizes))


def _why(module: nn.Module, name: str, tensor: Tensor) -> str:
    kind, known = type(module).__name__, kind_of(module)
    if not isinstance(tensor, nn.Parameter):
        return "a buffer, which is kept as it is"
    if tensor.numel() == 0:
        return "it is empty"
    if not tensor.is_floating_point():
        return f"it holds {str(tensor.dtype).removeprefix('torch.')}, no real numbers"
    if "bias" in name.rpartition(".")[2]:
        return "a bias: a number an output, too few to gain from"
    if tensor.dim() < 2:
        return f"a vector of {kind}: too few numbers to gain from"
    if known is None:
        return f"a parameter of {kind}, which is none of {', '.join(KINDS)}"
    return f"a parameter of {kind} that multiplies no inputs"
