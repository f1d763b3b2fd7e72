"""Forms made of forms: survivors of a mask, and a product of two factors."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from core.encoding.codes import Coded
from core.encoding.forms import FLOAT_BITS, Dense, Encoded, Form, Layout
from core.encoding.packing import count_kept, masked, pack, packed_bytes
from core.entropy import entropy


@dataclass(frozen=True, eq=False)
class Sparse:
    """Survivors of a mask, stored as `values` stores them; the rest is 0. mask: bool (out, in), True survives.

    The mask costs a bit a weight, or 32 bits for each position of its rarer side where that is less.
    """

    mask: Tensor
    values: Dense | Coded

    @cached_property
    def survivors(self) -> int:
        """How many weights the mask keeps."""
        return count_kept(self.mask)

    def decode(self) -> Tensor:
        values = self.values.decode()
        if isinstance(self.values, Coded) and self.values.zero_is_a_code:
            return values
        return masked(values, self.mask)

    def layout(self, kept: int | None = None) -> Layout:
        count = self.mask.numel()
        rarer = min(self.survivors, count - self.survivors)
        by_position = rarer * 4 < packed_bytes(count, 1)
        stored = {"positions": ("I32", (rarer,))} if by_position else {"mask": ("U8", (packed_bytes(count, 1),))}
        return stored | self.values.layout(self.survivors)

    def tensors(self, mask: Tensor | None = None) -> dict[str, Tensor]:
        flat = self.mask.flatten()
        if "positions" in self.layout():
            rarer = flat if 2 * self.survivors <= flat.numel() else ~flat
            stored = {"positions": rarer.nonzero().flatten().int()}
        else:
            stored = {"mask": pack(flat.to(torch.uint8), 1)}
        return stored | self.values.tensors(self.mask)

    def information(self, mask: Tensor | None = None) -> float:
        if isinstance(self.values, Coded):
            return self.values.information(self.mask)
        sides = np.array([self.survivors, self.mask.numel() - self.survivors])
        return self.survivors * FLOAT_BITS + self.mask.numel() * entropy(sides)

    def form(self) -> Form:
        return {"kind": "sparse", "survivors": self.survivors, "values": self.values.form()}


Stored = Dense | Coded | Sparse


@dataclass(frozen=True, eq=False)
class LowRank:
    """A product of two stored factors, block by block: left (out, rank) times right (groups * rank, in)."""

    left: Stored
    right: Stored
    groups: int

    def decode(self) -> Tensor:
        left, right = self.left.decode(), self.right.decode()
        rows, rank = left.shape
        blocks = torch.bmm(left.view(self.groups, rows // self.groups, rank), right.view(self.groups, rank, -1))
        return blocks.view(rows, -1)

    def layout(self, kept: int | None = None) -> Layout:
        return _named("left", self.left.layout()) | _named("right", self.right.layout())

    def tensors(self, mask: Tensor | None = None) -> dict[str, Tensor]:
        return _named("left", self.left.tensors()) | _named("right", self.right.tensors())

    def information(self, mask: Tensor | None = None) -> float:
        return self.left.information() + self.right.information()

    def form(self) -> Form:
        return {"kind": "low_rank", "groups": self.groups, "left": self.left.form(), "right": self.right.form()}


def leaves(encoded: Encoded) -> tuple[Stored, ...]:
    """The matrices that are really stored: the two factors of a `LowRank`, otherwise the matrix itself."""
    return (encoded.left, encoded.right) if isinstance(encoded, LowRank) else (encoded,)


def stored_values(encoded: Encoded) -> int:
    """How many numbers the form stands for: the weights, or the entries of both factors."""
    return sum(shape_of(leaf)[0] * shape_of(leaf)[1] for leaf in leaves(encoded))


def removed_values(encoded: Encoded) -> int:
    """How many of those numbers a mask removes."""
    return sum(leaf.mask.numel() - leaf.survivors for leaf in leaves(encoded) if isinstance(leaf, Sparse))


def shape_of(leaf: Stored) -> tuple[int, int]:
    """(out, in) of a stored matrix."""
    held = leaf.values if isinstance(leaf, Sparse) else leaf
    return tuple((held.codes if isinstance(held, Coded) else held.values).shape)


def _named(side: str, parts: dict) -> dict:
    return {f"{side}.{name}": part for name, part in parts.items()}
