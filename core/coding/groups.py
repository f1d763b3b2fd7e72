"""The groups that share a scale: a tensor, a channel (row), or a block of columns of a row."""

import numpy as np
import torch
from torch import Tensor


def block_of(weight: Tensor, group: str) -> int:
    """Columns that share a scale."""
    return min(int(group), weight.shape[1]) if group.isdigit() else weight.shape[1]


def grouped(values: Tensor, group: str, fill: float) -> Tensor:
    """The values with the members of each group along the last axis, (1 or out, blocks, members), short ones filled."""
    if group == "tensor":
        return values.reshape(1, 1, -1)
    block = block_of(values, group)
    padding = -values.shape[1] % block
    padded = torch.nn.functional.pad(values, (0, padding), value=fill) if padding else values
    return padded.reshape(len(values), -1, block)


def largest(values: Tensor, group: str) -> Tensor:
    """The largest of each group's values, which are 0 or more: (1 or out, blocks)."""
    return grouped(values, group, 0.0).amax(-1)


def survivors(weight: Tensor, mask: Tensor | None, group: str) -> Tensor:
    """How many weights of each group a mask keeps, (1 or out, blocks) int64."""
    kept = np.ones(weight.shape, np.uint8) if mask is None else mask.numpy().view(np.uint8)
    counts = grouped(torch.from_numpy(kept), group, 0).numpy().sum(-1, dtype=np.int64)
    return torch.from_numpy(counts)


def mean(sizes: Tensor, mask: Tensor | None, group: str) -> Tensor:
    """The mean of the survivors of each group, (1 or out, blocks); sizes: 0 where a mask removes."""
    sums = grouped(sizes, group, 0.0).double().sum(-1)
    return (sums / survivors(sizes, mask, group).clamp(min=1)).float()


def nonzero(scale: Tensor) -> Tensor:
    """A scale that can divide: 1 where a group spans nothing (or underflows), so that all its codes say the same."""
    return scale.masked_fill(scale < torch.finfo(torch.float32).tiny, 1.0)
