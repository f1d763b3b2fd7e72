"""The forms a compressed matrix can take: each is a value that decodes itself and counts its own bits."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from core.entropy import entropy

FLOAT_BITS = 32
BYTES = {"F32": 4, "I32": 4, "U8": 1}
Layout = dict[str, tuple[str, tuple[int, ...]]]  # stored tensor -> its safetensors type and shape
Form = dict[str, "str | int | Form"]


class Encoded(Protocol):
    """A stored (out, in) matrix.

    `mask` in `tensors` and `information` is the survivors' mask of an enclosing `Sparse`, (out, in) bool, and `kept` in
    `layout` their number; None where every weight is stored.
    """

    def decode(self) -> Tensor:
        """The (out, in) float32 matrix that the stored tensors stand for."""

    def layout(self, kept: int | None = None) -> Layout:
        """Type and shape of each tensor that `tensors` returns, without making them."""

    def tensors(self, mask: Tensor | None = None) -> dict[str, Tensor]:
        """The tensors as the exporter writes them."""

    def information(self, mask: Tensor | None = None) -> float:
        """Shannon's bound for the codes, in bits in total; an uncoded float32 counts its 32 bits."""

    def form(self) -> Form:
        """What a reader needs beside the tensors, as JSON."""


@runtime_checkable
class Factored(Protocol):
    """An encoded matrix that is a product: of `factors`, by name; `shape` is that of what it decodes to."""

    factors: "dict[str, Dense | Affine | Sparse]"
    shape: tuple[int, int]


def bits(encoded: Encoded) -> int:
    """Bits of the tensors that the exporter writes for this matrix."""
    return sum(8 * BYTES[kind] * math.prod(shape) for kind, shape in encoded.layout().values())


@dataclass(frozen=True, eq=False)
class Dense:
    """Float32 values as they are, (out, in)."""

    values: Tensor

    def decode(self) -> Tensor:
        return self.values

    def layout(self, kept: int | None = None) -> Layout:
        return {"values": ("F32", tuple(self.values.shape) if kept is None else (kept,))}

    def tensors(self, mask: Tensor | None = None) -> dict[str, Tensor]:
        return {"values": self.values.contiguous() if mask is None else self.values[mask]}

    def information(self, mask: Tensor | None = None) -> float:
        return (self.values.numel() if mask is None else count_kept(mask)) * FLOAT_BITS

    def form(self) -> Form:
        return {"kind": "dense", "rows": self.values.shape[0], "columns": self.values.shape[1]}


@dataclass(frozen=True, eq=False)
class Affine:
    """Whole-number codes on an even grid: value = (code - zero) * scale + offset. Without offset, `zero` decodes to 0.

    codes: uint8 (out, in), below 2^width. scale: float32 (1 or out, blocks). offset: like scale, or None for 0.
    block: columns that share a scale.
    """

    codes: Tensor
    scale: Tensor
    offset: Tensor | None
    zero: int
    width: int
    block: int

    def decode(self) -> Tensor:
        columns = self.codes.shape[1]
        values = self.codes.float()
        if self.zero:
            values.sub_(self.zero)
        values.mul_(spread(self.scale, columns, self.block))
        return values if self.offset is None else values.add_(spread(self.offset, columns, self.block))

    def layout(self, kept: int | None = None) -> Layout:
        count = self.codes.numel() if kept is None else kept
        found: Layout = {
            "codes": ("U8", (_packed_bytes(count, self.width),)),
            "scale": ("F32", tuple(self.scale.shape)),
        }
        if self.offset is not None:
            found["offset"] = ("F32", tuple(self.offset.shape))
        return found

    def tensors(self, mask: Tensor | None = None) -> dict[str, Tensor]:
        codes = self.codes.flatten() if mask is None else self.codes[mask]
        found = {"codes": pack(codes, self.width), "scale": self.scale.contiguous()}
        if self.offset is not None:
            found["offset"] = self.offset.contiguous()
        return found

    def information(self, mask: Tensor | None = None) -> float:
        return self.codes.numel() * entropy(code_counts(self, mask))

    def form(self) -> Form:
        rows, columns = self.codes.shape
        return {
            "kind": "affine",
            "rows": rows,
            "columns": columns,
            "zero": self.zero,
            "width": self.width,
            "block": self.block,
        }


@dataclass(frozen=True, eq=False)
class Sparse:
    """Survivors of a mask, stored as `values` stores them; the rest is 0. mask: bool (out, in), True survives.

    The mask costs a bit a weight, or 32 bits for each position of its rarer side where that is less.
    """

    mask: Tensor
    values: Dense | Affine

    @cached_property
    def survivors(self) -> int:
        """How many weights the mask keeps."""
        return count_kept(self.mask)

    def decode(self) -> Tensor:
        values = self.values.decode()
        if isinstance(self.values, Affine) and self.values.offset is None:
            return values  # the coders give removed weights the code of 0
        return masked(values, self.mask)

    def layout(self, kept: int | None = None) -> Layout:
        count = self.mask.numel()
        rarer = min(self.survivors, count - self.survivors)
        by_position = rarer * 4 < _packed_bytes(count, 1)
        stored = {"positions": ("I32", (rarer,))} if by_position else {"mask": ("U8", (_packed_bytes(count, 1),))}
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
        if isinstance(self.values, Affine):
            return self.values.information(self.mask)
        sides = np.array([self.survivors, self.mask.numel() - self.survivors])
        return self.survivors * FLOAT_BITS + self.mask.numel() * entropy(sides)

    def form(self) -> Form:
        return {"kind": "sparse", "survivors": self.survivors, "values": self.values.form()}


