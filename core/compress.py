"""A model's layers, each encoded by its Settings; the model itself is never touched."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn

from core import compensation, index, inputs, patterns
from core.clustering import Sorted
from core.coding import CLUSTERING, CODERS, SCALES, check_width
from core.compensation import COMPENSATIONS, SWEEPING
from core.encoding import Coded, Dense, Encoded, Grid, Gridded, LowRank, Sparse, Stored, Tucker, count_kept, leaves
from core.factoring import ALLOWED, CALIBRATED, FACTORIZERS, Decomposed, kept_rank, least_rank
from core.granting import granted, rank_stays
from core.layer import Layer, require_finite
from core.patterns import PATTERNS, Wanted
from core.pruning import CRITERIA, FREE, Sight
from core.recipe import LONGEST, UNCODED, Recipe, Settings
from core.replacing import run_with
from core.seen import Factor, Seen


def check(recipe: Recipe, known: tuple[Layer, ...]) -> None:
    """ValueError where the recipe names a layer, a method or a combination that does not exist."""
    names = [layer.name for layer in known]
    for name in recipe.layers:
        if name not in names:
            raise ValueError(f"recipe: layer '{name[:LONGEST]}' is not in the model, its layers are {', '.join(names)}")
    own = [(f"layer '{name}'", recipe.settings(name)) for name in recipe.layers]
    for whose, settings in [("default", recipe.default), *own]:
        for field, table in TABLES.items():
            if getattr(settings, field) not in table:
                value = getattr(settings, field)
                raise ValueError(f"recipe: {whose}: {field} is {value[:LONGEST]!r}, expected one of {', '.join(table)}")
        try:
            check_width(settings)
        except ValueError as error:
            raise ValueError(f"recipe: {whose}: {error}") from None


def decomposed(layer: Layer, settings: Settings, seen: Seen | None = None) -> Decomposed:
    """The layer's factors of any rank by the factorizer of the Settings; ValueError where it cannot be had."""
    require_finite(layer)
    moments = seen.moments if seen is not None and settings.factorizer in CALIBRATED else None
    try:
        return layer.decompositions(settings.factorizer, moments)
    except ValueError as error:
        raise ValueError(f"layer '{layer.name}': {error}") from None


def rank_of(layer: Layer, settings: Settings, seen: Seen | None = None) -> int:
    """The rank that the Settings leave the layer, 1 to its full one; only a fraction needs no decomposition."""
    if not settings.factors or rank_stays(layer, settings, seen):
        return layer.full_rank
    if settings.rank_by == "fraction":
        return kept_rank(layer.full_rank, settings.rank)
    return least_rank(decomposed(layer, settings, seen).errors, ALLOWED[settings.rank_by](settings.rank))


def matrices(layer: Layer, settings: Settings, seen: Seen | None = None) -> tuple[Tensor, ...]:
    """The matrices that get pruned and coded: the layer's own, or the factors of a rank below the full one."""
    rank = rank_of(layer, settings, seen)
    return (layer.matrix,) if rank == layer.full_rank else layer.factors(decomposed(layer, settings, seen), rank)


@dataclass(frozen=True, eq=False)
class Held:
    """A layer as it is stored. values: the `matrices` that its encoded form was made from."""

    layer: Layer
    settings: Settings
    values: tuple[Tensor, ...]
    encoded: Encoded

    @property
    def pairs(self) -> list[tuple[Tensor, Encoded]]:
        """Each stored matrix as it was and as it is encoded."""
        return list(zip(self.values, leaves(self.encoded), strict=True))


def encode(layer: Layer, settings: Settings, seen: Seen | None = None) -> Encoded:
    """The layer's matrix in the form that its Settings ask for; ValueError where its weights are not finite."""
    check_width(settings)
    settings = granted(layer, settings, seen)
    if settings.prunes or settings.bits < UNCODED:
        require_finite(layer)
    on = _grid(layer, settings, seen)
    try:
        parts = _stored_all(matrices(layer, settings, seen), settings, layer, seen)
    except torch.linalg.LinAlgError:
        raise ValueError(
            f"layer '{layer.name}': what it sees of the calibration images cannot be inverted, as where it overflows; "
            "choose magnitude and no compensation for it"
        ) from None
    matrix = _product(parts, layer) if len(parts) > 1 else parts[0]
    return matrix if on is None else Gridded(matrix, on)


