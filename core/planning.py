"""Planners: a goal for the whole model becomes a recipe."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from core import index
from core.granting import weights_stay
from core.layer import Layer, require_finite
from core.patterns import removed_count
from core.pruning import CRITERIA, FREE
from core.recipe import Recipe, Settings, Value, merged
from core.seen import Seen

Curve = Sequence[tuple[float, float]]  # (sparsity, drop in points) of one layer, the others whole


def uniform(known: tuple[Layer, ...], goal: Mapping[str, Value]) -> Recipe:
    """The same Settings for every layer. goal: any fields of Settings."""
    return Recipe(merged(Settings(), goal))


def global_magnitude(known: tuple[Layer, ...], goal: Mapping[str, Value]) -> Recipe:
    """One threshold on |w| for all layers together, Han et al. 2015, arXiv:1506.02626.

    goal: `sparsity` of all weights together, and fields of Settings for what stays. `count`: 'nearest' removes
    round(s * n) weights; 'strict' n - ceil(n * (1 - s)) + 1, as papers do that also drop the weight at the threshold.
    Where tied weights leave no threshold with that count, each layer gets the sparsity that is its share of it.
    """
    rest = dict(goal)
    count = rest.pop("count", "nearest")
    if count not in COUNTS:
        raise ValueError(f"count is {count!r}, expected one of {', '.join(COUNTS)}")
    settings = merged(Settings(), rest)
    _require_sparsity(settings)
    if settings.criterion != "magnitude":
        raise ValueError(
            f"criterion is {settings.criterion!r}, expected 'magnitude'; global_{settings.criterion} ranks it"
        )
    pool = pooled(known)
    return global_threshold(known, settings, (pool, COUNTS[count](pool.values.size, settings.sparsity)))


def pooled(known: tuple[Layer, ...]) -> index.Index:
    """One index over the weights of all layers."""
    _require_layers(known)
    return index.build(np.concatenate([layer.matrix.numpy().ravel() for layer in known]))


def global_threshold(known: tuple[Layer, ...], settings: Settings, goal: tuple[index.Index, int]) -> Recipe:
    """`settings` with the one threshold that removes the `count` smallest weights of all layers together.

    goal: the pooled index and the count.
    """
    pool, count = goal
    if not count:
        return Recipe(replace(settings, sparsity=0.0))
    last = index.magnitude(pool, count)
    first = index.magnitude(pool, count + 1) if count < pool.values.size else last
    if first > last:
        return Recipe(replace(settings, sparsity=0.0, threshold=float(first)))
    return global_scores(known, settings, {layer.name: layer.matrix.abs() for layer in known}, count)


def erk(known: tuple[Layer, ...], goal: Mapping[str, Value]) -> Recipe:
    """A layer's density by the sum of its dimensions over their product, up to 1. Evci et al. 2020, arXiv:1911.11134.

    goal: `sparsity` of all weights together, met to the weight, and fields of Settings for what stays.
    """
    settings, count = _counted(known, goal)
    sizes = [layer.matrix.numel() for layer in known]
    kept = _filled(sizes, [sum(layer.weight.shape) for layer in known], sum(sizes) - count)
    return _exactly(known, settings, [size - stay for size, stay in zip(sizes, kept, strict=True)])


def lamp(known: tuple[Layer, ...], goal: Mapping[str, Value]) -> Recipe:
    """w^2 over the sum of the squares not smaller in its layer, all layers ranked together. Lee 2021, arXiv:2010.07611.

    goal: `sparsity` of all weights together, met to the weight, and fields of Settings for what stays.
    """
    settings, count = _counted(known, goal)
    return global_scores(known, settings, {layer.name: _lamp_scores(layer) for layer in known}, count)


def global_scores(known: tuple[Layer, ...], settings: Settings, scores: Mapping[str, Tensor], count: int) -> Recipe:
    """`settings` with each layer's share of the `count` smallest scores of all layers together, ties in their order.

    scores: of every weight, in any order within a layer, by layer name. The criterion of `settings` says again, when a
    layer is encoded, which of its weights they are.
    """
    held = [_scored(layer, scores) for layer in known]
    total = sum(each.size for each in held)
    if not 0 <= count <= total:
        raise ValueError(f"count is {count}, expected 0 to the {total} weights there are")
    if not count:
        return _exactly(known, settings, [0] * len(held))
    last = np.partition(np.concatenate(held), count - 1)[count - 1]
    below = [int((each < last).sum()) for each in held]
    tied = count - sum(below)
    removed = []
    for each, smaller in zip(held, below, strict=True):
        taken = min(tied, int((each == last).sum()))
        tied -= taken
        removed.append(smaller + taken)
    return _exactly(known, settings, removed)


def sensitivity_split(known: tuple[Layer, ...], curves: Mapping[str, Curve], goal: Mapping[str, Value]) -> Recipe:
    """Each layer's sparsity by what it was measured to cost alone: the least summed drop that meets the total count.

    curves: layer name -> (sparsity, drop) pairs; the dense (0, 0) is known. Between them a drop is read off the lower
    convex hull, on which taking the cheapest weight next is the optimum; the last piece is taken in part. goal: as for
    `lamp`; a layer without a curve stays whole.
    """
    settings, count = _counted(known, goal)
    unknown = curves.keys() - {layer.name for layer in known}
    if unknown:
        raise ValueError(f"curves: layer '{min(unknown)}' is not in the model")
    hulls = [_hull(layer, curves.get(layer.name, ())) for layer in known]
    most = sum(hull[-1][0] for hull in hulls)
    if count > most:
        total = sum(layer.matrix.numel() for layer in known)
        raise ValueError(
            f"sparsity is {settings.sparsity!r}, expected at most {most / total:.6f}: the curves end there"
        )
    pieces = [(_slope(a, b), i, b[0] - a[0]) for i, hull in enumerate(hulls) for a, b in pairwise(hull)]
    removed = [0] * len(known)
    for _, i, weights in sorted(pieces):  # slopes rise along a hull, so a layer's pieces come in their order
        removed[i] += min(weights, count - sum(removed))
    return _exactly(known, settings, removed)


def _counted(known: tuple[Layer, ...], goal: Mapping[str, Value]) -> tuple[Settings, int]:
    """The Settings of a goal, and how many weights of all layers its sparsity removes."""
    settings = merged(Settings(), goal)
    _require_sparsity(settings)
    _require_layers(known)
    return settings, removed_count(sum(layer.matrix.numel() for layer in known), settings.sparsity)


def _require_sparsity(settings: Settings) -> None:
    """ValueError where a count of all weights cannot be met: with a threshold, in groups, or for factors."""
    if settings.threshold is not None:
        raise ValueError(f"threshold is {settings.threshold!r}, expected a sparsity: the planner finds what goes")
    if settings.pattern != "element":
        raise ValueError(f"pattern is {settings.pattern!r}, expected 'element': the planner counts single weights")
    if settings.factors:
        raise ValueError(f"rank is {settings.rank!r}, expected 1: the planner counts weights, not entries of factors")


def _require_layers(known: tuple[Layer, ...]) -> None:
    if not known:
        raise ValueError("the model has no layer with a weight that can be compressed, expected at least one")
    for layer in known:
        require_finite(layer)


def _exactly(known: tuple[Layer, ...], settings: Settings, removed: list[int]) -> Recipe:
    """`settings` with the sparsity for each layer that removes exactly so many of its weights."""
    sizes = [layer.matrix.numel() for layer in known]
    shares = [min(count, size - 0.25) / size for count, size in zip(removed, sizes, strict=True)]
    layers = {layer.name: {"sparsity": share} for layer, share in zip(known, shares, strict=True)}
    return Recipe(replace(settings, sparsity=0.0), layers)


def _filled(sizes: list[int], widths: list[int], total: int) -> list[int]:
    """`total` shared in proportion to `widths`, none above its size, in whole numbers by the largest remainders."""
    open_layers, left = set(range(len(sizes))), total
    while True:
        step = Fraction(left, sum(widths[i] for i in open_layers) or 1)
        full = {i for i in open_layers if step * widths[i] >= sizes[i]}
        if not full:
            break
        open_layers -= full
        left -= sum(sizes[i] for i in full)
    shares = [step * widths[i] if i in open_layers else Fraction(sizes[i]) for i in range(len(sizes))]
    kept = [math.floor(share) for share in shares]
    by_remainder = sorted(range(len(sizes)), key=lambda i: kept[i] - shares[i])
    for i in by_remainder[: total - sum(kept)]:
        kept[i] += 1
    return kept


def _lamp_scores(layer: Layer) -> Tensor:
    """Lee's score of every weight, float64, ascending with |w|; 0 where all that are left are 0."""
    squares = np.sort(np.abs(layer.matrix.numpy()), axis=None).astype(np.float64) ** 2
    rest = np.cumsum(squares[::-1])[::-1]
    return torch.from_numpy(np.divide(squares, rest, out=np.zeros_like(squares), where=rest > 0))


