"""What every encoded form can do, and the form that stores float32 values as they are."""

import math
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from core.encoding.packing import count_kept

FLOAT_BITS = 32
BYTES = {"F32": 4, "I32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "U8": 1}
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
