"""Planners: a goal for the whole model becomes a recipe."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from core import index
from core.compress import Layer, require_finite
from core.pruning import removed_count
from core.recipe import Recipe, Settings, Value, merged


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
    if settings.threshold is not None:
        raise ValueError(f"threshold is {settings.threshold!r}, expected a sparsity: the planner finds the threshold")
    pool = pooled(known)
    return global_threshold(known, settings, (pool, COUNTS[count](pool.values.size, settings.sparsity)))


def pooled(known: tuple[Layer, ...]) -> index.Index:
    """One index over the weights of all layers."""
    if not known:
        raise ValueError("the model has no Linear, Conv or Embedding layer, expected at least one")
    for layer in known:
        require_finite(layer)
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
    return _shares(known, settings, (float(last), count))


def _shares(known: tuple[Layer, ...], settings: Settings, goal: tuple[float, int]) -> Recipe:
    """Each layer's own sparsity, for a count that a threshold cannot give: ties go in order of layer and position."""
    last, count = goal
    tied = count - sum(int((layer.matrix.abs() < last).sum()) for layer in known)
    layers = {}
    for layer in known:
        sizes = layer.matrix.abs()
        taken = min(tied, int((sizes == last).sum()))
        removed = int((sizes < last).sum()) + taken
        tied -= taken
        layers[layer.name] = {"sparsity": min(removed, layer.matrix.numel() - 0.25) / layer.matrix.numel()}
    return Recipe(replace(settings, sparsity=0.0), layers)


def _strict(weights: int, sparsity: float) -> int:
    return weights - math.ceil(weights * (1 - sparsity)) + 1


COUNTS = {"nearest": removed_count, "strict": _strict}
PLANNERS = {f.__name__: f for f in (uniform, global_magnitude)}
