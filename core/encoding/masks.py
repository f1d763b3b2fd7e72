"""Masks as entropy-coded streams, each weight expected by where it stands and what is kept beside it.

Contexts: classes of rows and of columns by how many weights they keep, whether the weight to the left is kept, and
whether the one at some distance to the left is (the line above, in an image); of these four what pays.
"""

import math
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from core.encoding import ans
from core.encoding.packing import pack, packed_bytes, unpack
from core.encoding.streams import Plan, bytes_of, planned, read, shorts, written
from core.entropy import bits_of

CLASSES, CLASS_BITS, TABLE_BITS = 8, 3, 16
LARGE = 1 << 15  # weights from which on neighbours are looked at
FARTHEST = 128  # distance of a neighbour that is looked for
SAMPLED = 1 << 14  # weights in which it is looked for
ROWS, COLUMNS, LEFT, FAR = 1, 2, 4, 8  # bits of the stream's first byte
RUN = 255  # rows whose bits add up in a byte
CACHED = 1 << 18  # weights at a time


def plan_mask(mask: np.ndarray) -> Plan:
    """The stream of a mask, (rows, columns) bool with at least one weight, by the contexts that make it smallest."""
    bits = mask.view(np.uint8)
    kept = np.bitwise_count(np.packbits(mask, 1)).sum(1, dtype=np.int64), _column_sums(bits)
    classes, far = tuple(map(_classes, kept)), 0
    if mask.size < LARGE:
        options = _by_class(kept, classes)
        flags = min(options, key=lambda flags: bits_of(options[flags]).sum() + _head_bits(flags, mask.shape))
        counts = options[flags]
    else:
        far = _far(bits)
        every = _mask_counts(bits, *classes, far)
        flags = _smallest(every, mask.shape)
        counts = _chosen(every, flags)
    packed = [pack(torch.from_numpy(classes[i]), CLASS_BITS).numpy().tobytes() for i in (0, 1) if flags >> i & 1]
    return _planned(bytes([flags, far]) + b"".join(packed), counts, len(mask))


def _by_class(kept: tuple[np.ndarray, np.ndarray], classes: tuple[np.ndarray, np.ndarray]) -> dict[int, np.ndarray]:
    """The counts of a mask, by flags, without contexts, by classes of rows and by classes of columns."""
    true = int(kept[0].sum())
    options = {0: np.array([[len(kept[0]) * len(kept[1]) - true, true]])}
    for axis, flag in enumerate((ROWS, COLUMNS)):
        inside = np.bincount(classes[axis], kept[axis], CLASSES).astype(np.int64)
        whole = np.bincount(classes[axis], minlength=CLASSES) * len(kept[1 - axis])
        options[flag] = np.stack([whole - inside, inside], 1)
    return options


def _head_bits(flags: int, shape: tuple[int, int]) -> int:
    """Bits of the classes and frequencies of a stream with these contexts."""
    contexts = math.prod(size for i, size in enumerate((CLASSES, CLASSES, 2, 2)) if flags >> i & 1)
    return TABLE_BITS * contexts + CLASS_BITS * sum(size for i, size in enumerate(shape) if flags >> i & 1)


def _planned(head: bytes, counts: np.ndarray, rows: int) -> Plan:
    table = ans.quantized(counts)
    return planned(head + table[:, 1].astype("<u2").tobytes(), counts, table, rows)


def write_mask(plan: Plan, mask: np.ndarray) -> Tensor:
    """The stream that `plan` describes, uint8 (plan.size,)."""
    return written(plan, _mask_model(plan.head, mask.shape)[0], mask.ravel().view(np.uint8))


def read_mask(data: Tensor, shape: tuple[int, int]) -> Tensor:
    """The mask, bool (rows * columns,); ValueError where the stream holds none of this shape."""
    model, rest = _mask_model(bytes_of(data, math.prod(shape)), shape)
    return torch.from_numpy(read(model, rest).astype(bool))


def _mask_model(data: bytes, shape: tuple[int, int]) -> tuple[ans.Model, bytes]:
    if len(data) < 2 or data[0] > 15 or (data[0] & FAR and not data[1]):
        raise ValueError("a coded mask begins with no kind of context that is known")
    flags, far, data = data[0], data[1], data[2:]
    rows, data = _read_classes(data, shape[0], flags & ROWS)
    columns, data = _read_classes(data, shape[1], flags & COLUMNS)
    beside = bool(flags & LEFT) + bool(flags & FAR)
    across = CLASSES if flags & COLUMNS else 1
    contexts = (CLASSES if flags & ROWS else 1) * across << beside
    of_true = shorts(data, contexts)
    base = (rows[:, None].astype(np.uint16) * np.uint16(across) + columns) << beside
    neighbours = ((1, flags & LEFT, beside - 1), (far, flags & FAR, 0))
    near = tuple((distance, np.array([0, 1 << shift])) for distance, flag, shift in neighbours if flag)
    table = np.stack([ans.SLOTS - of_true, of_true], 1)
    return ans.Model(shape[0] * shape[1], shape[1], base.ravel(), near, table), data[2 * contexts :]


def _read_classes(data: bytes, size: int, there: int) -> tuple[np.ndarray, bytes]:
    """The class of each row or column, (size,) uint8, all 0 where they are not `there`, and what follows them."""
    if not there:
        return np.zeros(size, np.uint8), data
    length = packed_bytes(size, CLASS_BITS)
    packed = torch.from_numpy(np.frombuffer(data[:length], np.uint8).copy())
    return unpack(packed, CLASS_BITS, size).numpy(), data[length:]


