"""The form that keeps the survivors of a mask, in any form of their own."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from core.encoding.codes import Coded
from core.encoding.forms import ANS, FLOAT_BITS, Dense, Form, Layout, Survey
from core.encoding.masks import plan_mask, write_mask
from core.encoding.packing import count_kept, masked, pack, packed_bytes
from core.encoding.streams import Plan
from core.entropy import entropy

Marks = dict[str, Tensor]  # stored tensor -> the bools that it holds, (n,): the same ones are written as the same bytes


@dataclass(frozen=True, eq=False)
class Sparse:
    """Survivors of a mask, stored as `values` stores them; the rest is 0. mask: bool (out, in), True survives.

    The mask is stored as a bit a weight, as 32 bits for each position of its rarer side, or entropy coded: the least.
    """

    mask: Tensor
    values: Dense | Coded

    @cached_property
    def survivors(self) -> int:
        """How many weights the mask keeps."""
        return count_kept(self.mask)

    @cached_property
    def kept(self) -> Survey:
        """What is counted of the survivors."""
        return self.values.survey(self.mask)

    @cached_property
    def mask_stream(self) -> Plan:
        """The entropy-coded stream of the mask."""
        return plan_mask(self.mask.numpy())

    @property
    def rarer(self) -> int:
        """How many weights the rarer side of the mask has."""
        return min(self.survivors, self.mask.numel() - self.survivors)

    def marks(self) -> Marks:
        """The bits of a row's mask by the name it is written under, where that is not as positions."""
        if len(self.mask) != 1:
            return {}
        name = next(iter(self.layout()))
        return {} if name == "positions" else {name: self.mask[0]}

    def decode(self) -> Tensor:
        """The (out, in) float32 matrix."""
        values = self.values.decode()
        if isinstance(self.values, Coded) and self.values.zero_is_a_code:
            return values
        return masked(values, self.mask)

    def layout(self, kept: Survey | None = None) -> Layout:
        """Type and shape of each tensor, without making them."""
        packed = packed_bytes(self.mask.numel(), 1)
        ways = [(packed, "mask", "U8", packed), (4 * self.rarer, "positions", "I32", self.rarer)]
        if self.rarer:
            ways.append((self.mask_stream.size, "mask" + ANS, "U8", self.mask_stream.size))
        _, name, kind, length = min(ways, key=lambda way: way[0])
        return {name: (kind, (length,))} | self.values.layout(self.kept)

    def tensors(self, mask: Tensor | None = None) -> dict[str, Tensor]:
        """The tensors as they are written."""
        flat = self.mask.flatten()
        name = next(iter(self.layout()))
        if name == "positions":
            rarer = flat if 2 * self.survivors <= flat.numel() else ~flat
            stored = rarer.nonzero().flatten().int()
        elif name == "mask":
            stored = pack(flat.to(torch.uint8), 1)
        else:
            stored = write_mask(self.mask_stream, self.mask.numpy())
        return {name: stored} | self.values.tensors(self.mask)

    def information(self, kept: Survey | None = None) -> float:
        """Shannon's bound for what is stored, in bits in total."""
        if isinstance(self.values, Coded):
            return self.values.information(self.kept)
        sides = np.array([self.survivors, self.mask.numel() - self.survivors])
        return self.survivors * FLOAT_BITS + self.mask.numel() * entropy(sides)

    def form(self) -> Form:
        """What a reader needs beside the tensors, as JSON."""
        return {"kind": "sparse", "survivors": self.survivors, "values": self.values.form()}


Stored = Dense | Coded | Sparse
