"""Codes that learn: what stored values are in a form, and how a gradient at them reaches what they were made from.

Values are (k,): those that are stored, without what a mask removes. Rounding lets gradients straight through, Bengio et
al. 2013, arXiv:1308.3432; pulled back by hand, as all of it stands before the network.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from core.clustering import boundaries
from core.encoding import Affine, Codebook, Coded, Dense, Rounded
from core.training.places import Place, groups_of, summed

TILE = 2**16  # numbers that stay in the cache on the way from a value to its code and back
ONE = torch.ones(1)
HALF = 0.5  # of a step: a value that lies further from its code was clipped
Parts = dict[str, Tensor]
Way = tuple[Tensor, ...]
Tile = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class Learner:
    """How the values of one form learn.

    start: what learns beside the values. found: (form, what learns, place) -> what is looked up for each value. at:
    values as they are stored, and what `back` needs of the way there. back: a gradient at them -> the gradients of what
    learns. settled: the form as learned.
    """

    start: Callable[[Coded], Parts]
    found: Callable[[Coded, Parts, Place], Parts]
    at: Callable[[Coded, Parts, Parts], tuple[Tensor, Way]]
    back: Callable[[Coded, tuple[Parts, Parts, Way], Tensor], Parts]
    settled: Callable[[Coded, tuple[Parts, Parts], Place], Dense | Coded]


def _nothing(form: Coded, *rest: object) -> Parts:
    return {}


def _as_it_is(form: Dense, parts: Parts, found: Parts) -> tuple[Tensor, Way]:
    return parts["values"], ()


def _through(form: Coded, held: tuple[Parts, Parts, Way], gradient: Tensor) -> Parts:
    return {"values": gradient}


def _settled_dense(form: Dense, held: tuple[Parts, Parts], place: Place) -> Dense:
    return Dense(place.scattered(held[0]["values"]))


def _even_start(form: Affine) -> Parts:
    """The logarithm of what the scale is multiplied by, so that it stays above 0; and the offset."""
    offset = {} if form.offset is None else {"offset": form.offset.clone()}
    return {"growth": torch.zeros_like(form.scale)} | offset


def _even_found(form: Affine, parts: Parts, place: Place) -> Parts:
    """Nothing where each group's values lie together, so that a scale can be spread over a row of them."""
    whole = place.positions is None and (form.scale.shape[1] == 1 or place.shape[1] % form.block == 0)
    return {} if whole else {"groups": groups_of(*form.scale.shape, form.block, place)}


def _scale(form: Affine, parts: Parts) -> Tensor:
    return (form.scale * parts["growth"].exp()).clamp(min=torch.finfo(torch.float32).tiny)


class Even(NamedTuple):
    """Values beside their scales and offsets: (groups, n) beside (groups, 1), or (1, n) each. groups: of each value."""

    values: Tensor
    own: Tensor
    offset: Tensor | None
    groups: Tensor | None

    def at(self, tile: Tile) -> "Even":
        """The same of some rows and columns."""
        rows, columns = tile
        sides = [None if s is None else s[rows, columns if s.shape[1] > 1 else slice(None)] for s in self[1:]]
        return Even(self.values[tile], *sides)

    def near(self) -> Tensor:
        """Values in steps of their scale."""
        return (self.values if self.offset is None else self.values - self.offset) / self.own

    def sums(self, one: Tensor, other: Tensor, like: Tensor) -> Tensor:
        """Products added up by group, in the shape of `like`: of all groups, or of this tile's rows."""
        if self.groups is None:
            return torch.linalg.vecdot(one, other)
        return summed((one * other)[0], self.groups[0], like)


def _even(form: Affine, parts: Parts, found: Parts) -> Even:
    numbers = [_scale(form, parts), parts.get("offset")]
    if "groups" not in found:
        own, offset = (None if each is None else each.view(-1, 1) for each in numbers)
        return Even(parts["values"].view(len(own), -1), own, offset, None)
    groups = found["groups"]
    own, offset = (None if each is None else each.flatten().index_select(0, groups)[None] for each in numbers)
    return Even(parts["values"][None], own, offset, groups[None])


