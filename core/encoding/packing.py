"""Codes as bytes, and numpy where it takes a fraction of torch's time."""

from itertools import product

import numpy as np
import torch
from torch import Tensor

from core.parallel import LEAST, each, spans

PAIRED = 16  # levels up to which a table of all pairs of them stays in the cache
COMPARED = 127  # edges up to which comparing with each is fastest
ANSWERS = 1 << 19  # bytes of answers at a time: stay in the cache of a processor
CHUNK = 1 << 16  # values at a time: stays in the cache


def pack(codes: Tensor, width: int) -> Tensor:
    """Codes below 2^width, (n,) uint8, as ceil(n * width / 8) bytes, lowest bit first."""
    planes = np.unpackbits(codes.numpy()[:, None], axis=1, bitorder="little", count=width)
    return torch.from_numpy(np.packbits(planes, bitorder="little"))


def unpack(packed: Tensor, width: int, count: int) -> Tensor:
    """The `count` codes that `pack` packed, (count,) uint8; ValueError where there are more or fewer."""
    if packed.numel() != packed_bytes(count, width):
        raise ValueError(f"{packed.numel()} bytes of codes, expected {packed_bytes(count, width)}")
    planes = np.unpackbits(packed.numpy(), count=count * width, bitorder="little").reshape(count, width)
    return torch.from_numpy(np.packbits(planes, axis=1, bitorder="little")[:, 0].copy())


def spread(scale: Tensor, columns: int, block: int, first: int = 0) -> Tensor:
    """A scale for each block, (rows, blocks), as one that multiplies `columns` columns from the `first` on."""
    if scale.shape[1] == 1:
        return scale
    start = first // block
    near = scale[:, start : -(-(first + columns) // block)].repeat_interleave(block, 1)
    return near[:, first - start * block :][:, :columns]


def masked(values: Tensor, mask: Tensor) -> Tensor:
    """The values where the mask is True, 0 elsewhere; numpy takes a third of torch's time for it."""
    return torch.from_numpy(values.numpy() * mask.numpy())


def count_kept(mask: Tensor) -> int:
    """How many weights a mask keeps."""
    return int(np.count_nonzero(mask.numpy()))


def packed_bytes(count: int, width: int) -> int:
    """Bytes of `count` packed codes."""
    return (count * width + 7) // 8


def bincount(codes: np.ndarray, size: int) -> np.ndarray:
    """numpy.bincount of uint8 codes below `size`, two at a time, which takes half as long."""
    even = codes.size // 2 * 2
    pairs = np.bincount(codes[:even].view(np.uint16), minlength=65536).reshape(256, 256)
    return (pairs.sum(0) + pairs.sum(1) + np.bincount(codes[even:], minlength=256))[:size]


def passed(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """How many of its row's edges each value lies above, uint8.

    values: float32 (rows, n). edges: float32 (1 or rows, up to 255), ascending.
    """
    shared = len(edges) == 1
    table = values.reshape(1, -1) if shared else values
    counts = np.empty(table.shape, np.uint8)
    width = max(1, table.shape[1])

    def count(part: tuple[slice, slice]) -> None:
        _count(table[part], edges if shared else edges[part[0]], counts[part])

    rows, columns = spans(len(table), LEAST // width), spans(width) if shared else [slice(0, width)]
    each(count, list(product(rows, columns)))
    return counts.reshape(values.shape)


def _count(values: np.ndarray, edges: np.ndarray, counts: np.ndarray) -> None:
    """`passed` in one thread, into `counts`."""
    if len(edges) == 1 and edges.shape[1] <= COMPARED:
        _compared_at_once(values[0], edges[0], counts[0])
        return
    width = values.shape[1]
    rows, columns = (1, CHUNK) if len(edges) == 1 else (max(1, CHUNK // max(1, width)), max(1, width))
    for row, column in product(range(0, len(values), rows), range(0, width, columns)):
        part = np.s_[row : row + rows, column : column + columns]
        own = edges[row : row + rows]
        counts[part] = _compared(values[part], own) if edges.shape[1] <= COMPARED else _halved(values[part], own)


def _compared_at_once(values: np.ndarray, edges: np.ndarray, counts: np.ndarray) -> None:
    """`passed` for one row of edges, (edges,), in two calls for many values: threads wait for each other at each."""
    chunk = max(1, ANSWERS // max(1, len(edges)))
    above = np.empty((len(edges), min(chunk, len(values))), bool)
    for start in range(0, len(values), chunk):
        part = np.s_[start : start + chunk]
        held = above[:, : len(values[part])]
        np.greater(values[part], edges[:, None], out=held)
        np.add.reduce(held.view(np.uint8), axis=0, dtype=np.uint8, out=counts[part])


def _compared(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """`passed` by comparing with every edge in turn."""
    counts, above = np.zeros(values.shape, np.uint8), np.empty(values.shape, bool)
    ones = above.view(np.uint8)  # a bool that is added as it is would be copied first
    for edge in range(edges.shape[1]):
        np.greater(values, edges[:, edge : edge + 1], out=above)
        np.add(counts, ones, out=counts)
    return counts


def taken(levels: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """levels[codes], float32; levels: (up to 256,), codes: uint8 of any shape. Two at a time where levels are few."""
    if len(levels) > PAIRED or codes.size < LEAST:
        return levels.take(codes)
    flat, even = np.ascontiguousarray(codes).reshape(-1), codes.size // 2 * 2
    values = np.empty(codes.size, np.float32)
    pairs, wide = flat[:even].view(np.uint16), values[:even].view(np.uint64)
    every = np.array(list(product(range(len(levels)), repeat=2)), np.uint8)
    table = np.zeros(every.view(np.uint16).max() + 1, np.uint64)
    table[every.view(np.uint16)[:, 0]] = levels[every].view(np.uint64)[:, 0]

    def take(part: slice) -> None:
        wide[part] = table.take(pairs[part])

    each(take, spans(len(pairs), LEAST // 2))
    values[even:] = levels.take(flat[even:])
    return values.reshape(codes.shape)


def _halved(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """`passed` by halving, all values together: a step costs a look-up instead of a comparison with every edge."""
    steps = edges.shape[1].bit_length()
    padded = np.full((len(edges), 2**steps - 1), np.inf, np.float32)
    padded[:, : edges.shape[1]] = edges
    flat, starts = padded.ravel(), np.arange(len(edges))[:, None] * padded.shape[1]
    found = np.zeros(values.shape, np.intp) + starts
    for step in reversed(range(steps)):
        found += (values > flat.take(found + (2**step - 1))) * np.intp(2**step)
    return found - starts
