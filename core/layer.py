"""What can be compressed in a model: its layers, each with what a slider asks of it again and again."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor, nn

from core import index
from core.factoring import FACTORIZERS, Decomposed, Spectrum
from core.seen.watching import place


@dataclass(frozen=True, eq=False)
class Layer:
    """One weight that can be compressed. parameter: its name in the state dict. groups: of a convolution, else 1."""

    name: str
    parameter: str
    kind: str
    weight: Tensor
    groups: int

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
        kind = next((kind for kind, types in KINDS.items() if isinstance(module, types)), None)
        parameter = entries.get(place(module.weight)) if kind else None
        if parameter and parameter not in found and module.weight.numel() and module.weight.is_floating_point():
            groups = module.groups if kind == "Conv" else 1
            found[parameter] = Layer(name or "weight", parameter, kind, module.weight, groups)
    return tuple(found.values())


def require_finite(layer: Layer) -> None:
    """ValueError that names the layer where some of its weights are NaN or infinite."""
    if layer.not_finite:
        raise ValueError(
            f"layer '{layer.name}': {layer.not_finite} of {layer.matrix.numel()} weights are NaN or infinite, "
            "expected finite ones; leave this layer at its defaults or mend the model"
        )


KINDS = {
    "Linear": nn.Linear,
    "Conv": (nn.Conv1d, nn.Conv2d, nn.Conv3d),
    "Embedding": nn.Embedding,
}