def _grid(layer: Layer, settings: Settings, seen: Seen | None) -> Grid | None:
    """The grid of the layer's inputs; None where they stay as they are."""
    if settings.inputs_bits == UNCODED:
        return None
    if seen is None:
        raise ValueError(f"layer '{layer.name}': inputs_bits needs calibration images")
    require_finite(layer)
    return inputs.grid(seen, settings.inputs_bits)


def _stored_all(values: tuple[Tensor, ...], settings: Settings, layer: Layer, seen: Seen | None) -> list[Stored]:
    """Each matrix as it is stored; the left of two factors sees what the right one makes of the layer's inputs."""
    if len(values) == 1:
        return [_stored(values[0], settings, layer, seen)]
    if len(values) == 3 or seen is None or not _needs_sight(settings):
        sight = seen and Factor(layer.name, None)
        return [_stored(matrix, settings, layer, sight) for matrix in values]
    left, right = values
    stored = _stored(right, settings, layer, Factor(layer.name, seen.moments))
    blocks = stored.decode().double().view(layer.groups, -1, right.shape[1])
    return [_stored(left, settings, layer, Factor(layer.name, blocks @ seen.moments @ blocks.mT)), stored]


def _needs_sight(settings: Settings) -> bool:
    """Whether pruning or coding, as distinct from factoring, rests on calibration images."""
    lossy = settings.prunes or settings.bits < UNCODED
    return (settings.prunes and settings.criterion not in FREE) or (settings.compensate != "none" and lossy)


def needs_images(settings: Settings) -> bool:
    """Whether these Settings rest on calibration images."""
    inputs_coded = settings.inputs_bits < UNCODED
    return inputs_coded or _needs_sight(settings) or (settings.factors and settings.factorizer in CALIBRATED)


def _product(factors: list[Stored], layer: Layer) -> LowRank | Tucker:
    if len(factors) == 2:
        return LowRank(*factors, layer.groups)
    return Tucker(*factors, layer.groups, layer.kernel)


def _stored(matrix: Tensor, settings: Settings, layer: Layer, seen: Sight | None) -> Stored:
    weight, mask = _pruned(matrix, settings, layer, seen)
    if settings.bits == UNCODED:
        values = Dense(weight)
    else:
        values = coded(weight, mask, settings, layer)
        if settings.compensate in SWEEPING:
            values = compensation.swept(weight, mask, values, seen)
    return values if mask is None else Sparse(mask, values)


def _pruned(matrix: Tensor, settings: Settings, layer: Layer, seen: Sight | None) -> tuple[Tensor, Tensor | None]:
    """The weight that makes good what goes, and who survives; each step leaves the same fraction of the survivors."""
    weight, mask = matrix, None
    steps = (settings.steps if settings.threshold is None else 1) if settings.prunes else 0  # a threshold is one step
    for step in range(1, steps + 1):
        share = 1 - (1 - settings.sparsity) ** (step / steps)
        wanted = Wanted(settings.sparsity if step == steps else share, settings.threshold)
        mask = surviving((matrix, weight, mask), (settings, wanted), layer, seen)
        if mask is not None:
            weight = COMPENSATIONS[settings.compensate](matrix, mask, seen)
    return weight, mask


def coded(matrix: Tensor, mask: Tensor | None, settings: Settings, layer: Layer) -> Coded:
    """The survivors of a matrix in the form of the Settings' coder; ValueError where it cannot hold them."""
    ordered = _ordered(matrix, mask, settings, layer)
    coded = CODERS[settings.coder](matrix, mask, settings, *ordered)
    if not coded.finite():
        raise ValueError(
            f"layer '{layer.name}': its weights span more than a {coded.precision} can; leave its bits at 32"
        )
    return coded


