"""Where recipes are measured: the threads or processes of this machine, or any other executor."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial

import torch

from core.sweep.parcel import Measured, Parcel, measure

Submit = Callable[[str], Future[Measured]]


@dataclass(frozen=True)
class Workers:
    """How many recipes at a time, where, and the errors that say that a worker died.

    opened: for a parcel, a context whose value takes a recipe's JSON and gives the future of what is measured.
    """

    count: int
    opened: Callable[[Parcel], AbstractContextManager[Submit]]
    deaths: tuple[type[BaseException], ...] = (BrokenExecutor,)


def workers_of(make: Callable[[], Executor], count: int) -> Workers:
    """`count` workers of an executor; `make` is called again for each that breaks."""

    @contextmanager
    def opened(parcel: Parcel) -> Iterator[Submit]:
        executor = make()
        try:
            yield partial(_undisturbed, executor.submit, parcel)
        finally:
            executor.shutdown(cancel_futures=True)

    return Workers(count, opened)


def _undisturbed(submit: Callable[..., Future[Measured]], parcel: Parcel, recipe: str) -> Future[Measured]:
    """Hand over a recipe with interrupts held back: a process that starts with it inherits that, and never sees one."""
    if sys.platform == "win32":
        return submit(measure, parcel, recipe)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return submit(measure, parcel, recipe)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def processes(count: int, each: int | None = None) -> Workers:
    """Processes of this machine, which share its processors evenly or take `each`; ValueError for fewer than one."""
    _check(count)
    share = each or processor_share(count)
    context = multiprocessing.get_context("spawn")  # a fork would inherit torch's threads in the middle of their work
    return workers_of(lambda: ProcessPoolExecutor(count, context, _settled, (share,)), count)


def threads(count: int) -> Workers:
    """Threads of this process, which share its processors evenly; ValueError for fewer than one."""
    _check(count)
    return workers_of(
        lambda: ThreadPoolExecutor(count, "sweep", torch.set_num_threads, (processor_share(count),)), count
    )


def _check(count: int) -> None:
    if count < 1:
        raise ValueError(f"workers is {count}, expected 1 or more")


def processor_share(workers: int) -> int:
    """How many of this machine's processors each of several workers computes on."""
    return max(1, (os.cpu_count() or 1) // workers)


def _settled(threads: int) -> None:
    """A worker leaves it to its parent to end it, and goes when the parent is gone."""
    torch.set_num_threads(threads)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_outlive_nobody, daemon=True).start()


def _outlive_nobody() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
