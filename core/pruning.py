"""Which weights stay: scores by criterion, masks by pattern."""

import numpy as np
import torch
from torch import Tensor


def magnitude(weight: Tensor) -> Tensor:
    """|w|, in the units of the weights. Han et al. 2015, arXiv:1506.02626."""
    return weight.abs()


def element(scores: Tensor, count: int) -> Tensor:
    """Removes the `count` weights with the smallest scores, ties in order of position."""
    if count == 0:
        return torch.ones_like(scores, dtype=torch.bool)
    last = np.partition(scores.numpy(), count - 1, axis=None)[count - 1]
    return keep_above(scores, float(last), count)


def keep_above(scores: Tensor, last: float, count: int) -> Tensor:
    """The mask that removes exactly `count` scores when the largest removed one is `last`: True survives."""
    mask = torch.from_numpy(scores.numpy() > np.float32(last))
    tied = mask.numel() - np.count_nonzero(mask.numpy()) - count  # scores equal to `last` that survive
    if tied:
        positions = (scores == last).flatten().nonzero().flatten()
        mask.view(-1)[positions[len(positions) - tied :]] = True
    return mask


def removed_count(weights: int, sparsity: float) -> int:
    """How many of `weights` a sparsity removes: round(sparsity * n), half to even."""
    return round(sparsity * weights)


CRITERIA = {f.__name__: f for f in (magnitude,)}
PATTERNS = {f.__name__: f for f in (element,)}
