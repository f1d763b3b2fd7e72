"""Weights as floats, of fewer bits or as they are."""

from dataclasses import replace

import torch
from torch import Tensor

from core.coding.groups import block_of, largest, nonzero
from core.encoding import Dense, Rounded, masked
from core.recipe import Settings


def float32(weight: Tensor, mask: Tensor | None, settings: Settings) -> Dense:
    """The survivors as they are."""
    return Dense(weight)


def float16(weight: Tensor, mask: Tensor | None, settings: Settings) -> Rounded:
    """The nearest float of 5 exponent and 10 fraction bits, up to 65504: binary16 of IEEE 754-2008."""
    return _rounded(weight, mask, torch.float16)


def bfloat16(weight: Tensor, mask: Tensor | None, settings: Settings) -> Rounded:
    """The nearest float of 8 exponent and 7 fraction bits, float32's range: Kalamkar et al. 2019, arXiv:1905.12322."""
    return _rounded(weight, mask, torch.bfloat16)


def float8_e4m3(weight: Tensor, mask: Tensor | None, settings: Settings) -> Rounded:
    """The nearest float of 4 exponent and 3 fraction bits, the group's largest |w| on 448, the largest of them.

    Micikevicius et al. 2022, arXiv:2209.05433.
    """
    kept = weight if mask is None else masked(weight, mask)
    scale = nonzero(largest(kept.abs(), settings.group) / torch.finfo(torch.float8_e4m3fn).max)
    empty = torch.empty((0, 0), dtype=torch.float8_e4m3fn)
    form = Rounded(empty, scale, block_of(weight, settings.group))
    return replace(form, codes=form.nearest(kept, 0))


def _rounded(weight: Tensor, mask: Tensor | None, kind: torch.dtype) -> Rounded:
    kept = weight if mask is None else masked(weight, mask)
    return Rounded(kept.to(kind), None, weight.shape[1])
