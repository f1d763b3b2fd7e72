"""What a layer's output loses, to second order: scores, the survivors' refit and the column sweep of quantizers.

moments: E[x xᵀ] of what multiplies the rows of the matrix, (groups, in, in); the rows of a group follow one another.
"""

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

DAMPING = 1e-2  # of the mean diagonal
NARROW = 128  # columns up to which rows are solved together, each padded to full width
CHUNK = 2**22  # numbers of a batch of narrow systems, 32 MiB
LAZY = 128  # columns swept before the columns to their right hear of it

Quantize = Callable[[Tensor, int], Tensor]


def damped(moments: Tensor) -> Tensor:
    """The moments with 1e-2 of each group's mean diagonal added to its diagonal, float64.

    A group that saw nothing gets the mean of all groups, or 1 where none saw anything.
    """
    wide = moments.double().clone()
    diagonal = wide.diagonal(dim1=1, dim2=2)
    own, common = diagonal.mean(1, keepdim=True), diagonal.mean()
    common = torch.where(common > 0, common, 1.0)
    diagonal += DAMPING * torch.where(own > 0, own, common)
    return wide


def inverse_diagonal(curvature: Tensor) -> Tensor:
    """[H⁻¹]jj for positive definite curvatures H, (groups, in, in): (groups, in), float64."""
    parts = curvature.split(max(1, CHUNK // curvature.shape[1] ** 2))
    return torch.cat([_inverse(part.double()).diagonal(dim1=1, dim2=2).clone() for part in parts])


def removal_scores(weight: Tensor, diagonal: Tensor) -> Tensor:
    """w² / [H⁻¹]jj, what the squared output loses at the least when w alone goes and the rest of its row is refitted.

    weight: (out, in). diagonal: `inverse_diagonal` of the curvatures H. Hassibi & Stork 1993; LeCun et al. 1990.
    """
    scores = weight.double().reshape(len(diagonal), -1, weight.shape[1]).square() / diagonal[:, None]
    return scores.view_as(weight).to(weight.dtype)


def output_error(weight: Tensor, compressed: Tensor, moments: Tensor) -> float:
    """E‖W x − V x‖², summed over the outputs, from the undamped moments."""
    change = (compressed.double() - weight.double()).reshape(len(moments), -1, weight.shape[1])
    return float(((change @ moments.double()) * change).sum())


def refit(weight: Tensor, mask: Tensor, moments: Tensor) -> Tensor:
    """The weight whose survivors make up for the removed ones: the least (v − w)ᵀ H (v − w), 0 where removed.

    weight, mask: (out, in), True survives. H: the damped moments. Exact: one inverse a group, and for each mask that
    differs a Cholesky factor as wide as the fewer of survivors and removed. On one core, (512, 4096) with a mask a row
    takes about 10 s at sparsity 0.95, 40 s at 0.9 and minutes at 0.5.
    """
    return constrained(weight, mask, damped(moments))


def constrained(weight: Tensor, mask: Tensor, curvature: Tensor) -> Tensor:
    """The least (v − w)ᵀ H (v − w) of each row, 0 where the mask removes, for curvatures H, (groups, in, in)."""
    shape = (len(curvature), -1, weight.shape[1])
    rows, kept, wide = weight.double().reshape(shape), mask.reshape(shape), curvature.double()
    if weight.shape[1] <= NARROW:
        solved = _narrow(rows, kept, wide)
    else:
        solved = torch.stack([_group(*parts) for parts in zip(rows, kept, wide, strict=True)])
    return solved.view_as(weight).to(weight.dtype).masked_fill(~mask, 0.0)


def _narrow(rows: Tensor, kept: Tensor, curvature: Tensor) -> Tensor:
    """All rows of all groups at once; removed weights get an equation of their own, v = 0."""
    columns = rows.shape[2]
    group = torch.arange(len(rows)).repeat_interleave(rows.shape[1])
    pull = ((rows * ~kept) @ curvature).flatten(0, 1)  # H_:Q w_Q, (out, in)
    flat = kept.flatten(0, 1)
    change = torch.empty_like(pull)
    for part in torch.arange(len(flat)).split(max(1, CHUNK // columns**2)):
        keep = flat[part].double()
        system = curvature[group[part]] * keep[:, :, None] * keep[:, None]
        system.diagonal(dim1=1, dim2=2).add_(1 - keep)
        right = (pull[part] * keep)[..., None]
        change[part] = torch.cholesky_solve(right, torch.linalg.cholesky(system))[..., 0]
    return rows + change.view_as(rows)


def _group(rows: Tensor, kept: Tensor, curvature: Tensor) -> Tensor:
    """One group's rows, those of the same mask together."""
    solved = rows.clone()
    masks, which = kept.unique(dim=0, return_inverse=True)
    few = 2 * masks.sum(1) > masks.shape[1]  # removed ones are the fewer
    inverse = _inverse(curvature) if bool(few.any()) else curvature
    for number, mask in enumerate(masks):
        alike = (which == number).nonzero()[:, 0]
        solve = _by_removed if few[number] else _by_survivors
        solved[alike] = solve(rows[alike], mask, inverse if few[number] else curvature)
    return solved


def _by_survivors(rows: Tensor, mask: Tensor, curvature: Tensor) -> Tensor:
    """w_S + H_SS⁻¹ H_SQ w_Q for the survivors S and the removed Q."""
    kept, gone = mask.nonzero()[:, 0], (~mask).nonzero()[:, 0]
    across = curvature[kept]
    pull = across[:, gone] @ rows[:, gone].mT  # (survivors, rows)
    solved = torch.zeros_like(rows)
    solved[:, kept] = rows[:, kept] + torch.cholesky_solve(pull, torch.linalg.cholesky(across[:, kept])).mT
    return solved


def _by_removed(rows: Tensor, mask: Tensor, inverse: Tensor) -> Tensor:
    """w − P_:Q P_QQ⁻¹ w_Q for P = H⁻¹ and the removed Q."""
    gone = (~mask).nonzero()[:, 0]
    across = inverse[gone]
    force = torch.cholesky_solve(rows[:, gone].mT, torch.linalg.cholesky(across[:, gone]))
    return rows - force.mT @ across


def aligned(weight: Tensor, moments: Tensor, crossed: Tensor) -> Tensor:
    """The weight that on changed inputs y comes closest to W x: W (E[x yᵀ] + λ) (E[y yᵀ] + λ)⁻¹.

    weight: (out, in). moments: E[y yᵀ]. crossed: E[x yᵀ], (groups, in, in). λ damps towards the weight itself. Its
    `refit` with `moments` is then the survivors' least-squares fit to the original outputs.
    """
    wide = damped(moments)
    extra = torch.diag_embed((wide - moments.double()).diagonal(dim1=1, dim2=2))
    rows = weight.double().reshape(len(moments), -1, weight.shape[1])
    right = (rows @ (crossed.double() + extra)).mT
    return torch.cholesky_solve(right, torch.linalg.cholesky(wide)).mT.reshape(weight.shape).to(weight.dtype)


def sweep(weight: Tensor, mask: Tensor | None, quantize: Quantize, moments: Tensor) -> Tensor:
    """The quantized weight when each column's error moves on to the columns to its right; 0 where the mask removes.

    weight: (out, in). quantize(values (out, n), first column) -> the nearest values that can be stored. Frantar et al.
    2022, arXiv:2210.17323; with a mask Frantar & Alistarh 2023, arXiv:2301.00774, better begun from the `refit` weight.
    """
    groups, columns = len(moments), weight.shape[1]
    factor = _sweeping(moments)
    rows = weight.double().reshape(groups, -1, columns).clone()
    for first in range(0, columns, LAZY):
        last = min(first + LAZY, columns)
        errors = torch.empty_like(rows[:, :, first:last])
        for column in range(first, last):
            values = rows[:, :, column].reshape(-1, 1)
            stored = quantize(values.to(weight.dtype), column).double()
            if mask is not None:
                stored = stored.masked_fill(~mask[:, column : column + 1], 0.0)
            push = (values - stored).view(groups, -1) / factor[:, column, column, None]
            ahead = factor[:, column, None, column + 1 : last]
            rows[:, :, column + 1 : last] -= push[:, :, None] * ahead
            rows[:, :, column], errors[:, :, column - first] = stored.view(groups, -1), push
        rows[:, :, last:] -= errors @ factor[:, first:last, last:]
    return rows.reshape(weight.shape).to(weight.dtype)


@lru_cache(maxsize=4)
def _sweeping(moments: Tensor) -> Tensor:
    """The upper Cholesky factor of each group's inverse, (groups, in, in): the same for every sweep of a layer."""
    return torch.linalg.cholesky(_inverse(damped(moments)), upper=True)


def _inverse(curvature: Tensor) -> Tensor:
    return torch.cholesky_inverse(torch.linalg.cholesky(curvature))