def _classes(kept: np.ndarray) -> np.ndarray:
    """Classes of equal size by how many are kept, uint8."""
    found = np.empty(len(kept), np.uint8)
    found[np.argsort(kept, kind="stable")] = np.arange(len(kept)) * CLASSES // max(1, len(kept))
    return found


def _far(bits: np.ndarray) -> int:
    """The distance, from 2 to FARTHEST, at which weights of a row are most often kept together; 0 if narrow."""
    sample = bits[:: -(-bits.size // SAMPLED), :SAMPLED]
    columns = sample.shape[1]
    if columns < 4:
        return 0
    spectrum = np.abs(np.fft.rfft(sample, 2 * columns, axis=1)) ** 2
    together = np.rint(np.fft.irfft(spectrum.sum(0)))[2 : min(columns // 2, FARTHEST) + 1]
    return 2 + int(np.argmax(together / (columns - 2 - np.arange(len(together)))))


def _mask_counts(bits: np.ndarray, rows: np.ndarray, columns: np.ndarray, far: int) -> np.ndarray:
    """How often a weight is kept in each context, (row classes, column classes, left, far, kept)."""
    sums = np.zeros((7, CLASSES, CLASSES))
    of_column = np.eye(CLASSES)[columns]  # (columns, classes): float64 counts exactly and multiplies fast
    for places in _blocks(rows, bits.shape[1]):
        begins = _begins(rows[places])
        parts = _together(bits[places], begins, far)
        of_row = np.eye(CLASSES)[rows[places[begins]]].T
        sums += [of_row @ (part @ of_column[-part.shape[1] or len(columns) :]) for part in parts]
    whole = np.outer(np.bincount(rows, minlength=CLASSES), np.bincount(columns, minlength=CLASSES))
    kept, left, away, kept_left, kept_away, beside, all_three = sums.astype(np.int64)
    found = np.empty((CLASSES, CLASSES, 2, 2, 2), np.int64)
    found[..., 1, 1, 1], found[..., 1, 1, 0] = all_three, beside - all_three
    found[..., 1, 0, 1], found[..., 1, 0, 0] = kept_left - all_three, left - kept_left - beside + all_three
    found[..., 0, 1, 1], found[..., 0, 1, 0] = kept_away - all_three, away - kept_away - beside + all_three
    found[..., 0, 0, 1] = kept - kept_left - kept_away + all_three
    found[..., 0, 0, 0] = whole - found.reshape(*whole.shape, 8)[..., 1:].sum(2)
    return found


def _blocks(rows: np.ndarray, columns: int) -> list[np.ndarray]:
    """The rows' places by class, in blocks that stay in the cache."""
    size = max(1, CACHED // columns)
    order = np.argsort(rows, kind="stable")
    return [order[begin : begin + size] for begin in range(0, len(order), size)]


def _begins(classes: np.ndarray) -> np.ndarray:
    """Where a class of ascending ones begins, or goes on after RUN rows."""
    starts = np.flatnonzero(np.diff(classes, prepend=CLASSES))
    ends = np.append(starts[1:], len(classes))
    return np.concatenate([np.arange(start, end, RUN) for start, end in zip(starts, ends, strict=True)])


def _together(bits: np.ndarray, begins: np.ndarray, far: int) -> tuple[np.ndarray, ...]:
    """How often a weight, its left and its far neighbour are kept, then which of them together, (runs, columns) uint8.

    begins: of runs of at most RUN rows. The columns are the last ones, without those that have no such neighbour.
    """
    away = far or bits.shape[1]
    near = bits[:, 1:] & bits[:, :-1]
    across = bits[:, away:] & bits[:, :-away]
    beside = bits[:, away - 1 : -1] & bits[:, :-away]
    runs = [slice(*run) for run in pairwise([*begins.tolist(), len(bits)])]
    kept, *joint = (
        np.stack([np.add.reduce(part[run], 0, dtype=np.uint8) for run in runs])
        for part in (bits, near, across, beside, near[:, away - 1 :] & across)
    )
    return kept, kept[:, :-1], kept[:, :-away], *joint


def _column_sums(bits: np.ndarray) -> np.ndarray:
    blocks = [bits[begin : begin + RUN] for begin in range(0, len(bits), RUN)]
    return np.sum([np.add.reduce(block, 0, dtype=np.uint8) for block in blocks], 0, dtype=np.int64)


def _chosen(counts: np.ndarray, flags: int) -> np.ndarray:
    """The counts in the contexts that `flags` names, (contexts, 2)."""
    return counts.sum(tuple(axis for axis in range(4) if not flags >> axis & 1)).reshape(-1, 2)


def _smallest(counts: np.ndarray, shape: tuple[int, int]) -> int:
    """The flags of the contexts in which the stream is smallest, head included."""
    sides = counts.shape[:4]
    for axis in range(4):
        counts = np.concatenate([counts, counts.sum(axis, keepdims=True)], axis)
    bits = bits_of(counts)  # a context each, and what several are together behind them
    for axis, side in enumerate(sides):
        bits = np.add.reduceat(bits, [0, side], axis)
    for flags in range(16):
        bits[tuple(1 - (flags >> axis & 1) for axis in range(4))] += _head_bits(flags, shape)
    best = np.unravel_index(np.argmin(bits), bits.shape)
    return sum(1 << axis for axis, merged in enumerate(best) if not merged)
