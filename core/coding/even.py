"""Whole-number codes on an even grid, and the range that the grid spans."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from core.coding.groups import block_of, grouped, largest, mean, nonzero, survivors
from core.encoding import Affine, masked
from core.recipe import Settings

UNCODED = torch.empty((0, 0), dtype=torch.uint8)
CLIPPED = 1000  # survivors to each one beyond the 99.9th percentile
RATIOS = tuple(part / 20 for part in range(20, 3, -1))  # 1, 0.95, … 0.2
CHUNK = 1 << 16  # weights at a time: stays in the cache


class Span(NamedTuple):
    """The range of a grid, float32 (1 or out, blocks) each, and the whole number of its steps."""

    low: Tensor
    high: Tensor
    steps: int


def affine(weight: Tensor, mask: Tensor | None, settings: Settings) -> Affine:
    """Codes round((w - min) / (max - min) * Q), Q = 2^bits - 1, with the scale and the offset that decode them.

    weight: (out, in); range over the survivors of each tensor, channel or block, narrowed as `settings.scale` says.
    Jacob et al. 2018, arXiv:1712.05877.
    """
    sides = [weight if mask is None else weight.masked_fill(~mask, fill) for fill in (torch.inf, -torch.inf)]
    low = grouped(sides[0], settings.group, torch.inf).amin(-1)
    high = grouped(sides[1], settings.group, -torch.inf).amax(-1)
    low, high = low.masked_fill(low > high, 0.0), high.masked_fill(low > high, 0.0)
    low, high, steps = SCALES[settings.scale](Span(low, high, 2**settings.bits - 1), weight, mask, settings.group)
    grid = Affine(UNCODED, nonzero((high - low) / steps), low, 0, settings.bits, block_of(weight, settings.group))
    return replace(grid, codes=grid.nearest(weight, 0))


def symmetric(weight: Tensor, mask: Tensor | None, settings: Settings) -> Affine:
    """Codes round(w / scale), the largest |w| on the outermost code, 0 exactly a code.

    weight: (out, in). `settings.scale` may put a smaller |w| on the outermost code; what is larger has that code too.
    1 bit stores the sign, at plus or minus the mean |w| whatever the scale: Rastegari et al. 2016, arXiv:1603.05279.
    """
    block, group = block_of(weight, settings.group), settings.group
    kept = weight if mask is None else masked(weight, mask)
    if settings.bits == 1:
        half = mean(kept.abs(), mask, group)
        grid = Affine(UNCODED, nonzero(2 * half), -half, 0, 1, block)
    else:
        top = 2 ** (settings.bits - 1) - 1
        high = largest(kept.abs(), group)
        span = SCALES[settings.scale](Span(-high, high, 2 * top), weight, mask, group)
        grid = Affine(UNCODED, nonzero(span.high / top), None, top, settings.bits, block)
    return replace(grid, codes=grid.nearest(kept, 0))


def whole_range(span: Span, weight: Tensor, mask: Tensor | None, group: str) -> Span:
    """From the smallest to the largest survivor of the group: nothing is clipped."""
    return span


def percentile(span: Span, weight: Tensor, mask: Tensor | None, group: str) -> Span:
    """No further than the 99.9th percentile of |w| in the group: the one survivor in 1000 beyond it is clipped.

    The nearest rank, ceil(0.999 n) of n survivors: with fewer than 1000 of them nothing is clipped.
    """
    sizes = grouped(weight.abs() if mask is None else masked(weight.abs(), mask), group, 0.0).numpy()
    rank = sizes.shape[-1] - 1 - survivors(weight, mask, group).numpy() // CLIPPED  # removed ones come first, as 0
    ordered = np.partition(sizes, np.unique(rank), axis=-1)
    reach = torch.from_numpy(np.take_along_axis(ordered, rank[..., None], -1)[..., 0])
    return Span(torch.maximum(span.low, -reach), torch.minimum(span.high, reach), span.steps)


def squared_error(span: Span, weight: Tensor, mask: Tensor | None, group: str) -> Span:
    """The range narrowed about its middle by the ratio with the least squared error over the group's survivors.

    The ratio is one of 1, 0.95, 0.9, … 0.2; equal ones leave the wider range.
    """
    half, middle = (span.high - span.low) / 2, span.low / 2 + span.high / 2
    unit = nonzero(half / (span.steps / 2))
    apart = "channel" if group == "tensor" else group  # a row at a time stays in the cache
    kept = grouped(torch.ones_like(weight) if mask is None else mask.float(), apart, 0.0)
    values = grouped(weight, apart, 0.0)
    rows = max(1, CHUNK // weight.shape[1])
    errors = []
    for start in range(0, len(values), rows):
        part = slice(start, start + rows)
        own = slice(0, 1) if len(half) == 1 else part
        places = (values[part] - middle[own, :, None]) / unit[own, :, None]  # in steps from the middle
        errors.append(_errors(places, kept[part], span.steps / 2))
    summed = torch.cat(errors, 1)
    ratio = torch.tensor(RATIOS)[(summed.sum(1, keepdim=True) if group == "tensor" else summed).argmin(0)]
    whole = ratio == 1
    low, high = middle - ratio * half, middle + ratio * half
    return Span(torch.where(whole, span.low, low), torch.where(whole, span.high, high), span.steps)


def _errors(places: Tensor, kept: Tensor, reach: float) -> Tensor:
    """Squared error for each of RATIOS, (ratios, rows, blocks), in squared steps. places: from -reach to reach."""
    found = []
    for ratio in RATIOS:
        rounded = (places / ratio).add_(reach).round_().clamp_(0, 2 * reach).sub_(reach).mul_(ratio)
        missed = rounded.sub_(places).mul_(kept)
        found.append(torch.linalg.vecdot(missed, missed).double())
    return torch.stack(found)


SCALES = {"range": whole_range, "percentile": percentile, "squared_error": squared_error}
