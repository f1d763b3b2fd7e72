"""Codes that name a level: clustered weights (weight sharing), and books that are published or computed."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from core import clustering
from core.clustering import Sorted, in_order
from core.coding.groups import block_of, largest, mean, nonzero
from core.encoding import Codebook, masked, spread
from core.parallel import ascending
from core.recipe import Settings

UNCODED = torch.empty((0, 0), dtype=torch.uint8)
NF4 = (
    -1.0,
    -0.6961928009986877,
    -0.5250730514526367,
    -0.39491748809814453,
    -0.28444138169288635,
    -0.18477343022823334,
    -0.09105003625154495,
    0.0,
    0.07958029955625534,
    0.16093020141124725,
    0.24611230194568634,
    0.33791524171829224,
    0.44070982933044434,
    0.5626170039176941,
    0.7229568362236023,
    1.0,
)
REMOVED_BELOW = 0.7  # of the mean |w|


def kmeans(weight: Tensor, mask: Tensor | None, settings: Settings, ordered: Sorted | None = None) -> Codebook:
    """Each survivor shares the value of its cluster: the 2^bits levels of least squared error, clustered exactly.

    One codebook for the tensor, else one a row: a block length shares its row's, as a book a block would outweigh
    the codes. Lloyd 1957 on sorted weights from the cube root of their density, Panter & Dite 1951.
    ordered: all survivors in one row, where they are known and there is one codebook.
    """
    return _clustered(weight, ordered or _ordered(weight, mask, settings), settings, False)


def kmeans_linear(weight: Tensor, mask: Tensor | None, settings: Settings, ordered: Sorted | None = None) -> Codebook:
    """As `kmeans`, but plain Lloyd from levels at even steps over the range. Han et al. 2016, arXiv:1510.00149."""
    return _clustered(weight, ordered or _ordered(weight, mask, settings), settings, True)


def nf4(weight: Tensor, mask: Tensor | None, settings: Settings) -> Codebook:
    """The nearest of 16 quantiles of a normal distribution, times the group's largest |w|.

    QLoRA, Dettmers et al. 2023, arXiv:2305.14314, whose levels these are.
    """
    kept = weight if mask is None else masked(weight, mask)
    return _coded(kept, torch.tensor([NF4]), nonzero(largest(kept.abs(), settings.group)), settings)


def power_of_two(weight: Tensor, mask: Tensor | None, settings: Settings) -> Codebook:
    """A sign and an exponent, or 0: the nearest of 0 and 2^(bits - 1) - 1 powers of two of either sign.

    The largest power lies between 2/3 and 4/3 of the group's largest |w|. INQ, Zhou et al. 2017, arXiv:1702.03044,
    which spends a whole bit on 0; here 0 is one code.
    """
    kept = weight if mask is None else masked(weight, mask)
    powers = 2.0 ** -torch.arange(2 ** (settings.bits - 1) - 1)  # 1, 1/2, 1/4, …
    levels = torch.cat([-powers, torch.zeros(1), powers.flip(0)])[None]
    high = nonzero(largest(kept.abs(), settings.group))
    exponent = torch.floor(torch.log2(high.double() * 4 / 3)).clamp(max=127)
    return _coded(kept, levels, (2.0**exponent).float(), settings)


def ternary(weight: Tensor, mask: Tensor | None, settings: Settings) -> Codebook:
    """-1, 0 or 1 times a scale: 0 up to 0.7 of the group's mean |w|, the scale the mean of those above.

    Ternary weight networks, Li et al. 2016, arXiv:1605.04711.
    """
    kept = weight if mask is None else masked(weight, mask)
    block, sizes = block_of(weight, settings.group), kept.abs()
    least = mean(sizes, mask, settings.group).mul_(REMOVED_BELOW)
    above = sizes > spread(least, weight.shape[1], block)
    scale = mean(masked(sizes, above), above, settings.group)
    held = spread(scale >= torch.finfo(torch.float32).tiny, weight.shape[1], block)  # else no float32 step could be
    codes = (kept.sign() * (above & held)).add_(1).to(torch.uint8)
    return Codebook(codes, torch.tensor([[-1.0, 0.0, 1.0]]), nonzero(scale), 2, block)


def _clustered(weight: Tensor, held: Sorted, settings: Settings, linear: bool) -> Codebook:
    levels = clustering.kmeans(held, 2**settings.bits, linear)
    used = 1 + np.count_nonzero(np.diff(levels), axis=1).max()
    form = Codebook(UNCODED, torch.from_numpy(levels[:, :used].copy()), None, settings.bits, weight.shape[1])
    return replace(form, codes=form.nearest(weight, 0))


def _ordered(weight: Tensor, mask: Tensor | None, settings: Settings) -> Sorted:
    """The survivors, sorted: all together, or each row by itself."""
    values = weight.numpy() if mask is None else np.where(mask.numpy(), weight.numpy(), np.float32(np.inf))
    if settings.group == "tensor":
        return in_order(values.reshape(-1))
    kept = np.full(len(weight), weight.shape[1]) if mask is None else np.count_nonzero(mask.numpy(), axis=1)
    return Sorted(np.ascontiguousarray(ascending(values)[:, : max(1, kept.max())]), kept)


def _coded(kept: Tensor, levels: Tensor, scale: Tensor, settings: Settings) -> Codebook:
    form = Codebook(UNCODED, levels, scale, settings.bits, block_of(kept, settings.group))
    return replace(form, codes=form.nearest(kept, 0))
