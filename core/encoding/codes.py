"""Forms of a code a weight: on an even grid, into a codebook, or a float of fewer bits that is its own code.

Beside what every form can do, each finds its codes for other values (`nearest`) and decodes some columns (`at`):
`decode()` is `at(codes, 0)`, so a sweep over columns can round each to the form's own grid. Both take the `first` of
the columns that they are given.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from core.clustering import boundaries
from core.encoding.forms import FLOATS, Form, Layout, Survey
from core.encoding.packing import packed_bytes, passed, spread, taken
from core.encoding.survey import code_layout, code_tensor, surveyed
from core.entropy import entropy


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

    precision = "float32"

    @property
    def zero_is_a_code(self) -> bool:
        """Whether a code decodes to exactly 0 and removed weights have it."""
        return self.offset is None

    def finite(self) -> bool:
        """Whether its scales could be held."""
        return bool(torch.isfinite(self.scale).all())

    def symbols(self) -> tuple[Tensor, int]:
        """What an entropy coder would see, (out, in) of whole numbers, and how many different ones there can be."""
        return self.codes, 2**self.width

    def decode(self) -> Tensor:
        """The (out, in) float32 matrix."""
        return self.at(self.codes, 0)

    def at(self, codes: Tensor, first: int) -> Tensor:
        """The values of codes, (out, n), for the columns from `first` on."""
        columns = codes.shape[1]
        values = codes.float()
        if self.zero:
            values.sub_(self.zero)
        values.mul_(spread(self.scale, columns, self.block, first))
        return values if self.offset is None else values.add_(spread(self.offset, columns, self.block, first))

    def nearest(self, values: Tensor, first: int) -> Tensor:
        """The codes of values, (out, n), for the columns from `first` on."""
        columns = values.shape[1]
        scale = spread(self.scale, columns, self.block, first)
        if self.offset is None:
            codes = (values / scale).round_().add_(self.zero)
        else:
            codes = (values - spread(self.offset, columns, self.block, first)).div_(scale).round_()
        return codes.clamp_(0, 2 * self.zero or 2**self.width - 1).to(torch.uint8)

    def survey(self, mask: Tensor) -> Survey:
        """What is counted of the codes that the mask keeps."""
        return surveyed(*self.symbols(), mask)

    @cached_property
    def whole(self) -> Survey:
        """What is counted of all codes."""
        return surveyed(*self.symbols(), None)

    def plain(self, kept: Survey) -> tuple[str, str, tuple[int, ...]]:
        """Name, type and shape of the codes where no stream is smaller."""
        return "codes", "U8", (packed_bytes(kept.count, self.width),)

    def layout(self, kept: Survey | None = None) -> Layout:
        """Type and shape of each tensor, without making them."""
        return code_layout(self, kept) | _float_layout({"scale": self.scale, "offset": self.offset})

    def tensors(self, mask: Tensor | None = None) -> dict[str, Tensor]:
        """The tensors as they are written."""
        return code_tensor(self, mask) | _floats({"scale": self.scale, "offset": self.offset})

    def information(self, kept: Survey | None = None) -> float:
        """Shannon's bound for what is stored, in bits in total."""
        return self.codes.numel() * entropy(code_counts(self, kept or self.whole))

    def form(self) -> Form:
        """What a reader needs beside the tensors, as JSON."""
        return _said("affine", self, zero=self.zero, width=self.width)


@dataclass(frozen=True, eq=False)
class Codebook:
    """Codes that name a level: value = levels[row, code], times the block's scale where there is one.

    codes: uint8 (out, in). levels: float32 (1 or out, up to 2^width), ascending, repeated ones at a row's end.
    scale: float32 (1 or out, blocks), or None for 1. block: columns that share a scale.
    """

    codes: Tensor
    levels: Tensor
    scale: Tensor | None
    width: int
    block: int

    precision = "float32"
    zero_is_a_code = False

    def finite(self) -> bool:
        """Whether its levels and scales could be held."""
        parts = [self.levels] if self.scale is None else [self.levels, self.scale]
        return all(bool(torch.isfinite(part).all()) for part in parts)

    def symbols(self) -> tuple[Tensor, int]:
        """What an entropy coder would see, (out, in) of whole numbers, and how many different ones there can be."""
        return self.codes, 2**self.width

    def decode(self) -> Tensor:
        """The (out, in) float32 matrix."""
        return self.at(self.codes, 0)

    def at(self, codes: Tensor, first: int) -> Tensor:
        """The values of codes, (out, n), for the columns from `first` on."""
        rows, size = self.levels.shape
        starts = np.arange(rows)[:, None] * size
        levels = self.levels.numpy().ravel()
        values = torch.from_numpy(taken(levels, codes.numpy()) if rows == 1 else levels.take(codes.numpy() + starts))
        return values if self.scale is None else values.mul_(spread(self.scale, codes.shape[1], self.block, first))

    def nearest(self, values: Tensor, first: int) -> Tensor:
        """The codes of values, (out, n), for the columns from `first` on; a tie goes to the lower level."""
        if self.scale is not None:
            values = values / spread(self.scale, values.shape[1], self.block, first)
        return torch.from_numpy(passed(values.numpy(), boundaries(self.levels.numpy())))

    def survey(self, mask: Tensor) -> Survey:
        """What is counted of the codes that the mask keeps."""
        return surveyed(*self.symbols(), mask)

    @cached_property
    def whole(self) -> Survey:
        """What is counted of all codes."""
        return surveyed(*self.symbols(), None)

    def plain(self, kept: Survey) -> tuple[str, str, tuple[int, ...]]:
        """Name, type and shape of the codes where no stream is smaller."""
        return "codes", "U8", (packed_bytes(kept.count, self.width),)

    def layout(self, kept: Survey | None = None) -> Layout:
        """Type and shape of each tensor, without making them."""
        return code_layout(self, kept) | _float_layout({"levels": _short(self.levels), "scale": self.scale})

    def tensors(self, mask: Tensor | None = None) -> dict[str, Tensor]:
        """The tensors as they are written."""
        return code_tensor(self, mask) | _floats({"levels": _short(self.levels), "scale": self.scale})

    def information(self, kept: Survey | None = None) -> float:
        """Shannon's bound for what is stored, in bits in total."""
        return self.codes.numel() * entropy(code_counts(self, kept or self.whole))

    def form(self) -> Form:
        """What a reader needs beside the tensors, as JSON."""
        return _said("codebook", self, width=self.width)


