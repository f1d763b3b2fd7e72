"""Learned levels in half the bytes."""

from dataclasses import replace

import torch
from torch import Tensor

from core.encoding import Codebook, Encoded, Factored, Gridded, Sparse


def short(form: Encoded) -> Encoded:
    """The form with learned levels of its books rounded to float16, in which they are then stored; others are kept."""
    if isinstance(form, Gridded):
        return replace(form, matrix=short(form.matrix))
    if isinstance(form, Factored):
        return replace(form, **{name: short(factor) for name, factor in form.factors.items()})
    if isinstance(form, Sparse):
        return replace(form, values=short(form.values))
    learned = isinstance(form, Codebook) and form.scale is None
    return replace(form, levels=_short(form.levels)) if learned else form


def _short(levels: Tensor) -> Tensor:
    """As they are where one would be too far off, or two of them one. levels: float32 (rows, levels), ascending."""
    half = levels.half().float()
    near = bool((half - levels).abs().le(NEAR * levels.abs()).all())
    return half if near and torch.equal(half.diff() > 0, levels.diff() > 0) else levels


NEAR = 2.0**-11  # of a level: float16 within its normal range
