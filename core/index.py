"""A layer's weights sorted once: exact figures for any slider position, in time independent of their number."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from core.entropy import entropy
from core.parallel import ascending

BLOCK = 64  # weights to a prefix sum: 0.25 bytes a weight for two float64 sums


@dataclass(frozen=True, eq=False)
class Index:
    """values: float32, ascending. sums, squares: float64 sums of all blocks before each block of 64."""

    values: np.ndarray
    sums: np.ndarray
    squares: np.ndarray


class Grid(NamedTuple):
    """value = (code - zero) * scale + offset, codes 0 to top; float32 arithmetic, as the coders do it."""

    scale: np.float32
    offset: np.float32 | None
    zero: int
    top: int


class Tick(NamedTuple):
    """Everything a slider position is asked for. kept, removed: weights a bin. counts: weights a code."""

    sparsity: float
    kept: np.ndarray
    removed: np.ndarray
    counts: np.ndarray
    entropy: float
    squared_error: float


def build(weight: np.ndarray) -> Index:
    """The index of finite float32 weights, any shape; 4.25 bytes a weight."""
    values = ascending(weight.reshape(-1))
    whole = values[: values.size // BLOCK * BLOCK].reshape(-1, BLOCK)
    return Index(values, _prefix(whole, False), _prefix(whole, True))


def _prefix(blocks: np.ndarray, squared: bool) -> np.ndarray:
    totals = np.empty(len(blocks) + 1)
    totals[0] = 0.0
    chunk = 4096  # blocks widened to float64 at a time: stays in the cache
    for start in range(0, len(blocks), chunk):
        wide = blocks[start : start + chunk].astype(np.float64)
        part = np.einsum("ij,ij->i", wide, wide) if squared else wide.sum(1)
        totals[start + 1 : start + 1 + len(part)] = part
    return np.cumsum(totals, out=totals)


def total(index: Index, positions: np.ndarray, squared: bool = False) -> np.ndarray:
    """Sum (of the squares) of the values before each of `positions`, float64."""
    prefix = index.squares if squared else index.sums
    block = positions // BLOCK
    gathered = np.minimum(block[:, None] * BLOCK + np.arange(BLOCK), index.values.size - 1)
    rest = index.values[gathered].astype(np.float64)
    rest *= np.arange(BLOCK) < (positions % BLOCK)[:, None]
    return prefix[block] + (np.einsum("ij,ij->i", rest, rest) if squared else rest.sum(1))


def cut(index: Index, threshold: float) -> tuple[int, int]:
    """(low, high): the weights with |w| below the threshold, taken as a float32, are values[low:high]."""
    edge = np.float32(threshold)
    low = np.searchsorted(index.values, -edge, "right")
    high = np.searchsorted(index.values, edge, "left")
    return int(low), int(max(low, high))


def magnitude(index: Index, count: int) -> np.float32:
    """The |w| of the weight that is removed last when the `count` smallest go, count in 1 to n."""
    values = index.values
    split = int(np.searchsorted(values, np.float32(0)))  # values[:split] < 0
    below, above = max(0, count - (values.size - split)), min(count, split)
    while below < above:  # how many of the `count` are negative
        negative = (below + above) // 2
        if -values[split - 1 - negative] < values[split + count - negative - 1]:
            below = negative + 1
        else:
            above = negative
    largest = [-values[split - below]] if below else []
    return max([*largest, values[split + count - below - 1]] if count > below else largest)


def bounds(index: Index, low: int, high: int) -> tuple[np.float32, np.float32]:
    """Smallest and largest survivor once values[low:high] is removed; (0, 0) where none is left."""
    values, size = index.values, index.values.size
    if high - low == size:
        return np.float32(0), np.float32(0)
    return values[0 if low else high], values[size - 1 if high < size else low - 1]


def tick(index: Index, threshold: float, grid: Grid, edges: np.ndarray) -> Tick:
    """All figures for one threshold and one grid for the survivors.

    edges: ascending bin edges, as for `places`. counts: one a code, the
    removed weights under the code of 0, or in a last place of their own where no code means 0.
    """
    low, high = cut(index, threshold)
    size = index.values.size
    begins = places(index, edges)
    removed = np.diff(np.clip(begins, low, high))
    positions = _code_positions(index, grid)
    below, above = np.minimum(positions, low), np.maximum(positions, high)
    counts, error = _codes(index, grid, below, above)
    error += float(np.diff(total(index, np.array([low, high]), True))[0])
    counts = np.append(counts, 0)
    counts[grid.zero if grid.offset is None else -1] += high - low
    return Tick((high - low) / size, np.diff(begins) - removed, removed, counts, entropy(counts), error)


def places(index: Index, edges: np.ndarray) -> np.ndarray:
    """Where bins begin in the sorted values, and where the last ends; half open but for the last, as numpy's are."""
    found = np.searchsorted(index.values, edges.astype(np.float32), "left")
    found[-1] = np.searchsorted(index.values, np.float32(edges[-1]), "right")
    return found


def _codes(index: Index, grid: Grid, below: np.ndarray, above: np.ndarray) -> tuple[np.ndarray, float]:
    """Survivors a code and their squared error, from the places where each code begins on either side of the cut."""
    levels = decoded(grid, np.arange(grid.top + 1)).astype(np.float64)
    both = np.concatenate([below, above])
    sums, squares = total(index, both), total(index, both, True)
    half = len(below)
    counts = np.diff(below) + np.diff(above)
    linear = np.diff(sums[:half]) + np.diff(sums[half:])
    square = np.diff(squares[:half]) + np.diff(squares[half:])
    return counts, float((square - 2 * levels * linear + levels**2 * counts).sum())


def _code_positions(index: Index, grid: Grid) -> np.ndarray:
    """Where the codes 0, 1, … top begin in the sorted values, and the end: (top + 2,)."""
    codes, values = np.arange(1, grid.top + 1), index.values
    start = (codes - 0.5 - grid.zero) * float(grid.scale) + float(_offset(grid))
    found = np.searchsorted(values, start.astype(np.float32), "left")
    begins = code(grid, values[np.minimum(found, values.size - 1)]) >= codes
    ended = code(grid, values[np.maximum(found - 1, 0)]) < codes
    wrong = ~((begins | (found == values.size)) & (ended | (found == 0)))  # rounding moved the boundary past a weight
    if wrong.any():
        found[wrong] = _bisected(index, grid, codes[wrong])
    return np.concatenate([[0], found, [values.size]])


def _bisected(index: Index, grid: Grid, codes: np.ndarray) -> np.ndarray:
    """Where each of the codes begins, by halving."""
    low, high = np.zeros(len(codes), np.int64), np.full(len(codes), index.values.size)
    while (low < high).any():
        middle = (low + high) // 2
        reached = code(grid, index.values[np.minimum(middle, index.values.size - 1)]) >= codes
        high = np.where(reached, middle, high)
        low = np.where(reached | (low >= high), low, middle + 1)
    return high


def code(grid: Grid, values: np.ndarray) -> np.ndarray:
    """The code of each float32 value; not decreasing, so sorted values have sorted codes."""
    return np.clip(np.rint((values - _offset(grid)) / grid.scale) + grid.zero, 0, grid.top)


def decoded(grid: Grid, codes: np.ndarray) -> np.ndarray:
    """The float32 value of each code."""
    return (codes - grid.zero).astype(np.float32) * grid.scale + _offset(grid)


def _offset(grid: Grid) -> np.float32:
    return np.float32(0) if grid.offset is None else grid.offset
