"""Runs into the store and out of it, each change whole or not at all."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from types import MappingProxyType

import numpy as np

from core.runs.arrays import packed, unpacked_all
from core.runs.database import FILES, READ, WRITE, Store, using
from core.runs.records import Run, Subject

NO_ARRAYS: Mapping[str, np.ndarray] = MappingProxyType({})
NO_FILES: Mapping[str, bytes] = MappingProxyType({})
LONGEST = 40  # characters of a value in a sentence
TEXTS = ("model", "model_sha256", "answers", "data", "data_sha256", "calibration")
NUMBERS = {"accuracy", "accuracy_dense", "drop", "images", "calibration_images", "bytes", "bytes_dense"}
COLUMNS = "number, at, kind, name, note, subject, recipe, settings, report, extra"


def record(
    store: Store, run: Run, arrays: Mapping[str, np.ndarray] = NO_ARRAYS, files: Mapping[str, bytes] = NO_FILES
) -> int:
    """The number under which a measured run is kept from now on.

    A run with the same key keeps its number, name and note and takes the newer figures. arrays: of the types that
    `core.runs.arrays.TYPES` names; where none are given those kept before stay. files: by name; the same of them.
    """
    stored = {name: packed(array) for name, array in arrays.items()}
    values = (run.key, run.at or _now(), run.kind, run.name, run.note, *_texts(run))

    def work(connection: sqlite3.Connection) -> int:
        (number,) = connection.execute(INSERT, values).fetchone()
        if stored:
            connection.execute("DELETE FROM arrays WHERE run = ?", (number,))
        rows = [(number, name, *parts) for name, parts in stored.items()]
        connection.executemany("INSERT INTO arrays (run, name, dtype, shape, data) VALUES (?, ?, ?, ?, ?)", rows)
        if files:
            connection.execute(FILES)
            connection.execute("DELETE FROM files WHERE run = ?", (number,))
            held = [(number, name, data) for name, data in files.items()]
            connection.executemany("INSERT INTO files (run, name, data) VALUES (?, ?, ?)", held)
        return number

    return using(store, WRITE, work)


def _texts(run: Run) -> list[str]:
    dumped = (asdict(run.subject), run.settings, run.report, run.extra)
    head, settings, figures, extra = (json.dumps(dict(part), allow_nan=False) for part in dumped)
    return [head, run.written, settings, figures, extra]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def find(store: Store, run: Run) -> Run | None:
    """The kept run with this run's key, or None where it has not been measured."""
    rows = _selected(store, "WHERE key = ?", (run.key,))
    return rows[0] if rows else None


def listed(store: Store) -> list[Run]:
    """Every run in the order in which they were first kept."""
    return _selected(store, "ORDER BY number", ())


def one(store: Store, number: int) -> Run:
    """The run of a number; ValueError where there is none."""
    rows = _selected(store, "WHERE number = ?", (number,))
    if not rows:
        raise _unknown(store, number)
    return rows[0]


def _selected(store: Store, which: str, values: tuple[str | int, ...]) -> list[Run]:
    return [_run(store, row) for row in _rows(store, f"SELECT {COLUMNS} FROM runs {which}", values)]


def _rows(store: Store, query: str, values: tuple[str | int, ...]) -> list[tuple]:
    return using(store, READ, lambda connection: connection.execute(query, values).fetchall())


def _run(store: Store, row: tuple) -> Run:
    number, at, kind, name, note, head, recipe, *dumped = row
    try:
        settings, figures, extra = map(_object, dumped)
        run = Run(Subject(**_object(head)), recipe, figures, kind, settings, extra, name, note, number, at)
        _require_texts(at, kind, name, note, *(getattr(run.subject, part) for part in TEXTS))
        _require_numbers(figures)
        _object(recipe), run.subject.versions["torch"]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"run {number} of '{store.path}' cannot be read ({error}); delete it with: runs delete {number}"
        ) from None
    return run


def _object(text: str) -> dict[str, object]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(f"{text[:LONGEST]!r} is no object")
    return found


def _require_texts(*values: object) -> None:
    wrong = next((value for value in values if not isinstance(value, str)), None)
    if wrong is not None:
        raise ValueError(f"{wrong!r} is no text")


def _require_numbers(figures: Mapping[str, object]) -> None:
    for name in NUMBERS & figures.keys():
        if isinstance(figures[name], bool) or not isinstance(figures[name], int | float):
            raise ValueError(f"its {name} is {figures[name]!r}, expected a number")


def arrays(store: Store, number: int) -> dict[str, np.ndarray]:
    """What was kept for each image by name, read-only arrays; empty where nothing was."""
    rows = _rows(store, "SELECT name, dtype, shape, data FROM arrays WHERE run = ? ORDER BY name", (number,))
    try:
        return unpacked_all({name: tuple(stored) for name, *stored in rows})
    except ValueError as error:
        raise ValueError(f"run {number} of '{store.path}': {error}") from None


def files(store: Store, number: int) -> dict[str, bytes]:
    """The files that were kept with a run, by name; empty where there are none."""
    return dict(_of_files(store, "SELECT name, data FROM files WHERE run = ?", (number,)))


def with_files(store: Store) -> frozenset[int]:
    """The numbers of the runs that files are kept with."""
    return frozenset(number for (number,) in _of_files(store, "SELECT DISTINCT run FROM files", ()))


def _of_files(store: Store, query: str, values: tuple[int, ...]) -> list[tuple]:
    """The rows of a query of the files, none where none were ever kept."""
    there = _rows(store, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'files'", ())
    return _rows(store, query, values) if there else []


def rename(store: Store, number: int, name: str) -> None:
    """Give a run a name; ValueError where there is no such run."""
    _change(store, number, "UPDATE runs SET name = :text WHERE number = :number", name)


def annotate(store: Store, number: int, note: str) -> None:
    """Give a run a note; ValueError where there is no such run."""
    _change(store, number, "UPDATE runs SET note = :text WHERE number = :number", note)


def delete(store: Store, number: int) -> None:
    """Remove a run and what was kept with it; ValueError where there is no such run. Its number is not used again."""
    _change(store, number, "DELETE FROM runs WHERE number = :number", "")


def _change(store: Store, number: int, statement: str, text: str) -> None:
    values = {"number": number, "text": text}
    if not using(store, WRITE, lambda connection: connection.execute(statement, values).rowcount):
        raise _unknown(store, number)


def _unknown(store: Store, number: int) -> ValueError:
    return ValueError(f"run {number} is not in '{store.path}', expected a number that 'runs list' shows")


INSERT = """
INSERT INTO runs (key, at, kind, name, note, subject, recipe, settings, report, extra)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET
    at = excluded.at, subject = excluded.subject, recipe = excluded.recipe,
    report = excluded.report, extra = excluded.extra
RETURNING number
"""
