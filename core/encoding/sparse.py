"""The form that keeps the survivors of a mask, in any form of their own."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from core.encoding.codes import Coded
from core.encoding.forms import FLOAT_BITS, Dense, Form, Layout
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
