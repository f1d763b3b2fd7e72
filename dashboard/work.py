"""What the page does in the background: jobs by what they measure, shared by all tabs of the server."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterator
from typing import TypeVar

import streamlit as st

from core import jobs
from core.jobs import Job

LAST = 6  # searches, and as many trainings, kept with all that they told
STARTING = threading.Lock()  # of tabs that start at the same moment one is first
Kept = TypeVar("Kept")
MOST = 24  # jobs kept, with all that they found; the oldest go first, those that have ended before those that run


@st.cache_resource
def _kept() -> tuple[OrderedDict[Hashable, Job], threading.Lock]:
    return OrderedDict(), threading.Lock()


def find(key: Hashable) -> Job | None:
    """The job that measures, or has measured, what the key says."""
    return _kept()[0].get(key)


def latest(keys: Collection[Hashable]) -> Hashable | None:
    """Of some keys the one whose job runs and was asked for last."""
    kept, lock = _kept()
    with lock:
        return next((key for key in reversed(kept) if key in keys and kept[key].running), None)


def forget(name: str) -> None:
    """End and let go of every job whose key says the name."""
    kept, lock = _kept()
    with lock:
        for key in [key for key in kept if name in repr(key)]:
            jobs.stop(kept.pop(key))


def keep(kept: OrderedDict[Hashable, Kept], key: Hashable, made: Kept, end: Callable[[Kept], None]) -> None:
    """Keep what was begun last; of more than LAST the oldest is ended and let go."""
    kept[key] = made
    kept.move_to_end(key)
    while len(kept) > LAST:
        end(kept.popitem(last=False)[1])


def job(key: Hashable, steps: Callable[[], Iterator[object]], wanted: Callable[[], bool] = lambda: True) -> Job:
    """The job of the key: the one that runs or came to its end, else a new one.

    key: names all that the outcome depends on. wanted: whether anyone still waits for a new one. A job that was stopped
    or failed is started anew; ask `find` before for what it found.
    """
    kept, lock = _kept()
    with lock:
        found = kept.get(key)
        if found is None or found.trouble or found.stopping.is_set():
            kept[key] = found = jobs.start(steps, "prunescope work", wanted)
        kept.move_to_end(key)
        while len(kept) > MOST:
            jobs.stop(kept.pop(next((each for each in kept if not kept[each].running), next(iter(kept)))))
    return found
