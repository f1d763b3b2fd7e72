"""How survivors are stored: weights to whole-number codes on an even grid."""

import torch
from torch import Tensor

from core.encoding import Affine, spread
from core.recipe import Settings


def affine(weight: Tensor, mask: Tensor | None, settings: Settings) -> Affine:
    """Codes round((w - min) / (max - min) * Q), Q = 2^bits - 1, with the scale and the offset that decode them.

    weight: (out, in); range over the survivors of each tensor, channel or block. Jacob et al. 2018, arXiv:1712.05877.
    """
    block = _block(weight, settings.group)
    low = _reduced(weight, mask, settings.group, "amin", torch.inf)
    high = _reduced(weight, mask, settings.group, "amax", -torch.inf)
    low, high = low.masked_fill(low > high, 0.0), high.masked_fill(low > high, 0.0)
    return _coded(weight, _nonzero((high - low) / (2**settings.bits - 1)), low, 0, (settings.bits, block))


def symmetric(weight: Tensor, mask: Tensor | None, settings: Settings) -> Affine:
    """Codes round(w / scale), the largest |w| on the outermost code, 0 exactly a code.

    weight: (out, in). 1 bit stores the sign, at plus or minus the mean |w|: Rastegari et al. 2016, arXiv:1603.05279.
    """
    block = _block(weight, settings.group)
    if settings.bits == 1:
        mean = _mean(weight.abs(), mask, settings.group)
        return _coded(weight, _nonzero(2 * mean), -mean, 0, (1, block))
    top = 2 ** (settings.bits - 1) - 1
    high = _reduced(weight.abs(), mask, settings.group, "amax", 0.0)
    return _coded(weight, _nonzero(high / top), None, top, (settings.bits, block))


def _coded(weight: Tensor, scale: Tensor, offset: Tensor | None, zero: int, grid: tuple[int, int]) -> Affine:
    width, block = grid
    top = 2 * zero or 2**width - 1
    columns = weight.shape[1]
    shifted = weight if offset is None else weight - spread(offset, columns, block)
    codes = (shifted / spread(scale, columns, block)).round_().add_(zero).clamp_(0, top).to(torch.uint8)
    return Affine(codes, scale, offset, zero, width, block)


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


def _reduced(weight: Tensor, mask: Tensor | None, group: str, extreme: str, fill: float) -> Tensor:
    kept = weight if mask is None else weight.masked_fill(~mask, fill)
    return getattr(_blocks(kept, group, fill), extreme)(-1)  # (1 or out, blocks)


def _mean(values: Tensor, mask: Tensor | None, group: str) -> Tensor:
    kept = torch.ones_like(values) if mask is None else mask.float()
    sums = _blocks(values * kept, group, 0.0).double().sum(-1)
    return (sums / _blocks(kept, group, 0.0).double().sum(-1).clamp(min=1)).float()


def _nonzero(scale: Tensor) -> Tensor:
    """A scale that can divide: 1 where a group spans nothing (or underflows), so that all its codes say the same."""
    return scale.masked_fill(scale < torch.finfo(torch.float32).tiny, 1.0)


CODERS = {f.__name__: f for f in (symmetric, affine)}
