"""A weight as a product of thinner ones: decomposed once, cut at any rank afterwards."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

DAMPING = 1e-2  # of the mean second moment: no direction counts for nothing because few images showed it
ITERATIONS = 3  # of tucker2 at each rank; the first brings nearly all of the gain


class Decomposed(Protocol):
    """A weight of which factors of every rank, 1 to the full one, are known."""

    @property
    def errors(self) -> Tensor:
        """The share of the squared error that a rank leaves, at most, (full,) float64, for the ranks from 1 on."""

    def factors(self, rank: int) -> tuple[Tensor, ...]:
        """The matrices that get stored, float32."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """values: singular values (groups, full), float64, descending.

    left (groups, rows, full) and right (groups, full, columns), float32: the full-rank factors, whose first r columns
    and rows are the best factors of rank r. The size of each pair is shared evenly between the two.
    """

    values: Tensor
    left: Tensor
    right: Tensor

    @cached_property
    def errors(self) -> Tensor:
        """The share of the squared error at ranks 1 to full: the discarded squared values. Eckart & Young 1936."""
        squares = self.values.square().sum(0)
        discarded = squares.flip(0).cumsum(0).flip(0) - squares
        return discarded / (squares.sum() or 1.0)

    def factors(self, rank: int) -> tuple[Tensor, Tensor]:
        """left (out, rank) and right (groups * rank, in)."""
        left, right = self.left[:, :, :rank], self.right[:, :rank]
        return left.reshape(-1, rank).contiguous(), right.reshape(-1, right.shape[2]).contiguous()


@dataclass(frozen=True, eq=False)
class Modes:
    """A convolution (groups, out, in, kernel) and the bases of its two channel modes, float64, most energy first.

    left: (groups, out, out). right: (groups, in, in).
    """

    blocks: Tensor
    left: Tensor
    right: Tensor

    @property
    def ranks(self) -> tuple[tuple[int, int], ...]:
        """The two ranks, the same share of each mode, for every rank from 1 to the full one of the matrix.

        A mode has no more directions than the other mode and the kernel leave it.
        """
        _, rows, inputs, kernel = self.blocks.shape
        full = min(rows, inputs * kernel)
        shares = [(kept_rank(rows, rank / full), kept_rank(inputs, rank / full)) for rank in range(1, full + 1)]
        return tuple((min(out, into * kernel), min(into, out * kernel)) for out, into in shares)

    @cached_property
    def errors(self) -> Tensor:
        """The share of the squared error before any iteration, which can only lower it, at every rank."""
        core = torch.einsum("goik,goa,gib->gabk", self.blocks, self.left, self.right)
        kept = core.square().sum((0, 3)).cumsum(0).cumsum(1)  # (out, in)
        out, into = torch.tensor(self.ranks).T - 1
        return (1 - kept[out, into] / kept[-1, -1]).clamp(min=0) if kept[-1, -1] else torch.zeros(len(out)).double()

    def factors(self, rank: int) -> tuple[Tensor, Tensor, Tensor]:
        """left (out, r_out), core (groups * r_out, r_in * kernel) and right (groups * r_in, in)."""
        out, into = self.ranks[rank - 1]
        left, right = self.left[..., :out], self.right[..., :into]
        for _ in range(ITERATIONS):
            left = _basis(torch.einsum("goik,gib->gobk", self.blocks, right))[..., :out]
            right = _basis(torch.einsum("goik,goa->giak", self.blocks, left))[..., :into]
        core = torch.einsum("goik,goa,gib->gabk", self.blocks, left, right)
        core, left = _shared(core, left)
        core, right = _shared(core.transpose(1, 2), right)
        core, right = core.transpose(1, 2).flatten(2), right.mT
        return tuple(part.float().reshape(-1, part.shape[2]).contiguous() for part in (left, core, right))


def svd(weight: Tensor, groups: int, moments: Tensor | None = None) -> Spectrum:
    """The best rank for the weights: singular values cut at a rank. Eckart & Young 1936.

    weight: (out, in, *kernel), finite, a matrix of (in * kernel) columns for each group. Singular values below 1e-8 of
    the largest are only known to be that small.
    """
    values, left, right = _decomposition(_blocks(weight, groups))
    return Spectrum(values, left.float(), right.float())


def whitened_svd(weight: Tensor, groups: int, moments: Tensor | None) -> Spectrum:
    """The best rank for the inputs the layer sees: [W T]r T^-1, T T' = E[x x']. Wang et al. 2024, arXiv:2403.07378.

    moments: E[x x'], (groups, in * kernel, in * kernel) float64, damped here by 1e-2 of its mean diagonal. The squared
    error of the layer's output, against the damped moments, is the sum of the discarded squared values.
    """
    blocks = _blocks(weight, groups)
    scale, root = _whitening(moments, blocks)
    values, left, right = _decomposition(blocks @ root)
    right = torch.linalg.solve_triangular(root, right, upper=False, left=False)
    even = (right.norm(dim=2) / left.norm(dim=1).clamp(min=1e-300)).sqrt()[:, None]  # (groups, 1, full)
    even = torch.where(even > 0, even, 1.0)
    return Spectrum(values * scale, (left * even).float(), (right / even.mT).float())


def tucker2(weight: Tensor, groups: int, moments: Tensor | None = None) -> Modes:
    """A 1x1 convolution, a small one and a 1x1 again: both channel modes cut. Kim et al. 2016, arXiv:1511.06530.

    weight: (out, in, *kernel), finite; each group by itself. HOSVD first, then at each rank a few sweeps of HOOI (De
    Lathauwer et al. 2000). ValueError where the kernel has one position, which leaves two modes only.
    """
    kernel = math.prod(weight.shape[2:])
    if kernel == 1:
        shape = "x".join(map(str, weight.shape))
        raise ValueError(
            f"factorizer 'tucker2' on a weight of {shape}, expected a kernel of 2 positions or more: use svd"
        )
    blocks = weight.double().reshape(groups, -1, weight.shape[1], kernel)
    return Modes(blocks, _basis(blocks), _basis(blocks.transpose(1, 2)))


def kept_rank(full: int, fraction: float) -> int:
    """The rank that a fraction of the full rank keeps, at least 1."""
    return max(1, round(fraction * full))


def least_rank(errors: Tensor, allowed: float) -> int:
    """The least rank that leaves no more than the allowed share of the squared error, at least 1."""
    return min(len(errors), 1 + int((errors > allowed).sum()))


def _blocks(weight: Tensor, groups: int) -> Tensor:
    """(groups, rows, columns) float64."""
    return weight.reshape(groups, weight.shape[0] // groups, -1).double()


def _decomposition(wide: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Values, left and right of `Spectrum`, float64, by way of the smaller Gram matrix."""
    tall = wide.shape[1] > wide.shape[2]
    squares, basis = torch.linalg.eigh(wide.mT @ wide if tall else wide @ wide.mT)
    values, basis = squares.clamp(min=0).sqrt().flip(-1), basis.flip(-1)
    root = values.sqrt()[:, None, :]  # (groups, 1, full)
    shrunk = basis / torch.where(root > 0, root, 1.0)
    left, right = (wide @ shrunk, (basis * root).mT) if tall else (basis * root, shrunk.mT @ wide)
    return values, left, right


def _whitening(moments: Tensor | None, blocks: Tensor) -> tuple[Tensor, Tensor]:
    """A scale for each group, (groups, 1), and the lower root T that times it makes T T' = the damped moments."""
    if moments is None:
        raise ValueError("factorizer 'whitened_svd' needs calibration images")
    groups, _, columns = blocks.shape
    if moments.shape != (groups, columns, columns):
        raise ValueError(f"its moments are {tuple(moments.shape)}, expected ({groups}, {columns}, {columns})")
    if not bool(torch.isfinite(moments).all()):
        raise ValueError("its moments are not all finite, expected finite ones: choose svd or mend the model")
    mean = moments.double().diagonal(dim1=1, dim2=2).mean(1)[:, None, None]
    damped = moments.double() / torch.where(mean > 0, mean, 1.0) + DAMPING * torch.eye(columns).double()
    return mean[:, 0].sqrt(), torch.linalg.cholesky(damped)


def _basis(blocks: Tensor) -> Tensor:
    """(groups, n, n): orthonormal directions of the first mode of (groups, n, ...), most energy first."""
    unfolded = blocks.flatten(2)
    return torch.linalg.eigh(unfolded @ unfolded.mT)[1].flip(-1)


def _shared(core: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
    """The size of each slice of the core shared evenly with its direction, so that a threshold means the same in both.

    core: (groups, rank, ...). basis: (groups, n, rank).
    """
    root = core.flatten(2).norm(dim=2).sqrt()
    root = torch.where(root > 0, root, 1.0)
    return core / root[:, :, None, None], basis * root[:, None]


NOTES = {  # what a common tutorial says, and what is wrong with it
    "svd": "A common tutorial counts cross-validation among factorizations, and a full SVD as compression. A full SVD "
    "holds more numbers than the matrix: only a rank below rows · columns / (rows + columns) saves any.",
}
FACTORIZERS = {f.__name__: f for f in (svd, whitened_svd, tucker2)}
CALIBRATED = frozenset({"whitened_svd"})  # those that need the moments of what a layer sees
OF_KERNELS = frozenset({"tucker2"})  # those that need a kernel of 2 positions or more
ALLOWED = {"energy": lambda kept: 1 - kept, "error": lambda relative: relative**2}  # share of the squared error