def _scored(layer: Layer, scores: Mapping[str, Tensor]) -> np.ndarray:
    found, size = scores.get(layer.name), layer.matrix.numel()
    if found is None or found.numel() != size or bool(found.isnan().any()):
        raise ValueError(f"layer '{layer.name}': expected {size} scores that are numbers")
    return found.numpy().ravel()


def _hull(layer: Layer, curve: Curve) -> list[tuple[int, float]]:
    """The corners (weights removed, drop) of the lower convex hull of a curve and the dense layer."""
    size, lowest = layer.matrix.numel(), {0: 0.0}
    for sparsity, drop in curve:
        if not (0 <= sparsity <= 1 and math.isfinite(drop)):
            raise ValueError(f"layer '{layer.name}': ({sparsity}, {drop}) is no sparsity in [0, 1] and drop")
        removed = removed_count(size, sparsity)
        lowest[removed] = min(drop, lowest.get(removed, math.inf)) if removed else 0.0
    corners: list[tuple[int, float]] = []
    for point in sorted(lowest.items()):
        while len(corners) > 1 and _slope(corners[-1], point) <= _slope(corners[-2], corners[-1]):
            corners.pop()
        corners.append(point)
    return corners


def _slope(left: tuple[int, float], right: tuple[int, float]) -> float:
    """Drop a weight."""
    return (right[1] - left[1]) / (right[0] - left[0])