def _tiles(shape: Sequence[int]) -> list[Tile]:
    """Parts of a matrix of TILE numbers or fewer each, but at least a row or what of one so many are."""
    rows, columns = shape
    high, wide = max(1, TILE // max(1, columns)), TILE
    return [
        (slice(row, row + high), slice(column, column + wide))
        for row in range(0, rows, high)
        for column in range(0, columns, wide)
    ]


def _rounded(form: Affine, near: Tensor) -> Tensor:
    """The whole steps that values are stored as."""
    return near.round().clamp_(*_ends(form))


def _ends(form: Affine) -> tuple[int, int]:
    """The smallest and the largest of the whole steps."""
    return -form.zero, -form.zero + (2 * form.zero or 2**form.width - 1)


def _even_at(form: Affine, parts: Parts, found: Parts) -> tuple[Tensor, Way]:
    even = _even(form, parts, found)
    values = torch.empty_like(even.values)
    for tile in _tiles(values.shape):
        part = even.at(tile)
        made = torch.mul(_rounded(form, part.near()), part.own, out=values[tile])
        if part.offset is not None:
            made += part.offset
    return values.flatten(), ()


def _even_back(form: Affine, held: tuple[Parts, Parts, Way], gradient: Tensor) -> Parts:
    """Learned step size, Esser et al. 2020, arXiv:1902.08153, and offset, Bhalgat et al. 2020, arXiv:2004.09576.

    Their scale of the gradient is left out: Adam divides by it.
    """
    parts, found, _ = held
    even = _even(form, parts, found)
    gradient, back = gradient.view(even.values.shape), torch.empty_like(even.values)
    growth, offset = torch.zeros(form.scale.numel()), torch.zeros(form.scale.numel())
    low, high = _ends(form)
    for tile in _tiles(back.shape):
        part, given, total = even.at(tile), gradient[tile], tile[0] if even.groups is None else slice(None)
        near = part.near()
        passed = torch.ops.aten.hardtanh_backward(given, near, low - HALF, high + HALF)  # 0 where near was clipped
        back[tile] = passed
        growth[total] += part.sums(_rounded(form, near), given, growth) - part.sums(near, passed, growth)
        if form.offset is not None:
            offset[total] += part.sums(ONE, given, offset) - part.sums(ONE, passed, offset)
    slopes = {"growth": growth.view_as(form.scale).mul_(_scale(form, parts))}
    slopes |= {} if form.offset is None else {"offset": offset.view_as(form.offset)}
    return {"values": back.flatten()} | slopes


def _even_settled(form: Affine, held: tuple[Parts, Parts], place: Place) -> Affine:
    parts = held[0]
    codes = _rounded(form, _even(form, *held).near()).flatten().add_(form.zero).to(torch.uint8)
    offset = parts["offset"].clone() if "offset" in parts else None
    codes = place.scattered(codes)
    if place.positions is not None and form.zero_is_a_code:
        gone = torch.ones(codes.numel(), dtype=torch.bool)
        gone[place.positions] = False
        codes = codes.masked_fill(gone.view(codes.shape), form.zero)
    return replace(form, codes=codes, scale=_scale(form, parts), offset=offset)


def _book_start(form: Codebook) -> Parts:
    """The levels, or where they are published ones the scales: as logarithms of what they are multiplied by."""
    return {"levels": form.levels.clone()} if form.scale is None else {"growth": torch.zeros_like(form.scale)}


def _book(form: Codebook, parts: Parts) -> Codebook:
    """The form with what it has learned; levels in ascending order."""
    if form.scale is None:
        return replace(form, levels=parts["levels"].sort(1).values)
    return replace(form, scale=(form.scale * parts["growth"].exp()).clamp(min=torch.finfo(torch.float32).tiny))


def _book_found(form: Codebook, parts: Parts, place: Place) -> Parts:
    """The nearest level of each value: its place among all levels, and the group of its scale."""
    rows, size = form.levels.shape
    learned = parts["levels"].sort(1) if form.scale is None else None
    if learned is not None and rows == 1:
        levels = torch.bucketize(parts["values"], torch.from_numpy(boundaries(learned.values.numpy()))[0])
        return {"levels": learned.indices[0].index_select(0, levels)}
    firsts = size * torch.arange(rows)[:, None]
    codes = _book(form, parts).nearest(place.scattered(parts["values"]), 0).long() + firsts
    levels = place.gathered(codes)
    if learned is not None:  # what was learned may stand in another order
        return {"levels": (learned.indices + firsts).flatten().index_select(0, levels)}
    return {"levels": levels, "groups": groups_of(*form.scale.shape, form.block, place)}


def drifted(form: Coded, parts: Parts, found: Parts) -> Parts:
    """What is looked up, with each value's level one further where that is nearer: a fraction of a search's time."""
    if not isinstance(form, Codebook) or form.scale is not None:
        return found
    levels = parts["levels"]
    middles = (levels[:, 1:] + levels[:, :-1]) / 2
    ends = levels.new_full((len(levels), 1), torch.inf)
    above, below = torch.cat([middles, ends], 1).flatten(), torch.cat([-ends, middles], 1).flatten()
    at, values = found["levels"], parts["values"]
    up, down = values > above.index_select(0, at), values < below.index_select(0, at)
    return {**found, "levels": at + up.to(torch.int64) - down.to(torch.int64)}


def _book_at(form: Codebook, parts: Parts, found: Parts) -> tuple[Tensor, Way]:
    levels = parts.get("levels", form.levels).flatten().index_select(0, found["levels"])
    if form.scale is not None:
        levels = levels * _book(form, parts).scale.flatten().index_select(0, found["groups"])
    return levels, (levels,)


def _book_back(form: Codebook, held: tuple[Parts, Parts, Way], gradient: Tensor) -> Parts:
    """A level learns by the sum of the gradients of what shares it. Han et al. 2016, arXiv:1510.00149."""
    found, (values,) = held[1:]
    if form.scale is None:
        return {"values": gradient, "levels": summed(gradient, found["levels"], form.levels)}
    return {"values": gradient, "growth": summed(gradient * values, found["groups"], form.scale)}


def _book_settled(form: Codebook, held: tuple[Parts, Parts], place: Place) -> Codebook:
    parts, found = held
    now, size = _book(form, parts), form.levels.shape[1]
    codes = found["levels"] % size
    if form.scale is None:
        rank = parts["levels"].argsort(1).argsort(1).flatten()  # where each level comes in ascending order
        codes = rank[found["levels"]]
    return replace(now, codes=place.scattered(codes.to(torch.uint8)))


def _float_found(form: Rounded, parts: Parts, place: Place) -> Parts:
    return {} if form.scale is None else {"groups": groups_of(*form.scale.shape, form.block, place)}


def _float_codes(form: Rounded, parts: Parts, found: Parts) -> tuple[Tensor, Tensor | float]:
    if form.scale is None:
        return parts["values"].to(form.codes.dtype), 1.0
    own, most = form.scale.flatten().index_select(0, found["groups"]), torch.finfo(form.codes.dtype).max
    return (parts["values"] / own).clamp_(-most, most).to(form.codes.dtype), own


def _float_at(form: Rounded, parts: Parts, found: Parts) -> tuple[Tensor, Way]:
    codes, own = _float_codes(form, parts, found)
    return codes.float() * own, ()


def _float_settled(form: Rounded, held: tuple[Parts, Parts], place: Place) -> Rounded:
    codes, whole = _float_codes(form, *held)[0], torch.uint8 if form.codes.itemsize == 1 else torch.int16
    return replace(form, codes=place.scattered(codes.view(whole)).view(form.codes.dtype))


LEARNERS: Mapping[type, Learner] = {
    Dense: Learner(_nothing, _nothing, _as_it_is, _through, _settled_dense),
    Affine: Learner(_even_start, _even_found, _even_at, _even_back, _even_settled),
    Codebook: Learner(_book_start, _book_found, _book_at, _book_back, _book_settled),
    Rounded: Learner(_nothing, _float_found, _float_at, _through, _float_settled),
}
