"""The form that keeps some rows and columns of a matrix; the rest of it is 0 and is not stored."""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from core.encoding.codes import Affine, Codebook, Coded, Rounded
from core.encoding.forms import ANS, Dense, Encoded, Form, Layout, Survey
from core.encoding.masks import plan_mask, write_mask
from core.encoding.packing import count_kept, pack, packed_bytes
from core.encoding.sparse import Marks, Sparse, Stored
from core.encoding.streams import Plan


@dataclass(frozen=True, eq=False)
class Kept:
    """A smaller matrix in any stored form, at the rows and columns that stay. rows: bool (out,), columns: bool (in,).

    Each side costs a bit a row or column, or a bit for each `run` of so many columns that stay or go together, or the
    entropy-coded stream of these bits where that is smaller; and nothing where all of them stay.
    """

    rows: Tensor
    columns: Tensor
    values: Stored

    @property
    def sides(self) -> dict[str, Tensor]:
        """The sides that have lost something."""
        return {name: side for name, side in (("rows", self.rows), ("columns", self.columns)) if not side.all()}

    @cached_property
    def run(self) -> int:
        """Into how many columns each that is stored spreads: the most that tell the columns that stay."""
        steps = [step for step in range(1, MOST_RUN + 1) if len(self.columns) % step == 0]
        runs = (step for step in reversed(steps) if bool((self._first(step) == self.columns).all()))
        return next(runs)

    def _first(self, step: int) -> Tensor:
        """The columns, if each were as the first of its run of `step`."""
        return self.columns[::step].repeat_interleave(step)

    @cached_property
    def _bits(self) -> dict[str, tuple[Tensor, Plan | None]]:
        """Of each side by the name it is written under: its bits, and their stream where that is smaller."""
        sides = {name: side[:: self.run] if name == "columns" else side for name, side in self.sides.items()}
        found = {name: (bits, _smaller(bits)) for name, bits in sides.items()}
        return {name + ANS if plan else name: (bits, plan) for name, (bits, plan) in found.items()}

    def marks(self) -> Marks:
        """The bits of each stored side by the name it is written under."""
        return {name: bits for name, (bits, _) in self._bits.items()}

    @property
    def shape(self) -> tuple[int, int]:
        """(out, in) of what it decodes to."""
        return len(self.rows), len(self.columns)

    @property
    def survivors(self) -> int:
        """How many weights are left."""
        if isinstance(self.values, Sparse):
            return self.values.survivors
        return count_kept(self.rows) * count_kept(self.columns)

    def decode(self) -> Tensor:
        """The (out, in) float32 matrix."""
        whole = torch.zeros(self.shape)
        whole[self.rows.nonzero(), self.columns.nonzero().flatten()] = self.values.decode()
        return whole

    def layout(self, kept: Survey | None = None) -> Layout:
        """Type and shape of each tensor, without making them."""
        sides = {
            name: ("U8", (plan.size if plan else packed_bytes(len(bits), 1),))
            for name, (bits, plan) in self._bits.items()
        }
        return sides | self.values.layout()

    def tensors(self, mask: Tensor | None = None) -> dict[str, Tensor]:
        """The tensors as they are written."""
        sides = {
            name: write_mask(plan, bits.numpy()[None]) if plan else pack(bits.to(torch.uint8), 1)
            for name, (bits, plan) in self._bits.items()
        }
        return sides | self.values.tensors()

    def information(self, kept: Survey | None = None) -> float:
        """Shannon's bound for what is stored, in bits in total."""
        return self.values.information()

    def form(self) -> Form:
        """What a reader needs beside the tensors, as JSON."""
        return {
            "kind": "kept",
            "rows": len(self.rows),
            "columns": len(self.columns),
            "run": self.run,
            "values": self.values.form(),
        }


def _smaller(bits: Tensor) -> Plan | None:
    """The stream of the bits where it takes fewer bytes than they do."""
    plan = plan_mask(bits.numpy()[None]) if bits.any() else None
    return plan if plan and plan.size < packed_bytes(len(bits), 1) else None


def narrowed(stored: Stored, rows: Tensor, columns: Tensor) -> Encoded:
    """The form without the rows and columns that do not stay, which then decode to 0; what stays decodes as before.

    rows: bool (out,), columns: bool (in,). Where columns share scales in blocks, a block stays whole in the file and a
    mask removes its other columns.
    """
    if bool(rows.all() and columns.all()):
        return stored
    values = stored.values if isinstance(stored, Sparse) else stored
    held = _whole_blocks(values, columns)
    stays = columns[held].expand(count_kept(rows), -1)
    if isinstance(stored, Sparse):
        stays = stays & stored.mask[rows][:, held]
    part = _dense(values, rows, held) if isinstance(values, Dense) else _coded(values, rows, held)
    if bool(stays.all()):
        return Kept(rows, held, part)
    if isinstance(part, Coded) and part.zero_is_a_code:
        part = replace(part, codes=part.codes.masked_fill(~stays, part.zero))
    return Kept(rows, held, Sparse(stays.contiguous(), part))


def _whole_blocks(values: Dense | Coded, columns: Tensor) -> Tensor:
    """The columns that stay, with all others of their blocks where there are several."""
    if isinstance(values, Dense) or values.scale is None or values.scale.shape[1] == 1:
        return columns
    starts = torch.arange(len(columns)) // values.block
    return torch.zeros(values.scale.shape[1], dtype=torch.bool).index_put((starts[columns],), torch.tensor(True))[
        starts
    ]


def _dense(values: Dense, rows: Tensor, columns: Tensor) -> Dense:
    return Dense(values.values[rows][:, columns].contiguous())


def _coded(values: Coded, rows: Tensor, columns: Tensor) -> Coded:
    """Codes, scales, offsets and levels of the rows and columns that stay."""
    codes = values.codes[rows][:, columns].contiguous()
    parts = {name: part for name in OF_ROWS[type(values)] if (part := getattr(values, name)) is not None}
    own = {name: part if len(part) == 1 else part[rows] for name, part in parts.items()}
    if values.scale is None or values.scale.shape[1] == 1:
        return replace(values, codes=codes, block=max(1, codes.shape[1]), **own)
    blocks = columns[:: values.block]  # of a block all columns stay or none
    scaled = {name: part[:, blocks] if name != "levels" else part for name, part in own.items()}
    return replace(values, codes=codes, block=min(values.block, codes.shape[1]), **scaled)


MOST_RUN = 255  # such as the pixels of a channel
OF_ROWS = {Affine: ("scale", "offset"), Codebook: ("levels", "scale"), Rounded: ("scale",)}
