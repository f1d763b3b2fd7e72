"""Sums over what a layer is given: second moments, and means, squares and ranges."""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from core.seen.patches import patches, position_sums, row_count
from core.seen.watching import Use

BLOCKS = 8  # a symmetric product by its upper blocks costs (BLOCKS + 1) / (2 * BLOCKS) of the whole one
NARROWEST = 96  # columns: thinner blocks lose more than they save
SAMPLE = 2**20  # inputs kept by layer for the percentiles
OUTER = (0.001, 0.999)


class Ranges(NamedTuple):
    """What a layer's inputs lie between, a convolution's padding apart.

    inner_low, inner_high: their 0.1 and 99.9 percentiles; of an evenly spaced choice where the inputs are more than
    1,048,576.
    """

    low: float
    high: float
    inner_low: float
    inner_high: float


class Inputs(NamedTuple):
    """mean, square: E[x] and E[x²] over images and positions, (groups, in), float64."""

    mean: Tensor
    square: Tensor
    ranges: Ranges


@dataclass(eq=False)
class Products:
    """A running sum of x xᵀ, its upper blocks, and the rows that wait until they are enough for one product."""

    total: Tensor  # (groups, in, in), float64
    rows: int = 0
    waiting: list[Tensor] = field(default_factory=list)


@dataclass(eq=False)
class Sums:
    """Running sums of x and x² (groups, in), and of each batch an even choice of its inputs."""

    first: Tensor
    second: Tensor
    rows: int = 0
    low: float = torch.inf
    high: float = -torch.inf
    chosen: list[Tensor] = field(default_factory=list)


def products(groups: int, columns: int) -> Products:
    """No rows yet, for x of `columns` numbers in each group."""
    return Products(torch.zeros(groups, columns, columns, dtype=torch.float64))


def add_products(running: Products, use: Use) -> None:
    """Adds the x xᵀ of a use.

    A product is taken in float32 and added in float64. Linear rows wait until there are as many as columns, so that
    no sum of float32 has more terms than a batch of positions or the columns, and adding costs less than multiplying.
    """
    running.rows += row_count(use)
    if use.kind == "Conv":
        for rows in patches(use):
            _multiply(running.total, rows)
        return
    running.waiting.append(use.inputs.reshape(-1, use.shape[1]).clone())
    if sum(map(len, running.waiting)) >= use.shape[1]:
        _flush(running)


def moments(running: Products) -> Tensor:
    """E[x xᵀ], (groups, in, in), float64, exactly symmetric; the running sum is used up."""
    _flush(running)
    total = running.total
    for start, stop in _blocks(total.shape[1]):
        square = total[:, start:stop, start:stop]
        square.copy_((square + square.mT) / 2)
        total[:, stop:, start:stop] = total[:, start:stop, stop:].mT
    return total.div_(running.rows)


def _flush(running: Products) -> None:
    if running.waiting:
        _multiply(running.total, torch.cat(running.waiting)[None].mT)
        running.waiting.clear()


def _multiply(total: Tensor, rows: Tensor) -> None:
    """Adds the upper blocks of rows rowsᵀ. rows: (groups, in, rows)."""
    for group, given in zip(total, rows, strict=True):  # torch.bmm takes a third longer on one large group
        for start, stop in _blocks(len(given)):
            group[start:stop, start:] += given[start:stop] @ given[start:].mT


def _blocks(columns: int) -> list[tuple[int, int]]:
    width = max(NARROWEST, -(-columns // BLOCKS))
    return [(start, min(start + width, columns)) for start in range(0, columns, width)]


def sums(groups: int, columns: int) -> Sums:
    """Nothing yet, for x of `columns` numbers in each group."""
    return Sums(*torch.zeros(2, groups, columns, dtype=torch.float64))


def add_sums(running: Sums, use: Use, share: float) -> None:
    """Adds the inputs of a use. share: of all images that its batch holds, and of the choice that it may fill."""
    running.rows += row_count(use)
    running.first += position_sums(use, use.inputs)
    running.second += position_sums(use, use.inputs.square())
    low, high = map(float, use.inputs.aminmax())
    running.low, running.high = min(running.low, low), max(running.high, high)
    step = max(1, -(-use.inputs.numel() // max(1, int(SAMPLE * share))))
    running.chosen.append(use.inputs.flatten()[::step].clone())


def inputs(running: Sums) -> Inputs:
    """The means, squares and ranges of what was added."""
    inner = torch.quantile(torch.cat(running.chosen).double(), torch.tensor(OUTER, dtype=torch.float64)).tolist()
    ranges = Ranges(running.low, running.high, *inner)
    return Inputs(running.first / running.rows, running.second / running.rows, ranges)