@dataclass(frozen=True, eq=False)
class Rounded:
    """Floats of 16 or 8 bits, which are their own codes: value = code, times the block's scale where there is one.

    codes: (out, in) of a type in FLOATS. scale: float32 (1 or out, blocks), or None for 1. block: columns that share a
    scale.
    """

    codes: Tensor
    scale: Tensor | None
    block: int

    zero_is_a_code = False

    @property
    def precision(self) -> str:
        """The type's name."""
        return str(self.codes.dtype).removeprefix("torch.").removesuffix("fn")

    def finite(self) -> bool:
        """Whether its values and scales could be held."""
        if self.scale is not None and not bool(torch.isfinite(self.scale * torch.finfo(self.codes.dtype).max).all()):
            return False
        sizes = self.symbols()[0].bitwise_and(2 ** (8 * self.codes.itemsize - 1) - 1)
        return int(sizes.numpy().max(initial=0)) < FIRST_INFINITE[self.codes.dtype]

    def symbols(self) -> tuple[Tensor, int]:
        """The bits of each value as a whole number, (out, in), and how many different ones there can be."""
        kind = torch.uint8 if self.codes.itemsize == 1 else torch.int16
        return self.codes.view(kind), 256**self.codes.itemsize

    def decode(self) -> Tensor:
        """The (out, in) float32 matrix."""
        return self.at(self.codes, 0)

    def at(self, codes: Tensor, first: int) -> Tensor:
        """The values of codes, (out, n), for the columns from `first` on."""
        values = torch.from_numpy(BYTE_VALUES.take(codes.view(torch.uint8))) if codes.itemsize == 1 else codes.float()
        return values if self.scale is None else values.mul_(spread(self.scale, codes.shape[1], self.block, first))

    def nearest(self, values: Tensor, first: int) -> Tensor:
        """The codes of values, (out, n), for the columns from `first` on."""
        if self.scale is None:
            return values.to(self.codes.dtype)
        most = torch.finfo(self.codes.dtype).max
        scaled = values / spread(self.scale, values.shape[1], self.block, first)
        return scaled.clamp_(-most, most).to(self.codes.dtype)

    def survey(self, mask: Tensor) -> Survey:
        """What is counted of the codes that the mask keeps."""
        return surveyed(*self.symbols(), mask)

    @cached_property
    def whole(self) -> Survey:
        """What is counted of all codes."""
        return surveyed(*self.symbols(), None)

    def plain(self, kept: Survey) -> tuple[str, str, tuple[int, ...]]:
        """Name, type and shape of the values where no stream is smaller."""
        return "values", FLOATS[self.codes.dtype], tuple(self.codes.shape) if kept is self.whole else (kept.count,)

    def layout(self, kept: Survey | None = None) -> Layout:
        """Type and shape of each tensor, without making them."""
        return code_layout(self, kept) | _float_layout({"scale": self.scale})

    def tensors(self, mask: Tensor | None = None) -> dict[str, Tensor]:
        """The tensors as they are written."""
        return code_tensor(self, mask) | _floats({"scale": self.scale})

    def information(self, kept: Survey | None = None) -> float:
        """Shannon's bound for what is stored, in bits in total."""
        return self.codes.numel() * entropy(code_counts(self, kept or self.whole))

    def form(self) -> Form:
        """What a reader needs beside the tensors, as JSON."""
        return _said("rounded", self)


Coded = Affine | Codebook | Rounded


def _said(kind: str, coded: Coded, **own: int) -> Form:
    """What a reader needs of codes; how many columns share a scale only where it is not all of them."""
    rows, columns = coded.codes.shape
    block = {} if coded.block == columns else {"block": coded.block}
    return {"kind": kind, "rows": rows, "columns": columns, **own, **block}


def _float_layout(parts: dict[str, Tensor | None]) -> Layout:
    """The layout of the float tensors beside the codes, of those that a form has."""
    return {
        name: (FLOATS.get(part.dtype, "F32"), tuple(part.shape)) for name, part in parts.items() if part is not None
    }


def _floats(parts: dict[str, Tensor | None]) -> dict[str, Tensor]:
    return {name: part.contiguous() for name, part in parts.items() if part is not None}


def _short(levels: Tensor) -> Tensor:
    """Levels in float16 where that holds each exactly."""
    half = levels.half()
    return half if torch.equal(half.float(), levels) else levels


def code_counts(coded: Coded, kept: Survey) -> np.ndarray:
    """How often each code is stored; removed weights count as the code of 0, or last where no code means 0."""
    removed = coded.codes.numel() - kept.count
    if not removed:
        return kept.counts
    if not coded.zero_is_a_code:
        return np.append(kept.counts, removed)
    return kept.counts + removed * (np.arange(len(kept.counts)) == coded.zero)


FIRST_INFINITE = {torch.float16: 0x7C00, torch.bfloat16: 0x7F80, torch.float8_e4m3fn: 0x7F}  # bits without the sign
BYTE_VALUES = torch.arange(256, dtype=torch.uint8).view(torch.float8_e4m3fn).float().numpy()
