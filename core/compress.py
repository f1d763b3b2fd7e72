"""A model's layers, each encoded by its Settings; the model itself is never touched."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from core import index, pruning
from core.coding import CODERS
from core.encoding import Affine, Dense, Encoded, LowRank, Sparse
from core.factoring import FACTORIZERS, Spectrum, kept_rank, spectrum
from core.pruning import CRITERIA, PATTERNS
from core.recipe import UNCODED, Recipe, Settings


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
    def spectrum(self) -> Spectrum:
        """The singular values, and factors of any rank."""
        return spectrum(self.matrix, self.groups)

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


def place(tensor: Tensor) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """Where a tensor's values are: equal for the names of one tensor."""
    return tensor.data_ptr(), tuple(tensor.shape), tensor.stride()


def check(recipe: Recipe, known: tuple[Layer, ...]) -> None:
    """ValueError where the recipe names a layer, a method or a combination that does not exist."""
    names = [layer.name for layer in known]
    for name in recipe.layers:
        if name not in names:
            raise ValueError(f"recipe: layer '{name}' is not in the model, its layers are {', '.join(names)}")
    own = [(f"layer '{name}'", recipe.settings(name)) for name in recipe.layers]
    for whose, settings in [("default", recipe.default), *own]:
        for field, table in TABLES.items():
            if getattr(settings, field) not in table:
                value = getattr(settings, field)
                raise ValueError(f"recipe: {whose}: {field} is {value!r}, expected one of {', '.join(table)}")


def matrices(layer: Layer, settings: Settings) -> tuple[Tensor, ...]:
    """The matrices that get pruned and coded: the layer's own, or the two factors of a rank below the full one."""
    rank = kept_rank(layer.full_rank, settings.rank)
    if rank == layer.full_rank:
        return (layer.matrix,)
    require_finite(layer)
    return FACTORIZERS[settings.factorizer](layer.spectrum, rank)


def encode(layer: Layer, settings: Settings) -> Encoded:
    """The layer's matrix in the form that its Settings ask for; ValueError where its weights are not finite."""
    if settings.prunes or settings.bits < UNCODED:
        require_finite(layer)
    parts = [_stored(matrix, settings, layer) for matrix in matrices(layer, settings)]
    return LowRank(*parts, layer.groups) if len(parts) == 2 else parts[0]


def require_finite(layer: Layer) -> None:
    """ValueError that names the layer where some of its weights are NaN or infinite."""
    if layer.not_finite:
        raise ValueError(
            f"layer '{layer.name}': {layer.not_finite} of {layer.matrix.numel()} weights are NaN or infinite, "
            "expected finite ones; leave this layer at its defaults or mend the model"
        )


def _stored(matrix: Tensor, settings: Settings, layer: Layer) -> Dense | Affine | Sparse:
    mask = _mask(matrix, settings, layer)
    coded = settings.bits < UNCODED
    values = CODERS[settings.coder](matrix, mask, settings) if coded else Dense(matrix)
    if coded and not bool(torch.isfinite(values.scale).all()):
        raise ValueError(f"layer '{layer.name}': its weights span more than a float32 can; leave its bits at 32")
    return values if mask is None else Sparse(mask, values)


def _mask(matrix: Tensor, settings: Settings, layer: Layer) -> Tensor | None:
    """Who survives, or None where nobody is removed. The layer's index saves the search for the count's threshold."""
    if not settings.prunes:
        return None
    scores = CRITERIA[settings.criterion](matrix, None)
    if settings.threshold is not None:
        mask = scores.numpy() >= np.float32(settings.threshold)
        return None if mask.all() else torch.from_numpy(mask)
    count = pruning.removed_count(scores.numel(), settings.sparsity)
    if not count:
        return None
    if matrix is layer.matrix and (settings.criterion, settings.pattern) == ("magnitude", "element"):
        return pruning.keep_above(scores, float(index.magnitude(layer.index, count)), count)
    return PATTERNS[settings.pattern](scores, count)


def compress(known: tuple[Layer, ...], recipe: Recipe) -> dict[str, Encoded]:
    """Every layer's encoded form by layer name."""
    check(recipe, known)
    return {layer.name: encode(layer, recipe.settings(layer.name)) for layer in known}


def weights(known: tuple[Layer, ...], encoded: Mapping[str, Encoded]) -> dict[str, Tensor]:
    """Parameter name -> the decoded weight in its own shape and type, for every layer that is not as it was."""
    return {
        layer.parameter: encoded[layer.name].decode().view(layer.weight.shape).to(layer.weight.dtype)
        for layer in known
        if not unchanged(layer, encoded[layer.name])
    }


def unchanged(layer: Layer, encoded: Encoded) -> bool:
    """Whether the encoded form is the layer's own matrix."""
    return isinstance(encoded, Dense) and encoded.values is layer.matrix


def run(model: nn.Module, changed: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
    """The model's outputs with the named parameters replaced; the model stays as it was."""
    return torch.func.functional_call(model, dict(changed), (inputs,))


KINDS = {
    "Linear": nn.Linear,
    "Conv": (nn.Conv1d, nn.Conv2d, nn.Conv3d),
    "Embedding": nn.Embedding,
}
TABLES = {"criterion": CRITERIA, "pattern": PATTERNS, "coder": CODERS, "factorizer": FACTORIZERS}
