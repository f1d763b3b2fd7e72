"""Long arrays in as many threads as torch is allowed: numpy lets go of the interpreter's lock inside its loops."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar

import numpy as np
import torch

LEAST = 1 << 17  # numbers to a thread: with fewer, handing them over costs more than it saves
Item = TypeVar("Item")
Found = TypeVar("Found")


def spans(count: int, least: int = LEAST) -> list[slice]:
    """Even parts of `count` places, in order: one a thread, or fewer where a part would be shorter than `least`."""
    parts = max(1, min(torch.get_num_threads(), count // max(1, least)))
    edges = [count * part // parts for part in range(parts + 1)]
    return [slice(start, end) for start, end in pairwise(edges)]


def each(function: Callable[[Item], Found], items: Sequence[Item]) -> list[Found]:
    """What the function returns for each item, in order: the first in this thread, the others in threads beside it.

    The function must not call `each` itself.
    """
    if len(items) == 1:
        return [function(items[0])]
    pool = _pool(os.getpid(), torch.get_num_threads())
    beside = [pool.submit(function, item) for item in items[1:]]
    return [function(items[0]), *(task.result() for task in beside)]


def ascending(values: np.ndarray) -> np.ndarray:
    """Each row in ascending order, NaN last, as numpy.sort gives it; values: (n,) or (rows, n).

    A single row is parted at its median, which leaves two halves that threads sort beside each other in place.
    """
    if values.ndim == 2 and len(values) > 1:
        return _ascending_rows(values)
    ordered = values.copy()
    parts = [ordered.reshape(-1)]
    wanted = len(spans(ordered.size))
    while 2 * len(parts) <= wanted:
        each(_part, parts)
        parts = [half for part in parts for half in (part[: part.size // 2], part[part.size // 2 :])]
    each(np.ndarray.sort, parts)
    return ordered


def _ascending_rows(values: np.ndarray) -> np.ndarray:
    ordered = np.empty_like(values)

    def sort(part: slice) -> None:
        np.copyto(ordered[part], values[part])
        ordered[part].sort()

    each(sort, spans(len(values), LEAST // max(1, values.shape[1])))
    return ordered


def _part(values: np.ndarray) -> None:
    values.partition(values.size // 2)


@lru_cache(maxsize=4)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """One pool a process, as a forked one has none of its parent's threads."""
    return ThreadPoolExecutor(threads, thread_name_prefix=f"arrays-{process}")
