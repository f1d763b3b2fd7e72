"""Where stored values lie in their matrix, and which of them share a scale."""

from typing import NamedTuple

import torch
from torch import Tensor


class Place(NamedTuple):
    """Where stored values lie: (rows, columns) of their matrix, and the flat positions of the (k,) that are stored,
    None for all in order."""

    shape: tuple[int, int]
    positions: Tensor | None

    def gathered(self, matrix: Tensor) -> Tensor:
        """The stored values of a matrix, (k,)."""
        flat = matrix.reshape(-1)
        return flat if self.positions is None else flat.index_select(0, self.positions)

    def scattered(self, values: Tensor) -> Tensor:
        """The matrix of stored values, with 0 wherever none is stored."""
        if self.positions is None:
            return values.reshape(self.shape)
        flat = torch.zeros(self.shape[0] * self.shape[1], dtype=values.dtype)
        return flat.scatter_(0, self.positions, values).view(self.shape)


def groups_of(rows: int, blocks: int, block: int, place: Place) -> Tensor:
    """Which scale of (rows, blocks) each stored value has, (k,) int64; rows: 1 where all rows share theirs."""
    count = place.shape[0] * place.shape[1]
    flat = torch.arange(count) if place.positions is None else place.positions
    if rows == blocks == 1:
        return torch.zeros_like(flat)
    row, column = flat // place.shape[1], flat % place.shape[1]
    return row * (blocks if rows > 1 else 0) + (column // block if blocks > 1 else 0)


def summed(gradient: Tensor, groups: Tensor, like: Tensor) -> Tensor:
    """The gradients of each group added up, in the shape of `like`."""
    return torch.zeros(like.numel()).scatter_add_(0, groups, gradient).view(like.shape)
