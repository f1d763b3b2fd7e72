"""Codes as entropy-coded streams: each is expected as it follows the code before it, in groups.

A stream begins with its groups and their frequencies; its size is known from counts alone.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.encoding import ans
from core.encoding.packing import bincount
from core.entropy import bits_of

TABLE_BITS = 16  # of a frequency
FEW_CODES = 16  # up to which the code before is looked at
SEGMENT = 2048  # codes, the first of which have none before


@dataclass(frozen=True, eq=False)
class Plan:
    """A stream before it is written: its head (contexts and frequencies), words and lanes."""

    head: bytes
    words: int
    lanes: int

    @property
    def size(self) -> int:
        """Bytes of the stream."""
        return len(self.head) + 2 + 2 * (ans.STATE_WORDS * self.lanes + self.words)


def planned(head: bytes, counts: np.ndarray, table: np.ndarray, segments: int) -> Plan:
    """The plan of a stream of symbols with these counts and frequencies, (contexts, symbols)."""
    words = ans.words_of(counts, table)
    return Plan(head, words, ans.lanes_of(words, segments))


def written(plan: Plan, model: ans.Model, symbols: np.ndarray) -> Tensor:
    """Head, number of lanes, and the coded symbols, uint8 (plan.size,)."""
    stream = ans.encode(model, symbols, plan.lanes, plan.words)
    data = plan.head + plan.lanes.to_bytes(2, "little") + stream.astype("<u2").tobytes()
    return torch.from_numpy(np.frombuffer(data, np.uint8).copy())


def read(model: ans.Model, data: bytes) -> np.ndarray:
    """The symbols of a stream behind its head, (model.count,) uint8; ValueError where it is none."""
    if len(data) < 2 or len(data) % 2:
        raise ValueError(f"a coded stream of {len(data)} bytes, expected an even number")
    return ans.decode(model, np.frombuffer(data[2:], "<u2"), int.from_bytes(data[:2], "little"))


def shorts(data: bytes, count: int) -> np.ndarray:
    """The first `count` numbers of 16 bits; ValueError where there are fewer."""
    if len(data) < 2 * count:
        raise ValueError(f"a coded stream ends in its frequencies, expected {count}")
    return np.frombuffer(data, "<u2", count).astype(np.int64)


def bytes_of(data: Tensor, count: int) -> bytes:
    """The bytes of a stored stream; ValueError where the tensor is none, or too short for so many symbols."""
    if data.dtype != torch.uint8 or data.ndim != 1:
        raise ValueError(f"a coded stream of {tuple(data.shape)} {data.dtype}, expected bytes")
    most = 8 * ans.DENSEST * len(data)
    if count > most:
        raise ValueError(f"a coded stream of {len(data)} bytes for {count} symbols, expected {most} at most")
    return data.numpy().tobytes()


def plan_codes(codes: np.ndarray, size: int) -> tuple[Plan, np.ndarray]:
    """The stream of codes, (n,) uint8 below `size`, n at least 1, and how often each code is among them."""
    if size > FEW_CODES:
        counts = bincount(codes, size)
        return _codes_plan(counts[None], np.zeros(size, np.uint8), len(codes)), counts
    joint, first = _pairs(codes, size)
    counts = joint.sum(0) + first
    least = float(bits_of(counts))
    tried = [groups for groups in (2, 4, size) if groups <= size and TABLE_BITS * groups * size < least / 4]
    options = [_grouped(joint, first, _groups(counts, groups)) for groups in (1, *tried)]
    best = min(options, key=lambda option: bits_of(option[0]).sum() + TABLE_BITS * option[0].size)
    return _codes_plan(*best, len(codes)), counts


def _codes_plan(counts: np.ndarray, groups: np.ndarray, count: int) -> Plan:
    table = ans.quantized(counts)
    cuts = np.searchsorted(groups, np.arange(1, len(counts))).astype(np.uint8)
    head = bytes([len(counts)]) + cuts.tobytes() + table.astype("<u2").tobytes()
    return planned(head, counts, table, -(-count // SEGMENT))


def _pairs(codes: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """How often a code follows another, (before, code), and how often each begins a segment."""
    starts = codes[SEGMENT::SEGMENT].astype(np.int64)
    pairs = bincount(codes[:-1] << 4 | codes[1:], 256).reshape(16, 16)
    np.subtract.at(pairs, (codes[SEGMENT - 1 : -1 : SEGMENT], starts), 1)
    return pairs[:size, :size], np.bincount(codes[::SEGMENT], minlength=size)


def _groups(counts: np.ndarray, groups: int) -> np.ndarray:
    """The group of each code, ascending from 0 and equally often met as far as that goes, uint8."""
    if groups == len(counts):
        return np.arange(groups, dtype=np.uint8)
    middles = np.cumsum(counts) - counts / 2
    return np.minimum(groups - 1, middles * groups // counts.sum()).astype(np.uint8)


def _grouped(joint: np.ndarray, first: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    of_group = np.eye(int(groups.max()) + 1)[groups].T  # (groups, codes): float64 counts exactly
    counts = (of_group @ joint).astype(np.int64)
    counts[0] += first
    return counts, groups


def write_codes(plan: Plan, codes: np.ndarray, size: int) -> Tensor:
    """The stream that `plan` describes, uint8 (plan.size,)."""
    return written(plan, _codes_model(plan.head, len(codes), size)[0], codes)


def read_codes(data: Tensor, count: int, size: int) -> Tensor:
    """The codes, (count,) uint8 below `size`; ValueError where the stream holds no such codes."""
    model, rest = _codes_model(bytes_of(data, count), count, size)
    return torch.from_numpy(read(model, rest).copy())


def _codes_model(data: bytes, count: int, size: int) -> tuple[ans.Model, bytes]:
    groups = data[0] if data else 0
    if not 1 <= groups <= FEW_CODES:
        raise ValueError(f"coded codes have {groups} groups, expected 1 to {FEW_CODES}")
    cuts, data = np.frombuffer(data[1:groups], np.uint8), data[groups:]
    table = shorts(data, groups * size).reshape(groups, size)
    weights = np.searchsorted(cuts, np.arange(size), side="right")
    near = ((1, weights),) if groups > 1 else ()
    return ans.Model(count, SEGMENT, np.zeros(count, np.uint16), near, table), data[2 * groups * size :]
