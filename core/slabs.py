"""A large matrix encoded some rows at a time, to the same values as at once."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from core.coding import CODERS
from core.compress import encode
from core.encoding import Affine, Dense, Encoded, Sparse
from core.layer import Layer
from core.patterns import removed_count
from core.recipe import UNCODED, Settings

ROWS = 2**22  # numbers of a slab of rows
HALF = 2**15  # magnitudes that the upper 16 bits of a float can have


def encoded(layer: Layer, settings: Settings) -> Encoded:
    """The layer's encoded form, as `compress.encode` gives it; with less memory where rows do not need each other."""
    if not _separable(settings) or layer.weight.numel() <= ROWS:
        return encode(layer, settings)
    matrix = layer.weight.detach().reshape(len(layer.weight), -1)
    if not all(bool(torch.isfinite(slab).all()) for slab in _slabs(matrix)):
        return encode(layer, settings)  # which says what is wrong
    count = removed_count(matrix.numel(), settings.sparsity)
    last, ties = _last_removed(matrix, count) if count else (-1.0, 0)
    masks: list[Tensor] = []
    forms: list[Encoded] = []
    for slab in _slabs(matrix):
        values = slab.float()
        mask = _mask(values, last, ties) if count else None
        ties -= 0 if mask is None else int((values.abs() == last).sum() - (mask & (values.abs() == last)).sum())
        if settings.bits < UNCODED:
            forms.append(CODERS[settings.coder](values, mask, settings))
        if mask is not None:
            masks.append(mask)
    kept = _joined(forms) if forms else Dense(matrix.float())
    return Sparse(torch.cat(masks), kept) if masks else kept


def _separable(settings: Settings) -> bool:
    """Whether a row's codes depend on it alone, and who is removed on a magnitude alone."""
    plain = (settings.criterion, settings.pattern, settings.compensate) == ("magnitude", "element", "none")
    rows = settings.bits == UNCODED or (settings.coder in EVEN and settings.group != "tensor")
    ways = not settings.factors and settings.threshold is None and settings.inputs_bits == UNCODED
    return plain and rows and ways and (settings.prunes or settings.bits < UNCODED)


def _slabs(matrix: Tensor) -> Iterator[Tensor]:
    yield from matrix.split(max(1, ROWS // matrix.shape[1]))


def _last_removed(matrix: Tensor, count: int) -> tuple[float, int]:
    """The largest |w| that goes when `count` go, and how many of that size go: from counts of floats' bits."""
    upper, left = _place(sum(np.bincount(_bits(slab) >> 16, minlength=HALF) for slab in _slabs(matrix)), count)
    lower = np.zeros(2**16, dtype=np.int64)
    for slab in _slabs(matrix):
        bits = _bits(slab)
        lower += np.bincount(bits[bits >> 16 == upper] & 0xFFFF, minlength=2**16)
    place, left = _place(lower, left)
    return float(np.array((upper << 16) + place, dtype=np.uint32).view(np.float32)), left


def _place(counts: np.ndarray, wanted: int) -> tuple[int, int]:
    """The bin that the wanted one lies in, and its number there."""
    ends = np.cumsum(counts)
    at = int(np.searchsorted(ends, wanted))
    return at, wanted - int(ends[at] - counts[at])


def _bits(slab: Tensor) -> np.ndarray:
    """The bits of |w| as float32: whole numbers in the order of the magnitudes."""
    return slab.float().abs().numpy().ravel().view(np.uint32).astype(np.int64)


def _mask(values: Tensor, last: float, ties: int) -> Tensor:
    """True survives; of the values of magnitude `last` the first `ties` go."""
    sizes = values.abs()
    mask = sizes > last
    tied = (sizes == last).flatten().nonzero()[:, 0]
    mask.view(-1)[tied[max(0, ties) :]] = True
    return mask


def _joined(forms: list[Affine]) -> Affine:
    offsets = [form.offset for form in forms]
    return replace(
        forms[0],
        codes=torch.cat([form.codes for form in forms]),
        scale=torch.cat([form.scale for form in forms]),
        offset=None if offsets[0] is None else torch.cat(offsets),
    )


EVEN = ("affine", "symmetric")
