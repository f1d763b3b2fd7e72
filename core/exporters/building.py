"""The compressed model as a module that another tool can take over: thin and smaller layers, inputs on their grids."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from core import narrowing, variants
from core.encoding import Dense, Encoded, Factored, Grid, Gridded, Kept, LowRank, Stored, Tucker, bare
from core.exporters.subject import Subject, facets
from core.layer import Layer
from core.replacing import swapped
from core.variants import Place


class Part(NamedTuple):
    """What a module's weight holds, in its (out, in) matrix, and the grid of its inputs where they have one."""

    stored: Stored
    grid: Grid | None


Wrap = Callable[[nn.Module, Part], nn.Module]


def on_grid(given: Tensor, grid: Grid) -> Tensor:
    """The input with each number at the nearest of the grid's, by operators that any tool has."""
    scale, zero, bits = grid
    return (given / scale).round().clamp(-zero, 2**bits - 1 - zero) * scale


def rounding(module: nn.Module, part: Part) -> nn.Module:
    """The module, which from now on rounds its inputs where they have a grid."""
    if part.grid is not None:
        module.register_forward_pre_hook(lambda own, given: (on_grid(given[0], part.grid), *given[1:]))
    return module


def built(subject: Subject, wrap: Wrap = rounding) -> nn.Module:
    """The compressed model with `wrap` of every module whose weight is stored in a form of its own, in eval mode.

    Layers that are stored as products run as thin ones, and channels that nobody needs are gone. A weight that no plain
    module of torch runs is in it decoded.
    """
    whole = _whole(subject)
    places = variants.places(subject.study, whole)
    done: dict[int, nn.Module] = {}  # a module with several names is wrapped once
    for place in places:
        encoded = subject.applied.encoded[place.layer.name]
        grid = encoded.inputs if isinstance(encoded, Gridded) else None
        if id(place.module) not in done:
            done[id(place.module)] = _module(place, _narrow(subject, place.layer, bare(encoded)), grid, wrap)
    made = {place.name: done[id(place.module)] for place in places}
    return swapped(whole, made).eval().requires_grad_(False)


def homeless(subject: Subject) -> tuple[str, ...]:
    """The layers that something was done to and that no plain module runs: tools get their weights decoded."""
    placed = {place.layer.name for place in variants.places(subject.study, _whole(subject))}
    done = {name for names in facets(subject).values() for name in names}
    return tuple(layer.name for layer in subject.study.known if layer.name in done - placed)


def _whole(subject: Subject) -> nn.Module:
    small = subject.applied.small
    return variants.twin(subject.study, subject.applied) if small is None else copy.deepcopy(small.module)


def _module(place: Place, encoded: Encoded, grid: Grid | None, wrap: Wrap) -> nn.Module:
    if not isinstance(encoded, Factored):
        return wrap(place.module, Part(encoded, grid))
    thin = variants.thin_layers(place.module, encoded)
    stored = list(reversed(encoded.factors.values()))  # the right one runs first
    if isinstance(place.module, nn.Embedding):  # looks up in the left one, and multiplies by the right one's transpose
        stored = [encoded.factors["left"], Dense(encoded.factors["right"].decode().mT)]
    grids = [grid] + [None] * (len(stored) - 1)
    parts = map(Part, stored, grids)
    return nn.Sequential(*(wrap(module, part) for module, part in zip(thin, parts, strict=True)))


def _narrow(subject: Subject, layer: Layer, encoded: Encoded) -> Encoded:
    """The form of the weight that the smaller model has, or the form itself."""
    small = subject.applied.small
    if small is None:
        return encoded
    outputs, inputs = map(torch.from_numpy, narrowing.stays(layer, small))
    if layer.groups > 1:
        if isinstance(encoded, Factored) and not bool(outputs.all() and inputs.all()):
            return Dense(encoded.decode()[outputs])
        inputs = torch.ones(layer.weight.shape[1], dtype=torch.bool)
    columns = inputs.repeat_interleave(layer.kernel)
    if not isinstance(encoded, LowRank | Tucker):
        return _inner(encoded, outputs, columns)
    ranks = (torch.ones(n, dtype=torch.bool) for n in (encoded.left.decode().shape[1], len(encoded.right.decode())))
    left = _inner(encoded.left, outputs, next(ranks))
    right = _inner(encoded.right, next(ranks), inputs if isinstance(encoded, Tucker) else columns)
    return replace(encoded, left=left, right=right)


def _inner(stored: Stored | Kept, rows: Tensor, columns: Tensor) -> Stored:
    """The form of the rows and columns that stay; plain floats where a block of columns is kept in part."""
    if isinstance(stored, Kept) and torch.equal(stored.rows, rows) and torch.equal(stored.columns, columns):
        return stored.values
    whole = not isinstance(stored, Kept) and bool(rows.all() and columns.all())
    return stored if whole else Dense(stored.decode()[rows][:, columns])


def places(subject: Subject) -> Iterator[Place]:
    """Where the full-size model, with the compressed weights decoded, runs its layers by plain modules."""
    yield from variants.places(subject.study, variants.twin(subject.study, subject.applied))