@dataclass(frozen=True, eq=False)
class LowRank:
    """A product of two stored factors, block by block: left (out, rank) times right (groups * rank, in)."""

    left: Dense | Affine | Sparse
    right: Dense | Affine | Sparse
    groups: int

    @property
    def factors(self) -> "dict[str, Dense | Affine | Sparse]":
        """The two stored matrices."""
        return {"left": self.left, "right": self.right}

    @property
    def shape(self) -> tuple[int, int]:
        """(out, in) of the product."""
        return shape_of(self.left)[0], shape_of(self.right)[1]

    def decode(self) -> Tensor:
        left, right = self.left.decode(), self.right.decode()
        rows, rank = left.shape
        blocks = torch.bmm(left.view(self.groups, rows // self.groups, rank), right.view(self.groups, rank, -1))
        return blocks.view(rows, -1)

    def layout(self, kept: int | None = None) -> Layout:
        return named("left", self.left.layout()) | named("right", self.right.layout())

    def tensors(self, mask: Tensor | None = None) -> dict[str, Tensor]:
        return named("left", self.left.tensors()) | named("right", self.right.tensors())

    def information(self, mask: Tensor | None = None) -> float:
        return self.left.information() + self.right.information()

    def form(self) -> Form:
        return {"kind": "low_rank", "groups": self.groups, "left": self.left.form(), "right": self.right.form()}


def leaves(encoded: Encoded) -> tuple[Dense | Affine | Sparse, ...]:
    """The matrices that are really stored: the factors of a product, otherwise the matrix itself."""
    return tuple(encoded.factors.values()) if isinstance(encoded, Factored) else (encoded,)


def stored_values(encoded: Encoded) -> int:
    """How many numbers the form stands for: the weights, or the entries of all factors."""
    return sum(shape_of(leaf)[0] * shape_of(leaf)[1] for leaf in leaves(encoded))


def removed_values(encoded: Encoded) -> int:
    """How many of those numbers a mask removes."""
    return sum(leaf.mask.numel() - leaf.survivors for leaf in leaves(encoded) if isinstance(leaf, Sparse))


def shape_of(leaf: Encoded) -> tuple[int, int]:
    """(out, in) of what a form decodes to, without decoding it."""
    if isinstance(leaf, Factored):
        return leaf.shape
    held = leaf.values if isinstance(leaf, Sparse) else leaf
    return tuple((held.codes if isinstance(held, Affine) else held.values).shape)


def code_counts(coded: Affine, mask: Tensor | None) -> np.ndarray:
    """How often each code is stored; removed weights count as the code of 0, or last where no code means 0."""
    size = 2**coded.width
    if mask is None or coded.offset is None:  # the coders give removed weights the code of 0
        return _bincount(coded.codes.numpy().ravel(), size)
    kept = _bincount(coded.codes[mask].numpy(), size)
    return np.append(kept, mask.numel() - kept.sum())


def _bincount(codes: np.ndarray, size: int) -> np.ndarray:
    """numpy.bincount of uint8 codes below `size`, two at a time, which takes half as long."""
    even = codes.size // 2 * 2
    pairs = np.bincount(codes[:even].view(np.uint16), minlength=65536).reshape(256, 256)
    return (pairs.sum(0) + pairs.sum(1) + np.bincount(codes[even:], minlength=256))[:size]


def pack(codes: Tensor, width: int) -> Tensor:
    """Codes below 2^width, (n,) uint8, as ceil(n * width / 8) bytes, lowest bit first."""
    planes = np.unpackbits(codes.numpy()[:, None], axis=1, bitorder="little", count=width)
    return torch.from_numpy(np.packbits(planes, bitorder="little"))


def unpack(packed: Tensor, width: int, count: int) -> Tensor:
    """The `count` codes that `pack` packed, (count,) uint8; ValueError where there are more or fewer."""
    if packed.numel() != _packed_bytes(count, width):
        raise ValueError(f"{packed.numel()} bytes of codes, expected {_packed_bytes(count, width)}")
    planes = np.unpackbits(packed.numpy(), count=count * width, bitorder="little").reshape(count, width)
    return torch.from_numpy(np.packbits(planes, axis=1, bitorder="little")[:, 0].copy())


def spread(scale: Tensor, columns: int, block: int) -> Tensor:
    """A scale for each block, (rows, blocks), as one that multiplies a (rows, columns) matrix."""
    return scale if scale.shape[1] == 1 else scale.repeat_interleave(block, 1)[:, :columns]


def named(side: str, parts: dict) -> dict:
    """The parts of one factor of a product, under its name."""
    return {f"{side}.{name}": part for name, part in parts.items()}


def masked(values: Tensor, mask: Tensor) -> Tensor:
    """The values where the mask is True, 0 elsewhere; numpy takes a third of torch's time for it."""
    return torch.from_numpy(values.numpy() * mask.numpy())


def count_kept(mask: Tensor) -> int:
    """How many weights a mask keeps."""
    return int(np.count_nonzero(mask.numpy()))


def _packed_bytes(count: int, width: int) -> int:
    return (count * width + 7) // 8
