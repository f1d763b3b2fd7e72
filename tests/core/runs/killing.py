"""Writers that are killed at random moments, and what the store must hold afterwards."""

import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from core import runs
from tests.core.runs import example

WRITER = [sys.executable, "-m", "tests.core.runs.example"]


def killed(path: Path, first: int, rng: random.Random) -> dict[int, int]:
    """i -> number of every run that a writer said it had kept before it was killed in the middle of its work."""
    with subprocess.Popen([*WRITER, str(path), str(first)], stdout=subprocess.PIPE, text=True) as writer:
        said = [writer.stdout.readline()]  # it has begun
        time.sleep(rng.uniform(0, 0.15))
        writer.send_signal(signal.SIGKILL)
        said += writer.stdout.read().splitlines()
    whole = [line.split() for line in said if len(line.split()) == 2]
    return {int(i): int(number) for i, number in whole}


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
