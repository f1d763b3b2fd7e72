"""Writers that are killed at random moments, and what the store must hold afterwards."""

import contextlib
import multiprocessing
import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from core import runs
from tests.core.runs import example

WRITERS = multiprocessing.get_context("forkserver")  # a fork of a process that has loaded all: a kill in 0.1 s
WRITERS.set_forkserver_preload([example.__name__])


def killed(path: Path, first: int, rng: random.Random) -> dict[int, int]:
    """i -> number of every run that a writer told to be kept before it was killed in the middle of its work."""
    heard, told = WRITERS.Pipe(duplex=False)
    writer = WRITERS.Process(target=example.write, args=(path, first, told))
    writer.start()
    told.close()
    kept = dict([heard.recv()])  # it has begun
    time.sleep(rng.uniform(0, 0.15))
    writer.kill()
    with contextlib.suppress(EOFError, OSError):  # the last words may be cut
        while True:
            kept |= dict([heard.recv()])
    writer.join()
    return kept


def require_whole(path: Path, kept: dict[int, int]) -> int:
    """How many runs there are; AssertionError where one that was kept is lost, or where half of one is there."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    store = runs.open_store(path)
    found = {run.number: run for run in runs.listed(store)}
    for i, number in kept.items():
        assert found[number].key == example.run(i).key
    for number, run in found.items():
        i = int(run.recipe.default.threshold)
        assert run.report == example.run(i).report
        arrays, expected = runs.arrays(store, number), example.answers(i)
        assert arrays.keys() == expected.keys()
        assert all(np.array_equal(arrays[name], expected[name]) for name in expected)
    return len(found)
