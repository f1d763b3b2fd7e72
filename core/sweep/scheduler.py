"""A Dask cluster as the place where recipes are measured; optional, and imported when it is asked for."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING

from core.sweep.parcel import Parcel, measure, with_files
from core.sweep.workers import Submit, Workers

if TYPE_CHECKING:
    from dask.distributed import Client, Future

PATIENCE = 10  # seconds that a scheduler and its first worker are waited for


def cluster(address: str) -> Workers:
    """The workers of a Dask scheduler at an address such as tcp://127.0.0.1:8786; ValueError where there are none.

    A parcel travels to each worker once, its files included. Dask itself gives a recipe whose worker died to others.
    """
    with _connected(address) as client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            raise ValueError(f"scheduler '{address}' has no workers, start some: dask worker {address}") from None
        count = sum(client.nthreads().values())
    return Workers(count, partial(_opened, address), (_distributed().KilledWorker, CancelledError))


def _distributed() -> ModuleType:
    try:
        from dask import distributed
    except ImportError:
        raise ValueError("--scheduler needs Dask, install it with: pip install distributed") from None
    return distributed


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    distributed = _distributed()
    try:
        client = distributed.Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"scheduler '{address}' does not answer ({error}); start one with: dask scheduler") from None
    with client:
        yield client


@contextmanager
def _opened(address: str, parcel: Parcel) -> Iterator[Submit]:
    with _connected(address) as client:
        executor = client.get_executor(pure=False)
        try:
            yield partial(executor.submit, measure, _sent(client, parcel))
        finally:
            executor.shutdown(wait=False)


def _sent(client: Client, parcel: Parcel) -> Future:
    """The parcel as the result of a task, which the scheduler has made anew where all workers that held it died."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
        return client.submit(_same, with_files(parcel), pure=False)


def _same(parcel: Parcel) -> Parcel:
    return parcel
