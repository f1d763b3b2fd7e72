"""What can be compressed in a model: its layers, each with what a slider asks of it again and again."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor, nn

from core import index
from core.factoring import FACTORIZERS, Decomposed, Spectrum
from core.kinds import Held, held, turned
from core.seen.watching import place


@dataclass(frozen=True, eq=False)
class Layer:
    """One weight that can be compressed. parameter: its name in the state dict. groups: of a convolution, else 1.

    weight: with outputs first, (out, in / groups, kernel...). turned: whether the model holds it with inputs first.
    """

    name: str
    parameter: str
    kind: str
    weight: Tensor
    groups: int
    turned: bool = False

    def parameter_of(self, matrix: Tensor) -> Tensor:
        """A matrix (out, in) in the shape and type in which the model holds the weight."""
        weight = matrix.view(self.weight.shape)
        return (turned(weight, self.groups) if self.turned else weight).to(self.weight.dtype)

    def matrix_of(self, parameter: Tensor) -> Tensor:
        """What has the shape in which the model holds the weight, as a matrix (out, in) of its own type."""
        weight = turned(parameter, self.groups) if self.turned else parameter
        return weight.reshape(self.matrix.shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape in which the model holds the weight."""
        if not self.turned:
            return tuple(self.weight.shape)
        out, inputs, *kernel = self.weight.shape
        return (inputs * self.groups, out // self.groups, *kernel)

    @cached_property
    def matrix(self) -> Tensor:
        """The weight as (out, in), float32; a convolution's is (out, in * kernel)."""
        return self.weight.detach().reshape(self.weight.shape[0], -1).float().contiguous()

    @cached_property
    def not_finite(self) -> int:
        """How many weights are NaN or infinite."""
        return int((~torch.isfinite(self.matrix)).sum())

    @cached_property
    def index(self) -> index.Index:
        """The sorted weights."""
        return index.build(self.matrix.numpy())

    @cached_property
    def decompositions(self) -> Callable[[str, Tensor | None], Decomposed]:
        """(factorizer, moments or None) -> factors of any rank; the last of each factorizer stays."""
        weight, groups = self.matrix.view(self.weight.shape), self.groups
        return lru_cache(maxsize=len(FACTORIZERS))(lambda name, moments: FACTORIZERS[name](weight, groups, moments))

    @cached_property
    def factors(self) -> Callable[[Decomposed, int], tuple[Tensor, ...]]:
        """(decomposition, rank) -> the matrices that get stored; the last two results stay, as tucker2 iterates."""
        return lru_cache(maxsize=2)(lambda decomposed, rank: decomposed.factors(rank))

    @property
    def spectrum(self) -> Spectrum:
        """The singular values, and factors of any rank."""
        return self.decompositions("svd", None)

    @property
    def kernel(self) -> int:
        """How many columns of the matrix belong to one input channel."""
        return math.prod(self.weight.shape[2:])

    @property
    def full_rank(self) -> int:
        """The shorter side of the matrix, of one group's block of it."""
        return min(self.matrix.shape[0] // self.groups, self.matrix.shape[1])


def layers(model: nn.Module) -> tuple[Layer, ...]:
    """What can be compressed in a model, in its own order; a weight that several modules share comes once.

    A weight that is computed, as by a parametrization, is no entry of the state dict and is left as it is.
    """
    entries = {place(tensor): name for name, tensor in reversed(model.state_dict().items())}
    found: dict[str, Layer] = {}
    for name, module in model.named_modules():
        for each in held(module):
            parameter = entries.get(place(each.weight))
            if parameter and parameter not in found and each.weight.numel() and each.weight.is_floating_point():
                found[parameter] = _layer(name, parameter, each)
    return tuple(found.values())


def _layer(module: str, parameter: str, each: Held) -> Layer:
    """A module with one weight lends it its name."""
    name = module if each.name == "weight" else f"{module}.{each.name}".removeprefix(".")
    weight = turned(each.weight.detach(), each.groups) if each.turned else each.weight
    return Layer(name or "weight", parameter, each.kind, weight, each.groups, each.turned)


def require_finite(layer: Layer) -> None:
    """ValueError that names the layer where some of its weights are NaN or infinite."""
    if layer.not_finite:
        raise ValueError(
            f"layer '{layer.name}': {layer.not_finite} of {layer.matrix.numel()} weights are NaN or infinite, "
            "expected finite ones; leave this layer at its defaults or mend the model"
        )
