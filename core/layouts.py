"""Weights laid out to run fast: the same numbers, in another order in memory."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

ROWS = 100  # inputs that the blocks are chosen for; others run as well


def laid_out(tensor: Tensor) -> Tensor:
    """Convolution weights channels last: they and the layers behind them then run in half the time here.

    The strides are written out: for one input channel they are ambiguous, and torch would take them for contiguous.
    """
    if tensor.dim() != 4:
        return tensor
    _, channels, height, width = tensor.shape
    last = tensor.contiguous(memory_format=torch.channels_last)
    return last.as_strided(tensor.shape, (channels * height * width, 1, width * channels, channels))


def packed(weights: Mapping[str, Tensor], names: Iterable[str]) -> dict[str, Tensor]:
    """Those of the weights that are named, (out, in), in oneDNN's blocks, as `linear` takes them."""
    wanted = [name for name in names if name in weights] if USABLE else []
    return {name: _blocks(weights[name]) for name in wanted if weights[name].numel()}


def hooked(module: nn.Module) -> bool:
    """Whether something of a user's is called before or after a module."""
    return bool(module._forward_hooks or module._forward_pre_hooks)


def takes_blocks(module: nn.Module) -> bool:
    """Whether a module is a Linear layer as torch has it: nothing is called before or after it."""
    return type(module) is nn.Linear and module.weight.dtype == torch.float32 and not hooked(module)


def linear(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Torch's `linear` of a weight in blocks; inputs: (..., in) float32."""
    return torch.ops.mkldnn._linear_pointwise(inputs, weight, bias, "none", [], "")


def _blocks(weight: Tensor) -> Tensor:
    return torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous(), ROWS)


def _usable() -> bool:
    """Whether this torch has oneDNN's Linear layer and runs it."""
    if not torch.backends.mkldnn.is_available():
        return False
    try:
        linear(torch.ones(2, 3), _blocks(torch.ones(4, 3)), None)
    except (RuntimeError, AttributeError, NotImplementedError):
        return False
    return True


USABLE = _usable()
