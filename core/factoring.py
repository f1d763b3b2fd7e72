"""A matrix as a product of two thinner ones."""

from typing import NamedTuple

import torch
from torch import Tensor


class Spectrum(NamedTuple):
    """values: singular values (groups, full), float64, descending.

    left (groups, rows, full) and right (groups, full, columns), float32: the full-rank factors, whose first r columns
    and rows are the best factors of rank r. Singular values are shared evenly between the two.
    """

    values: Tensor
    left: Tensor
    right: Tensor


def spectrum(matrix: Tensor, groups: int) -> Spectrum:
    """The singular value decomposition of each group's block, by way of the smaller Gram matrix in float64.

    matrix: (out, in), finite. Singular values below 1e-8 of the largest are only known to be that small.
    """
    blocks = matrix.reshape(groups, matrix.shape[0] // groups, -1)
    wide = blocks.double()
    tall = wide.shape[1] > wide.shape[2]
    squares, basis = torch.linalg.eigh(wide.mT @ wide if tall else wide @ wide.mT)
    values, basis = squares.clamp(min=0).sqrt().flip(-1), basis.flip(-1)
    root = values.sqrt()[:, None, :]  # (groups, 1, full)
    shrunk = basis / torch.where(root > 0, root, 1.0)
    left, right = (wide @ shrunk, (basis * root).mT) if tall else (basis * root, shrunk.mT @ wide)
    return Spectrum(values, left.float(), right.float())


def svd(decomposed: Spectrum, rank: int) -> tuple[Tensor, Tensor]:
    """The best factors of a rank, left (out, rank) and right (groups * rank, in), float32.

    Eckart & Young 1936: the squared error is the sum of the discarded squared singular values.
    """
    left, right = decomposed.left[:, :, :rank], decomposed.right[:, :rank]
    return left.reshape(-1, rank).contiguous(), right.reshape(-1, right.shape[2]).contiguous()


def kept_rank(full: int, fraction: float) -> int:
    """The rank that a fraction of the full rank keeps, at least 1."""
    return max(1, round(fraction * full))


FACTORIZERS = {f.__name__: f for f in (svd,)}
