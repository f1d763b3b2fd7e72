"""Which weights go together, and which of those groups stay: scores become a mask."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Wanted(NamedTuple):
    """How much a mask removes: a share of the groups of its pattern, or (threshold) every group that scores below."""

    sparsity: float
    threshold: float | None = None


def element(scores: Tensor, wanted: Wanted, kernel: int) -> Tensor:
    """Single weights."""
    return _survivors(scores, wanted)


def row(scores: Tensor, wanted: Wanted, kernel: int) -> Tensor:
    """Output channels: whole rows."""
    return _survivors(_sums(scores, 1), wanted)[:, None].expand(scores.shape).contiguous()


def column(scores: Tensor, wanted: Wanted, kernel: int) -> Tensor:
    """Input channels: a column, or a convolution's `kernel` columns of one channel."""
    kept = _survivors(_sums(scores.reshape(len(scores), -1, kernel), (0, 2)), wanted)
    return kept.repeat_interleave(kernel).expand(scores.shape).contiguous()


def block(scores: Tensor, wanted: Wanted, size: tuple[int, int]) -> Tensor:
    """Blocks of `size` rows and columns; at the right and lower edges smaller ones."""
    (rows, columns), (height, width) = scores.shape, size
    padded = torch.nn.functional.pad(scores, (0, -columns % width, 0, -rows % height))
    tiles = padded.reshape(padded.shape[0] // height, height, padded.shape[1] // width, width)
    kept = _survivors(_sums(tiles, (1, 3)), wanted)
    return kept.repeat_interleave(height, 0)[:rows].repeat_interleave(width, 1)[:, :columns].contiguous()


def n_of_m(scores: Tensor, wanted: Wanted, numbers: tuple[int, int]) -> Tensor:
    """At least n of every m weights of a row stay, the largest; a remainder shorter than m stays whole.

    No more goes than that leaves free, whatever the sparsity. Mishra et al. 2021, arXiv:2104.08378.
    """
    n, m = numbers
    whole = scores.shape[1] // m * m
    order = scores[:, :whole].reshape(len(scores), -1, m).argsort(dim=2, stable=True)
    free = torch.zeros_like(order, dtype=torch.bool).scatter_(2, order[:, :, : m - n], True).reshape(len(scores), whole)
    offered = torch.full_like(scores, torch.inf)
    offered[:, :whole] = torch.where(free, scores[:, :whole], torch.inf)
    if wanted.threshold is None and removed_count(scores.numel(), wanted.sparsity) > int(free.sum()):
        return offered == torch.inf
    return _survivors(offered, wanted)


def _sums(scores: Tensor, dimensions: int | tuple[int, ...]) -> Tensor:
    """Scores summed over the members of each group, float64: float32 would lose small ones.

    What is gone already, at minus infinity, counts for nothing; a group that is gone as a whole stays there.
    """
    sums = scores.double().sum(dimensions)
    if not bool(torch.isneginf(sums).any()):
        return sums
    whole = torch.isneginf(scores.amax(dimensions))
    return scores.masked_fill(torch.isneginf(scores), 0).double().sum(dimensions).masked_fill(whole, -torch.inf)


def _survivors(scores: Tensor, wanted: Wanted) -> Tensor:
    """True for every score that stays; the removed ones are the smallest, ties in order of position."""
    if wanted.threshold is not None:
        return torch.from_numpy(scores.numpy() >= scores.numpy().dtype.type(wanted.threshold))
    return without_smallest(scores, removed_count(scores.numel(), wanted.sparsity))


def without_smallest(scores: Tensor, count: int) -> Tensor:
    """The mask that removes the `count` smallest scores, ties in order of position: True survives."""
    if count == 0:
        return torch.ones_like(scores, dtype=torch.bool)
    last = np.partition(scores.numpy(), count - 1, axis=None)[count - 1]
    return keep_above(scores, float(last), count)


def keep_above(scores: Tensor, last: float, count: int) -> Tensor:
    """The mask that removes exactly `count` scores when the largest removed one is `last`: True survives."""
    values = scores.numpy()
    mask = torch.from_numpy(values > values.dtype.type(last))
    tied = mask.numel() - np.count_nonzero(mask.numpy()) - count  # scores equal to `last` that survive
    if tied:
        positions = (scores == last).flatten().nonzero().flatten()
        mask.view(-1)[positions[len(positions) - tied :]] = True
    return mask


def removed_count(groups: int, sparsity: float) -> int:
    """How many of `groups` a sparsity removes: round(sparsity * n), half to even."""
    return round(sparsity * groups)


def _block(height: int, width: int) -> Callable[[Tensor, Wanted, int], Tensor]:
    def blocks(scores: Tensor, wanted: Wanted, kernel: int) -> Tensor:
        return block(scores, wanted, (height, width))

    blocks.__doc__ = f"Blocks of {height} x {width} (rows x columns)."
    return blocks


def _of(n: int, m: int) -> Callable[[Tensor, Wanted, int], Tensor]:
    def of(scores: Tensor, wanted: Wanted, kernel: int) -> Tensor:
        return n_of_m(scores, wanted, (n, m))

    of.__doc__ = f"At most {m - n} of every {m} neighbours of a row. Mishra et al. 2021, arXiv:2104.08378."
    return of


PATTERNS = {
    **{f.__name__: f for f in (element, row, column)},
    **{f"block_{n}x{m}": _block(n, m) for n, m in ((1, 8), (4, 4), (8, 8))},
    **{f"{n}:{m}": _of(n, m) for n, m in ((2, 4), (4, 8), (1, 4))},
}
