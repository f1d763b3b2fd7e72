"""The form of a convolution stored as three: two that mix channels around a small one."""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.encoding import Affine, Dense, Form, Layout, Sparse, named, shape_of


@dataclass(frozen=True, eq=False)
class Tucker:
    """left (out, r_out) times core (groups * r_out, r_in * kernel) times right (groups * r_in, in), group by group.

    kernel: positions of the convolution's kernel.
    """

    left: Dense | Affine | Sparse
    core: Dense | Affine | Sparse
    right: Dense | Affine | Sparse
    groups: int
    kernel: int

    @property
    def factors(self) -> dict[str, Dense | Affine | Sparse]:
        """The three stored matrices."""
        return {"left": self.left, "core": self.core, "right": self.right}

    @property
    def shape(self) -> tuple[int, int]:
        """(out, in * kernel) of the product."""
        return shape_of(self.left)[0], shape_of(self.right)[1] * self.kernel

    def decode(self) -> Tensor:
        left, core, right = (factor.decode() for factor in self.factors.values())
        rank = left.shape[1]
        split = core.view(self.groups, rank, -1, self.kernel)
        wide = torch.einsum("gabk,gbi->gaik", split, right.view(self.groups, split.shape[2], -1))
        blocks = torch.bmm(left.view(self.groups, -1, rank), wide.reshape(self.groups, rank, -1))
        return blocks.view(len(left), -1)

    def layout(self, kept: int | None = None) -> Layout:
        return {k: v for name, part in self.factors.items() for k, v in named(name, part.layout()).items()}

    def tensors(self, mask: Tensor | None = None) -> dict[str, Tensor]:
        return {k: v for name, part in self.factors.items() for k, v in named(name, part.tensors()).items()}

    def information(self, mask: Tensor | None = None) -> float:
        return sum(factor.information() for factor in self.factors.values())

    def form(self) -> Form:
        factors = {name: factor.form() for name, factor in self.factors.items()}
        return {"kind": "tucker", "groups": self.groups, "kernel": self.kernel, **factors}
