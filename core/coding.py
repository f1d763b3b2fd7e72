"""How survivors are stored: weights to whole-number codes on an even grid."""

import torch
from torch import Tensor

from core.encoding import Affine, masked, spread
from core.recipe import Settings


def affine(weight: Tensor, mask: Tensor | None, settings: Settings) -> Affine:
    """Codes round((w - min) / (max - min) * Q), Q = 2^bits - 1, with the scale and the offset that decode them.

    weight: (out, in); range over the survivors of each tensor, channel or block. Jacob et al. 2018, arXiv:1712.05877.
    """
    block = _block(weight, settings.group)
    survivors = [weight if mask is None else weight.masked_fill(~mask, fill) for fill in (torch.inf, -torch.inf)]
    low = _extreme(survivors[0], settings.group, "amin", torch.inf)
    high = _extreme(survivors[1], settings.group, "amax", -torch.inf)
    low, high = low.masked_fill(low > high, 0.0), high.masked_fill(low > high, 0.0)
    return _coded(weight, _nonzero((high - low) / (2**settings.bits - 1)), low, (0, settings.bits, block))


def symmetric(weight: Tensor, mask: Tensor | None, settings: Settings) -> Affine:
    """Codes round(w / scale), the largest |w| on the outermost code, 0 exactly a code.

    weight: (out, in). 1 bit stores the sign, at plus or minus the mean |w|: Rastegari et al. 2016, arXiv:1603.05279.
    """
    block = _block(weight, settings.group)
    kept = weight if mask is None else masked(weight, mask)
    if settings.bits == 1:
        mean = _mean(kept.abs(), mask, settings.group)
        return _coded(kept, _nonzero(2 * mean), -mean, (0, 1, block))
    top = 2 ** (settings.bits - 1) - 1
    high = _extreme(kept.abs(), settings.group, "amax", 0.0)
    return _coded(kept, _nonzero(high / top), None, (top, settings.bits, block))


def _coded(kept: Tensor, scale: Tensor, offset: Tensor | None, grid: tuple[int, int, int]) -> Affine:
    """kept: the weights, 0 where a mask removes them. grid: zero, width and block of the form."""
    zero, width, block = grid
    columns = kept.shape[1]
    if offset is None:
        codes = (kept / spread(scale, columns, block)).round_().add_(zero)
    else:
        codes = (kept - spread(offset, columns, block)).div_(spread(scale, columns, block)).round_()
        codes.clamp_(0, 2**width - 1)  # a removed weight's 0 may lie outside the survivors' range
    return Affine(codes.to(torch.uint8), scale, offset, zero, width, block)


def _block(weight: Tensor, group: str) -> int:
    """Columns that share a scale."""
    return min(int(group), weight.shape[1]) if group.isdigit() else weight.shape[1]


def _blocks(values: Tensor, group: str, fill: float) -> Tensor:
    """The values with the members of each group along the last axis, (1 or out, blocks, members)."""
    if group == "tensor":
        return values.reshape(1, 1, -1)
    block = _block(values, group)
    padding = -values.shape[1] % block
    padded = torch.nn.functional.pad(values, (0, padding), value=fill) if padding else values
    return padded.reshape(len(values), -1, block)


def _extreme(values: Tensor, group: str, which: str, fill: float) -> Tensor:
    return getattr(_blocks(values, group, fill), which)(-1)  # (1 or out, blocks)


def _mean(sizes: Tensor, mask: Tensor | None, group: str) -> Tensor:
    """The mean of the survivors of each group; sizes: 0 where a mask removes."""
    kept = torch.ones_like(sizes) if mask is None else mask.float()
    sums = _blocks(sizes, group, 0.0).double().sum(-1)
    return (sums / _blocks(kept, group, 0.0).double().sum(-1).clamp(min=1)).float()


def _nonzero(scale: Tensor) -> Tensor:
    """A scale that can divide: 1 where a group spans nothing (or underflows), so that all its codes say the same."""
    return scale.masked_fill(scale < torch.finfo(torch.float32).tiny, 1.0)


CODERS = {f.__name__: f for f in (symmetric, affine)}
