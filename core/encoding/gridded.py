"""The form of a layer that takes its inputs on an integer grid."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from core.encoding.forms import Encoded, Form, Layout, Survey


class Grid(NamedTuple):
    """Codes 0 to 2^bits - 1 that stand for (code - zero) * scale: 0 is one of them. scale: a float32, over 0."""

    scale: float
    zero: int
    bits: int


@dataclass(frozen=True, eq=False)
class Gridded:
    """A stored matrix, and the grid that the inputs which multiply it are rounded to."""

    matrix: Encoded
    inputs: Grid

    def decode(self) -> Tensor:
        """The (out, in) float32 matrix."""
        return self.matrix.decode()

    def layout(self, kept: Survey | None = None) -> Layout:
        """Type and shape of each tensor, without making them."""
        return self.matrix.layout() | {SCALE: ("F32", (1,)), ZERO: ("I32", (1,))}

    def tensors(self, mask: Tensor | None = None) -> dict[str, Tensor]:
        """The tensors as they are written."""
        scale, zero = torch.tensor([self.inputs.scale]), torch.tensor([self.inputs.zero], dtype=torch.int32)
        return self.matrix.tensors() | {SCALE: scale, ZERO: zero}

    def information(self, kept: Survey | None = None) -> float:
        """Shannon's bound for what is stored, in bits in total."""
        return self.matrix.information()

    def form(self) -> Form:
        """What a reader needs beside the tensors, as JSON."""
        return {"kind": "gridded", "inputs_bits": self.inputs.bits, "matrix": self.matrix.form()}


def bare(encoded: Encoded) -> Encoded:
    """The form of the matrix alone."""
    return encoded.matrix if isinstance(encoded, Gridded) else encoded


SCALE, ZERO = "inputs.scale", "inputs.zero"