def _ordered(matrix: Tensor, mask: Tensor | None, settings: Settings, layer: Layer) -> tuple[Sorted, ...]:
    """The survivors in order for a coder that clusters them all together, from the layer's index; () elsewhere."""
    if settings.coder not in CLUSTERING or settings.group != "tensor" or matrix is not layer.matrix:
        return ()
    values = layer.index.values
    if mask is not None:
        removed = mask.numel() - count_kept(mask)
        last = index.magnitude(layer.index, removed)
        low, high = index.cut(layer.index, np.nextafter(last, np.float32(np.inf)))
        if not indexed(layer, matrix, settings) or high - low != removed:  # others of the magnitude `last` stay
            return ()
        values = np.concatenate([values[:low], values[high:]])
    return (Sorted(values[None], np.array([values.size])),) if values.size else ()


def surviving(
    before: tuple[Tensor, Tensor, Tensor | None], asked: tuple[Settings, Wanted], layer: Layer, seen: Sight | None
) -> Tensor | None:
    """Who survives, or None where nobody is removed.

    before: the matrix, the weight after the last step and who survived it. The layer's index saves the search for the
    count's threshold.
    """
    (matrix, weight, gone), (settings, wanted) = before, asked
    scores = CRITERIA[settings.criterion](weight, seen)
    if settings.criterion not in FREE and not bool(torch.isfinite(scores).all()):
        raise ValueError(
            f"layer '{layer.name}': criterion '{settings.criterion}' finds no numbers for its scores, "
            "as where gradients or inputs overflow; choose magnitude for it"
        )
    if gone is not None:
        scores = scores.masked_fill(~gone, -torch.inf)
    if wanted.threshold is None and gone is None and indexed(layer, matrix, settings):
        count = patterns.removed_count(scores.numel(), wanted.sparsity)
        last = float(index.magnitude(layer.index, count)) if count else -1.0
        mask = patterns.keep_above(scores, last, count)
    else:
        kernel = layer.kernel if matrix.shape[1] == layer.matrix.shape[1] else 1
        mask = PATTERNS[settings.pattern](scores, wanted, kernel)
    return None if mask.all() else mask


def indexed(layer: Layer, matrix: Tensor, settings: Settings) -> bool:
    """Whether the layer's sorted weights tell what these Settings remove of this matrix: the smallest |w|."""
    return matrix is layer.matrix and (settings.criterion, settings.pattern) == INDEXED


def compress(
    known: tuple[Layer, ...], recipe: Recipe, seen: Mapping[str, Seen] = MappingProxyType({})
) -> dict[str, Encoded]:
    """Every layer's encoded form by layer name. seen: what calibration saw, by layer name."""
    check(recipe, known)
    return {layer.name: encode(layer, recipe.settings(layer.name), seen.get(layer.name)) for layer in known}


def weights(known: tuple[Layer, ...], encoded: Mapping[str, Encoded]) -> dict[str, Tensor]:
    """Parameter name -> the decoded weight in its own shape and type, for every layer that is not as it was."""
    return {
        layer.parameter: layer.parameter_of(encoded[layer.name].decode())
        for layer in known
        if not unchanged(layer, encoded[layer.name])
    }


def grids(known: tuple[Layer, ...], encoded: Mapping[str, Encoded]) -> dict[str, Grid]:
    """Parameter name -> the grid of the layer's inputs, for every layer that has one."""
    forms = {layer.parameter: encoded[layer.name] for layer in known}
    return {parameter: form.inputs for parameter, form in forms.items() if isinstance(form, Gridded)}


def unchanged(layer: Layer, encoded: Encoded) -> bool:
    """Whether the encoded form is the layer's own matrix."""
    return isinstance(encoded, Dense) and encoded.values is layer.matrix


def run(model: nn.Module, changed: Mapping[str, Tensor], images: Tensor) -> Tensor:
    """The model's outputs with the named parameters replaced; the model stays as it was."""
    return run_with(model, changed, (images,))


INDEXED = ("magnitude", "element")  # what the layer's sorted weights answer at once
TABLES = {
    "criterion": CRITERIA,
    "pattern": PATTERNS,
    "coder": CODERS,
    "scale": SCALES,
    "factorizer": FACTORIZERS,
    "compensate": COMPENSATIONS,
}
