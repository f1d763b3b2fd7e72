"""A subject, runs of it and a writer to be killed, without measuring."""

from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from core import runs
from core.recipe import Recipe, Settings
from core.runs import Run, Subject

VERSIONS = {
    "python": "3",
    "torch": "2",
    "numpy": "2",
    "report": "prunescope/report/1",
    "weights": "prunescope/weights/3",
}
SUBJECT = Subject("net", "a" * 64, "b" * 64, "digits", "c" * 64, "first 100", 0, VERSIONS)


def run(i: int = 0) -> Run:
    """A measured run, another one for each i."""
    report = {"accuracy": 1 / (i + 1), "drop": float(i), "bytes": i, "calibration_images": 100, "drop_ci95": [0.0, 1.0]}
    return replace(runs.asked(SUBJECT, Recipe(Settings(threshold=float(i)))), report=report | {"layers": [i] * 500})


def answers(i: int = 0) -> dict[str, np.ndarray]:
    """Arrays that only i makes so."""
    values = np.random.default_rng(i)
    return {"predicted": values.integers(0, 10, 5000, np.uint8), "change": values.random(5000, np.float32)}


def write(path: Path, first: int, told: Connection) -> None:
    """Keep one run after the other and tell each number once it is kept, until killed."""
    store = runs.open_store(path)
    for i in range(first, first + 10**6):
        told.send((i, runs.record(store, run(i), answers(i))))
