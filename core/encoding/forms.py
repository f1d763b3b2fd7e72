"""What every encoded form can do, and the form that stores float32 values as they are."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from core.encoding.packing import count_kept
from core.encoding.streams import Plan

FLOAT_BITS = 32
ANS = "_ans"  # ends the name of an entropy-coded tensor
BYTES = {"F32": 4, "I32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "U8": 1}
FLOATS = {torch.float16: "F16", torch.bfloat16: "BF16", torch.float8_e4m3fn: "F8_E4M3"}
Layout = dict[str, tuple[str, tuple[int, ...]]]  # stored tensor -> its safetensors type and shape
Form = dict[str, "str | int | Form"]


@dataclass(frozen=True, eq=False)
class Survey:
    """What is counted of the values that are stored: how many, how often each code, the entropy-coded stream of them.

    counts: None where values are no codes. stream: None where none is worth a try.
    """

    count: int
    counts: np.ndarray | None = None
    stream: Plan | None = None


class Encoded(Protocol):
    """A stored (out, in) matrix.

    `mask` in `tensors` is the survivors' mask of an enclosing `Sparse`, (out, in) bool, and `kept` what `survey` counts
    of them; None where every weight is stored.
    """

    def decode(self) -> Tensor:
        """The (out, in) float32 matrix that the stored tensors stand for."""

    def layout(self, kept: Survey | None = None) -> Layout:
        """Type and shape of each tensor that `tensors` returns, without making them."""

    def tensors(self, mask: Tensor | None = None) -> dict[str, Tensor]:
        """The tensors as the exporter writes them."""

    def information(self, kept: Survey | None = None) -> float:
        """Shannon's bound for the codes, in bits in total; an uncoded float32 counts its 32 bits."""

    def form(self) -> Form:
        """What a reader needs beside the tensors, as JSON."""


def bits(encoded: Encoded) -> int:
    """Bits of the tensors that the exporter writes for this matrix."""
    return sum(8 * BYTES[kind] * math.prod(shape) for kind, shape in encoded.layout().values())


@dataclass(frozen=True, eq=False)
class Dense:
    """Float32 values as they are, (out, in)."""

    values: Tensor

    def decode(self) -> Tensor:
        """The (out, in) float32 matrix."""
        return self.values

    def survey(self, mask: Tensor) -> Survey:
        """What is counted of the values that the mask keeps."""
        return Survey(count_kept(mask))

    def layout(self, kept: Survey | None = None) -> Layout:
        """Type and shape of each tensor, without making them."""
        return {"values": ("F32", tuple(self.values.shape) if kept is None else (kept.count,))}

    def tensors(self, mask: Tensor | None = None) -> dict[str, Tensor]:
        """The tensors as they are written."""
        return {"values": self.values.contiguous() if mask is None else self.values[mask]}

    def information(self, kept: Survey | None = None) -> float:
        """Shannon's bound for what is stored, in bits in total."""
        return (self.values.numel() if kept is None else kept.count) * FLOAT_BITS

    def form(self) -> Form:
        """What a reader needs beside the tensors, as JSON."""
        return {"kind": "dense", "rows": self.values.shape[0], "columns": self.values.shape[1]}


def meaning(part: str) -> str:
    """The name of a stored tensor without how it is stored: a mask may be bits, positions or a stream."""
    before, dot, name = part.removesuffix(ANS).rpartition(".")
    return before + dot + ("mask" if name == "positions" else name)