def _strict(weights: int, sparsity: float) -> int:
    return weights - math.ceil(weights * (1 - sparsity)) + 1


def global_by(criterion: str) -> Callable[[tuple[Layer, ...], Mapping[str, Value], Mapping[str, Seen]], Recipe]:
    """The planner that ranks the scores of a criterion over all layers together.

    goal: `sparsity` of all weights together that it can score, and fields of Settings for what stays.
    """

    def planner(known: tuple[Layer, ...], goal: Mapping[str, Value], seen: Mapping[str, Seen]) -> Recipe:
        settings = merged(Settings(), {**goal, "criterion": criterion})
        _require_sparsity(settings)
        prunes = replace(settings, sparsity=0.5)
        ranked = tuple(layer for layer in known if not weights_stay(layer, prunes, seen.get(layer.name)))
        if not ranked:
            raise ValueError(f"global_{criterion}: {weights_stay(known[0], prunes, seen.get(known[0].name))}")
        for layer in ranked:
            require_finite(layer)
        scores = {layer.name: CRITERIA[criterion](layer.matrix, seen.get(layer.name)) for layer in ranked}
        count = removed_count(sum(each.numel() for each in scores.values()), settings.sparsity)
        return global_scores(ranked, settings, scores, count)

    planner.__doc__ = f"One ranking of all layers together by {criterion}."
    return planner


COUNTS = {"nearest": removed_count, "strict": _strict}
CALIBRATED_PLANNERS = {f"global_{name}": global_by(name) for name in CRITERIA if name not in FREE}
PLANNERS = {f.__name__: f for f in (uniform, global_magnitude, erk, lamp)}
