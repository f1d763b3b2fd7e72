"""A Dask cluster as the place where recipes are measured; optional, and imported when it is asked for."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING

from core.sweep.parcel import Measured, Parcel, measure, with_files
from core.sweep.workers import Submit, Workers

if TYPE_CHECKING:
    from dask.distributed import Client, Future

PATIENCE = 10  # seconds that a scheduler and its first worker are waited for
ABSENCE = 60  # seconds without any worker after which a sweep ends
PORTS = 2**16
LOOK = 1.0  # seconds between two looks at the workers


def cluster(address: str) -> Workers:
    """The workers of a Dask scheduler at an address such as tcp://127.0.0.1:8786; ValueError where there are none.

    A parcel travels to each worker once, its files included. Dask itself gives a recipe whose worker died to others.
    """
    with _connected(address) as client:
        _require_workers(client, address)
        count = sum(client.nthreads().values())
    return Workers(count, partial(_opened, address), (_distributed().KilledWorker, futures.CancelledError))


def _require_workers(client: Client, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError:
        raise ValueError(f"scheduler '{address}' has no workers, start some: dask worker {address}") from None


def _distributed() -> ModuleType:
    try:
        from dask import distributed
    except ImportError:
        raise ValueError("--scheduler needs Dask, install it with: pip install distributed") from None
    return distributed


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    distributed = _distributed()
    _check(address)
    try:
        client = distributed.Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"scheduler '{address}' does not answer ({error}); start one with: dask scheduler") from None
    with client:
        yield client


def _check(address: str) -> None:
    """ValueError where it is no address: a client made with one would complain again whenever it is let go."""
    try:
        port = _distributed().comm.get_address_host_port(address)[1]
        problem = "" if 0 < port < PORTS else f"port {port} is none of 1 to {PORTS - 1}"
    except (ValueError, TypeError, NotImplementedError) as error:
        problem = f"{error}"
    if problem:
        raise ValueError(f"scheduler '{address}' is no address ({problem}), expected one as tcp://127.0.0.1:8786")


@contextmanager
def _opened(address: str, parcel: Parcel) -> Iterator[Submit]:
    """What runs is cancelled after ABSENCE seconds without any worker; ValueError where there is none to begin with."""
    with _connected(address) as client:
        _require_workers(client, address)
        executor, ended, running = client.get_executor(pure=False), threading.Event(), []
        sent = _sent(client, parcel)

        def submit(written: str) -> futures.Future[Measured]:
            running.append(executor.submit(measure, sent, written))
            return running[-1]

        threading.Thread(target=_watch, args=(client, running, ended), daemon=True).start()
        try:
            yield submit
        finally:
            ended.set()
            executor.shutdown(wait=False)


def _watch(client: Client, running: list[futures.Future[Measured]], ended: threading.Event) -> None:
    """Cancel what runs once there was no worker for ABSENCE seconds."""
    seen = time.monotonic()
    while not ended.wait(LOOK):
        if _workers(client):
            seen = time.monotonic()
        elif time.monotonic() - seen > ABSENCE:
            for future in running:
                future.cancel()
            return


def _workers(client: Client) -> int:
    """How many there are; 0 where the scheduler is gone too."""
    try:
        return len(client.nthreads())
    except (OSError, TimeoutError, RuntimeError):
        return 0


def _sent(client: Client, parcel: Parcel) -> Future:
    """The parcel as the result of a task, which the scheduler has made anew where all workers that held it died."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
        return client.submit(_same, with_files(parcel), pure=False)


def _same(parcel: Parcel) -> Parcel:
    return parcel
