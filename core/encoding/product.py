"""Forms made of forms: products of two or three stored matrices."""

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from core.encoding.codes import Coded
from core.encoding.forms import Encoded, Form, Layout, Survey
from core.encoding.gridded import bare
from core.encoding.kept import Kept
from core.encoding.sparse import Sparse, Stored


@runtime_checkable
class Factored(Protocol):
    """An encoded matrix that is a product: of `factors`, by name; `shape` is that of what it decodes to."""

    factors: dict[str, Stored]
    shape: tuple[int, int]


@dataclass(frozen=True, eq=False)
class LowRank:
    """A product of two stored factors, block by block: left (out, rank) times right (groups * rank, in)."""

    left: Stored
    right: Stored
    groups: int

    @property
    def factors(self) -> dict[str, Stored]:
        """The two stored matrices."""
        return {"left": self.left, "right": self.right}

    @property
    def shape(self) -> tuple[int, int]:
        """(out, in) of the product."""
        return shape_of(self.left)[0], shape_of(self.right)[1]

    def decode(self) -> Tensor:
        """The (out, in) float32 matrix."""
        left, right = self.left.decode(), self.right.decode()
        rows, rank = left.shape
        blocks = torch.bmm(left.view(self.groups, rows // self.groups, rank), right.view(self.groups, rank, -1))
        return blocks.view(rows, -1)

    def layout(self, kept: Survey | None = None) -> Layout:
        """Type and shape of each tensor, without making them."""
        return _all_named({name: part.layout() for name, part in self.factors.items()})

    def tensors(self, mask: Tensor | None = None) -> dict[str, Tensor]:
        """The tensors as they are written."""
        return _all_named({name: part.tensors() for name, part in self.factors.items()})

    def information(self, kept: Survey | None = None) -> float:
        """Shannon's bound for what is stored, in bits in total."""
        return self.left.information() + self.right.information()

    def form(self) -> Form:
        """What a reader needs beside the tensors, as JSON."""
        return {"kind": "low_rank", "groups": self.groups, "left": self.left.form(), "right": self.right.form()}


@dataclass(frozen=True, eq=False)
class Tucker:
    """left (out, r_out) times core (groups * r_out, r_in * kernel) times right (groups * r_in, in), group by group.

    kernel: positions of the convolution's kernel.
    """

    left: Stored
    core: Stored
    right: Stored
    groups: int
    kernel: int

    @property
    def factors(self) -> dict[str, Stored]:
        """The three stored matrices."""
        return {"left": self.left, "core": self.core, "right": self.right}

    @property
    def shape(self) -> tuple[int, int]:
        """(out, in * kernel) of the product."""
        return shape_of(self.left)[0], shape_of(self.right)[1] * self.kernel

    def decode(self) -> Tensor:
        """The (out, in) float32 matrix."""
        left, core, right = (factor.decode() for factor in self.factors.values())
        rank = left.shape[1]
        split = core.view(self.groups, rank, -1, self.kernel)
        wide = torch.einsum("gabk,gbi->gaik", split, right.view(self.groups, split.shape[2], -1))
        blocks = torch.bmm(left.view(self.groups, -1, rank), wide.reshape(self.groups, rank, -1))
        return blocks.view(len(left), -1)

    def layout(self, kept: Survey | None = None) -> Layout:
        """Type and shape of each tensor, without making them."""
        return _all_named({name: part.layout() for name, part in self.factors.items()})

    def tensors(self, mask: Tensor | None = None) -> dict[str, Tensor]:
        """The tensors as they are written."""
        return _all_named({name: part.tensors() for name, part in self.factors.items()})

    def information(self, kept: Survey | None = None) -> float:
        """Shannon's bound for what is stored, in bits in total."""
        return sum(factor.information() for factor in self.factors.values())

    def form(self) -> Form:
        """What a reader needs beside the tensors, as JSON."""
        factors = {name: factor.form() for name, factor in self.factors.items()}
        return {"kind": "tucker", "groups": self.groups, "kernel": self.kernel, **factors}


def leaves(encoded: Encoded) -> tuple[Stored, ...]:
    """The matrices that are really stored: the factors of a product, otherwise the matrix itself."""
    held = bare(encoded)
    return tuple(held.factors.values()) if isinstance(held, Factored) else (held,)


def stored_values(encoded: Encoded) -> int:
    """How many numbers the form stands for: the weights, or the entries of all factors."""
    return sum(shape_of(leaf)[0] * shape_of(leaf)[1] for leaf in leaves(encoded))


def removed_values(encoded: Encoded) -> int:
    """How many of those numbers a mask removes, or lie at rows and columns that are not kept."""
    masks = [leaf for leaf in leaves(encoded) if isinstance(leaf, Sparse | Kept)]
    return sum(math.prod(shape_of(leaf)) - leaf.survivors for leaf in masks)


def keeps_to(found: Encoded, asked: Encoded) -> bool:
    """Whether a form stores its values as another does, and no more of them; which ones does not matter."""
    return _kinds(found.form()) == _kinds(asked.form()) and removed_values(found) >= removed_values(asked)


def _kinds(form: Form) -> Form:
    """What a form says of how values are stored, without which of them are and how many."""
    if form["kind"] in ("sparse", "kept"):
        return _kinds(form["values"])
    inner = {key: _kinds(value) if isinstance(value, dict) else value for key, value in form.items()}
    return {key: value for key, value in inner.items() if key not in ("rows", "columns", "block")}


def shape_of(leaf: Encoded) -> tuple[int, int]:
    """(out, in) of what a form decodes to, without decoding it."""
    matrix = bare(leaf)
    if isinstance(matrix, Factored | Kept):
        return matrix.shape
    held = matrix.values if isinstance(matrix, Sparse) else matrix
    return tuple((held.codes if isinstance(held, Coded) else held.values).shape)


def _all_named(parts: dict[str, dict]) -> dict:
    """The parts of all factors of a product, each under its factor's name."""
    return {f"{factor}.{name}": part for factor, own in parts.items() for name, part in own.items()}
