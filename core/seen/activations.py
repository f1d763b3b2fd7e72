"""What becomes of layers' outputs in a forward pass, and where their gradients arrive on the way back."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from core.seen.watching import Pass, Use, watch


@dataclass(eq=False)
class Sums:
    """Of a layer's activations: how many a channel, sums and extremes, (channels,) float64, and the summed squares of
    the gradients of its outputs, NaN until one is known."""

    count: int = 0
    first: Tensor = field(default_factory=lambda: torch.zeros(()).double())
    second: Tensor = field(default_factory=lambda: torch.zeros(()).double())
    least: Tensor = field(default_factory=lambda: torch.tensor(math.inf).double())
    most: Tensor = field(default_factory=lambda: torch.tensor(-math.inf).double())
    gradients: float = math.nan

    def plus(self, other: "Sums") -> "Sums":
        """The sums of both."""
        known = [value for value in (self.gradients, other.gradients) if not math.isnan(value)]
        return Sums(
            self.count + other.count,
            self.first + other.first,
            self.second + other.second,
            torch.minimum(self.least, other.least),
            torch.maximum(self.most, other.most),
            math.fsum(known) if known else math.nan,
        )


def _sums(values: Tensor, use: Use) -> Sums:
    """Of the activations of one use; a convolution's channels come before its positions."""
    axis = 1 - len(use.shape) if use.kind == "Conv" else -1
    rows = torch.atleast_2d(values.detach().double()).movedim(axis, -1).flatten(0, -2)  # (n, channels)
    return Sums(len(rows), rows.sum(0), rows.square().sum(0), rows.amin(0), rows.amax(0))


@dataclass(eq=False)
class Used:
    """A use of a layer: the sums of what became of its outputs, and where their gradient arrives, None without one."""

    use: Use
    sums: Sums
    edge: GradientEdge | None


@dataclass(eq=False)
class _Onward(TorchFunctionMode):
    """Follows the outputs of layers through the batch norms and activation functions right behind them.

    followed: the tensor that a use has come to, kept so that its id stays its own, and the use, by that id.
    """

    followed: dict[int, tuple[Tensor, Used]]

    def __torch_function__(
        self, function: Callable, types: tuple, args: tuple = (), kwargs: Mapping[str, object] | None = None
    ) -> object:
        result = function(*args, **(kwargs or {}))
        given = args[0] if args else (kwargs or {}).get("input")
        if function in ONWARD and id(given) in self.followed:
            _, used = self.followed.pop(id(given))
            used.sums = _sums(result, used.use)
            self.followed[id(result)] = (result, used)
        return result


def activations(
    model: Callable[[Tensor], Tensor], inputs: Tensor, weights: Mapping[str, Tensor]
) -> tuple[Tensor, list[Used]]:
    """A model's outputs for a batch, and each use of its layers in order.

    weights: by layer name the very tensors that the model takes. Gradients are on as the caller has them.
    """
    onward, uses = _Onward({}), []

    def visit(use: Use) -> None:
        edge = get_gradient_edge(use.outputs) if use.outputs.requires_grad else None
        used = Used(use._replace(inputs=None), _sums(use.outputs, use), edge)
        uses.append(used)
        onward.followed[id(use.outputs)] = (use.outputs, used)

    with onward:
        logits = watch(model, inputs, Pass({id(weight): name for name, weight in weights.items()}, visit, {}))
    return logits, uses


NAMES = (
    "relu",
    "relu_",
    "relu6",
    "leaky_relu",
    "leaky_relu_",
    "elu",
    "elu_",
    "selu",
    "celu",
    "gelu",
    "silu",
    "mish",
    "softplus",
    "sigmoid",
    "sigmoid_",
    "tanh",
    "tanh_",
    "hardtanh",
    "hardtanh_",
    "hardswish",
    "hardsigmoid",
    "logsigmoid",
    "softsign",
    "prelu",
    "threshold",
    "clamp",
    "clamp_",
    "clamp_min",
    "batch_norm",
)
ONWARD = frozenset(
    function
    for owner in (torch, functional, Tensor)
    for name in NAMES
    if (function := getattr(owner, name, None)) is not None
)
