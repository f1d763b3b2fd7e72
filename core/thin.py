"""A layer that is stored as a product, run as the thin layers of its factors."""

from torch import Tensor, nn

from core.encoding import Factored, LowRank
from core.layouts import hooked


def plain(module: nn.Module) -> bool:
    """Whether a module does what its class in torch does and nothing beside."""
    kind = next((kind for kind in PLAIN if isinstance(module, kind)), None)
    limited = isinstance(module, nn.Embedding) and module.max_norm is not None
    return kind is not None and type(module).forward is kind.forward and not hooked(module) and not limited


def thin_layers(module: nn.Module, encoded: Factored) -> nn.Sequential:
    """The two or three thin layers, in the order they run, that do what a layer stored as a product does."""
    factors = {name: factor.decode() for name, factor in encoded.factors.items()}
    if isinstance(module, nn.Linear):
        return nn.Sequential(_linear(factors["right"]), _linear(factors["left"], module.bias))
    if isinstance(module, nn.Embedding):
        looked_up = nn.Embedding.from_pretrained(factors["left"], padding_idx=module.padding_idx)
        return nn.Sequential(looked_up, _linear(factors["right"].mT.contiguous()))
    last = _pointwise(module, factors["left"], module.bias)
    if isinstance(encoded, LowRank):
        return nn.Sequential(_spatial(module, factors["right"]), last)
    return nn.Sequential(_pointwise(module, factors["right"]), _spatial(module, factors["core"]), last)


def _linear(weight: Tensor, bias: Tensor | None = None) -> nn.Linear:
    made = nn.Linear(weight.shape[1], weight.shape[0], bias is not None, device="meta")  # draws no random numbers
    return _filled(made, weight, bias)


def _pointwise(module: nn.Module, matrix: Tensor, bias: Tensor | None = None) -> nn.Module:
    """A convolution of one position with the groups of another. matrix: (out, in of a group)."""
    rows, inputs = matrix.shape
    ones = (1,) * len(module.kernel_size)
    kind = next(kind for kind in CONVOLUTIONS if isinstance(module, kind))
    groups = module.groups
    made = kind(inputs * groups, rows, ones, groups=groups, bias=bias is not None, device="meta")
    return _filled(made, matrix.reshape(rows, inputs, *ones), bias)


def _spatial(module: nn.Module, matrix: Tensor) -> nn.Module:
    """A convolution with the kernel, stride, padding and groups of another. matrix: (out, in of a group * kernel)."""
    kernel, groups = module.kernel_size, module.groups
    weight = matrix.reshape(len(matrix), -1, *kernel)
    kind = next(kind for kind in CONVOLUTIONS if isinstance(module, kind))
    how = {name: getattr(module, name) for name in ("stride", "padding", "dilation", "groups", "padding_mode")}
    made = kind(weight.shape[1] * groups, len(weight), kernel, bias=False, device="meta", **how)
    return _filled(made, weight)


def _filled(made: nn.Module, weight: Tensor, bias: Tensor | None = None) -> nn.Module:
    made.weight = nn.Parameter(weight.clone(), requires_grad=False)
    if bias is not None:
        made.bias = nn.Parameter(bias.detach().clone(), requires_grad=False)
    return made


CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
PLAIN = (nn.Linear, *CONVOLUTIONS, nn.Embedding)
