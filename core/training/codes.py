"""Codes that learn: what stored values are in a form, and how a gradient at them reaches what they were made from.

Values are (k,): those that are stored, without what a mask removes. Rounding lets gradients straight through, Bengio et
al. 2013, arXiv:1308.3432; pulled back by hand, as all of it stands before the network.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from core.encoding import Affine, Codebook, Coded, Dense, Rounded

HALF = 0.5  # of a step: a value that lies further from its code was clipped
Parts = dict[str, Tensor]


class Place(NamedTuple):
    """Where stored values lie: (rows, columns) of their matrix, and the flat positions of the (k,) that are stored,
    None for all in order."""

    shape: tuple[int, int]
    positions: Tensor | None

    def gathered(self, matrix: Tensor) -> Tensor:
        """The stored values of a matrix, (k,)."""
        flat = matrix.reshape(-1)
        return flat if self.positions is None else flat[self.positions]

    def scattered(self, values: Tensor) -> Tensor:
        """The matrix of stored values, with 0 wherever none is stored."""
        if self.positions is None:
            return values.reshape(self.shape)
        flat = torch.zeros(self.shape[0] * self.shape[1], dtype=values.dtype)
        flat[self.positions] = values
        return flat.view(self.shape)


@dataclass(frozen=True, eq=False)
class Learner:
    """How the values of one form learn.

    start: what learns beside the values. found: (form, what learns, place) -> what is looked up for each value. at:
    values as they are stored. back: a gradient at those -> the gradients of what learns. settled: the form as learned.
    """

    start: Callable[[Coded], Parts]
    found: Callable[[Coded, Parts, Place], Parts]
    at: Callable[[Coded, Parts, Parts], Tensor]
    back: Callable[[Coded, tuple[Parts, Parts], Tensor], Parts]
    settled: Callable[[Coded, tuple[Parts, Parts], Place], Dense | Coded]


def _nothing(form: Coded, *rest: object) -> Parts:
    return {}


def _as_it_is(form: Dense, parts: Parts, found: Parts) -> Tensor:
    return parts["values"]


def _through(form: Coded, held: tuple[Parts, Parts], gradient: Tensor) -> Parts:
    return {"values": gradient}


def _settled_dense(form: Dense, held: tuple[Parts, Parts], place: Place) -> Dense:
    return Dense(place.scattered(held[0]["values"]))


def _groups(rows: int, blocks: int, block: int, place: Place) -> Tensor:
    """Which scale of (rows, blocks) each stored value has, (k,) int64; rows: 1 where all rows share theirs."""
    count = place.shape[0] * place.shape[1]
    flat = torch.arange(count) if place.positions is None else place.positions
    if rows == blocks == 1:
        return torch.zeros_like(flat)
    row, column = flat // place.shape[1], flat % place.shape[1]
    return row * (blocks if rows > 1 else 0) + (column // block if blocks > 1 else 0)


def summed(gradient: Tensor, groups: Tensor, like: Tensor) -> Tensor:
    """The gradients of each group added up, in the shape of `like`."""
    sums = np.bincount(groups.numpy(), weights=gradient.numpy(), minlength=like.numel())
    return torch.from_numpy(sums).to(like.dtype).view(like.shape)


def _even_start(form: Affine) -> Parts:
    """The logarithm of what the scale is multiplied by, so that it stays above 0; and the offset."""
    offset = {} if form.offset is None else {"offset": form.offset.clone()}
    return {"growth": torch.zeros_like(form.scale)} | offset


def _even_found(form: Affine, parts: Parts, place: Place) -> Parts:
    return {"groups": _groups(*form.scale.shape, form.block, place)}


def _scale(form: Affine, parts: Parts) -> Tensor:
    return (form.scale * parts["growth"].exp()).clamp(min=torch.finfo(torch.float32).tiny)


def _steps(form: Affine, parts: Parts, found: Parts) -> tuple[Tensor, Tensor, Tensor, Tensor | float]:
    """Values in steps of their scale, the whole steps that they are stored as, the scales and offsets, (k,) each."""
    groups = found["groups"]
    own = _scale(form, parts).flatten()[groups]
    offset = parts["offset"].flatten()[groups] if "offset" in parts else 0.0
    near = (parts["values"] - offset) / own
    low = -form.zero
    return near, near.round().clamp_(low, low + (2 * form.zero or 2**form.width - 1)), own, offset


def _even_at(form: Affine, parts: Parts, found: Parts) -> Tensor:
    _, steps, own, offset = _steps(form, parts, found)
    return steps.mul_(own).add_(offset)


def _even_back(form: Affine, held: tuple[Parts, Parts], gradient: Tensor) -> Parts:
    """Learned step size, Esser et al. 2020, arXiv:1902.08153, and offset, Bhalgat et al. 2020, arXiv:2004.09576.

    Their scale of the gradient is left out: Adam divides by it.
    """
    near, steps, own, _ = _steps(form, *held)
    missed = steps - near
    clipped = missed.abs() > HALF
    slope = torch.where(clipped, steps, missed).mul_(gradient).mul_(own)  # d / d growth
    found = {"values": gradient.masked_fill(clipped, 0.0), "growth": summed(slope, held[1]["groups"], form.scale)}
    if form.offset is not None:
        found["offset"] = summed(gradient * clipped, held[1]["groups"], form.offset)
    return found


def _even_settled(form: Affine, held: tuple[Parts, Parts], place: Place) -> Affine:
    parts = held[0]
    codes = _steps(form, *held)[1].add_(form.zero).to(torch.uint8)
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
    now = _book(form, parts)
    codes = place.gathered(now.nearest(place.scattered(parts["values"]), 0)).long()
    rows, size = now.levels.shape
    order = parts["levels"].argsort(1) if form.scale is None else torch.arange(size)[None]
    row = _groups(rows, 1, 1, place) if rows > 1 else torch.zeros_like(codes)
    levels = row * size + order[row, codes] if rows > 1 else order[0, codes]
    found = {"levels": levels}
    return found if form.scale is None else found | {"groups": _groups(*form.scale.shape, form.block, place)}


def _book_at(form: Codebook, parts: Parts, found: Parts) -> Tensor:
    levels = parts.get("levels", form.levels).flatten()[found["levels"]]
    return levels if form.scale is None else levels * _book(form, parts).scale.flatten()[found["groups"]]


def _book_back(form: Codebook, held: tuple[Parts, Parts], gradient: Tensor) -> Parts:
    """A level learns by the sum of the gradients of what shares it. Han et al. 2016, arXiv:1510.00149."""
    parts, found = held
    if form.scale is None:
        return {"values": gradient, "levels": summed(gradient, found["levels"], form.levels)}
    return {"values": gradient, "growth": summed(gradient * _book_at(form, parts, found), found["groups"], form.scale)}


def _book_settled(form: Codebook, held: tuple[Parts, Parts], place: Place) -> Codebook:
    parts, found = held
    now, size = _book(form, parts), form.levels.shape[1]
    codes = found["levels"] % size
    if form.scale is None:
        rank = parts["levels"].argsort(1).argsort(1).flatten()  # where each level comes in ascending order
        codes = rank[found["levels"]]
    return replace(now, codes=place.scattered(codes.to(torch.uint8)))


def _float_found(form: Rounded, parts: Parts, place: Place) -> Parts:
    return {} if form.scale is None else {"groups": _groups(*form.scale.shape, form.block, place)}


def _float_codes(form: Rounded, parts: Parts, found: Parts) -> tuple[Tensor, Tensor | float]:
    if form.scale is None:
        return parts["values"].to(form.codes.dtype), 1.0
    own, most = form.scale.flatten()[found["groups"]], torch.finfo(form.codes.dtype).max
    return (parts["values"] / own).clamp_(-most, most).to(form.codes.dtype), own


def _float_at(form: Rounded, parts: Parts, found: Parts) -> Tensor:
    codes, own = _float_codes(form, parts, found)
    return codes.float() * own


def _float_settled(form: Rounded, held: tuple[Parts, Parts], place: Place) -> Rounded:
    codes, whole = _float_codes(form, *held)[0], torch.uint8 if form.codes.itemsize == 1 else torch.int16
    return replace(form, codes=place.scattered(codes.view(whole)).view(form.codes.dtype))


LEARNERS: Mapping[type, Learner] = {
    Dense: Learner(_nothing, _nothing, _as_it_is, _through, _settled_dense),
    Affine: Learner(_even_start, _even_found, _even_at, _even_back, _even_settled),
    Codebook: Learner(_book_start, _book_found, _book_at, _book_back, _book_settled),
    Rounded: Learner(_nothing, _float_found, _float_at, _through, _float_settled),
}
