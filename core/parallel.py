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
    """What the function returns for each item, in order: in this thread and those beside it, whichever is free.

    The function must not call `each` itself.
    """
    found: list[Found | None] = [None] * len(items)
    left = enumerate(items)  # shared: the interpreter's lock lets one thread at a time take the next

    def work() -> None:
        for place, item in left:
            found[place] = function(item)

    helpers = min(len(items), torch.get_num_threads()) - 1
    pool = _pool(os.getpid(), torch.get_num_threads()) if helpers > 0 else None
    beside = [pool.submit(work) for _ in range(helpers)]
    work()
    for task in beside:
        if not task.cancel():  # one that has not begun by now would find nothing left
            task.result()
    return found


def ascending(values: np.ndarray) -> np.ndarray:
    """Each row in ascending order, NaN last, as numpy.sort gives it; values: (n,) or (rows, n).

    A single row is parted at its median, which leaves two halves that threads sort beside each other in place.
    """
    ordered = values.copy()
    if ordered.ndim == 2 and len(ordered) > 1:
        rows = spans(len(ordered), LEAST // max(1, ordered.shape[1]))
        each(np.ndarray.sort, [ordered[part] for part in rows])
        return ordered
    parts = [ordered.reshape(-1)]
    wanted = len(spans(ordered.size))
    while 2 * len(parts) <= wanted:
        each(_part, parts)
        parts = [half for part in parts for half in (part[: part.size // 2], part[part.size // 2 :])]
    each(np.ndarray.sort, parts)
    return ordered


def _part(values: np.ndarray) -> None:
    values.partition(values.size // 2)


@lru_cache(maxsize=4)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """One pool a process, as a forked one has none of its parent's threads."""
    return ThreadPoolExecutor(threads, thread_name_prefix=f"arrays-{process}")
