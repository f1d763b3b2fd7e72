"""Searches and the recipes that they measured, in the run store: each recipe once for all searches on its images."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

from core.runs.database import READ, WRITE, Store, using
from core.runs.records import Subject


class Kept(NamedTuple):
    """A measured recipe. part: what it was measured on. recipe: its JSON on one line. figures: by name."""

    part: str
    recipe: str
    figures: Mapping[str, float | None]


@dataclass(frozen=True)
class Searched:
    """A search of a subject. mark: a text that no other search has. seed: of the division of the images. goal: what was
    asked. at: UTC, ISO 8601. number: 0 until kept. count: the recipes kept of it, by what they were measured on."""

    mark: str
    subject: Subject
    seed: int
    goal: Mapping[str, object]
    at: str
    number: int = 0
    count: Mapping[str, int] | None = None

    @property
    def about(self) -> str:
        """sha256 of all that a recipe's figures depend on: equal texts, equal figures."""
        held = self.subject.held | {"answers": self.subject.answers, "division": self.seed}
        return hashlib.sha256(json.dumps(held, sort_keys=True, allow_nan=False).encode()).hexdigest()


def note(store: Store, search: Searched, points: Sequence[Kept], noted: int) -> int:
    """The number under which a search is kept, with its points from the one numbered `noted` on.

    All of them where the store does not know the search, as one that was made anew meanwhile.
    """
    dumped = json.dumps(asdict(search.subject)), search.seed, json.dumps(dict(search.goal))
    head = search.mark, search.about, search.at, *dumped

    def work(connection: sqlite3.Connection) -> int:
        for statement in TABLES:
            connection.execute(statement)
        known = connection.execute("SELECT number FROM searches WHERE mark = ?", (search.mark,)).fetchone()
        number = known[0] if known else connection.execute(INSERT, head).lastrowid
        rows = [(_key(search.about, each), *_row(search.about, each)) for each in points[noted if known else 0 :]]
        connection.executemany(POINT, rows)
        members = [(number, key) for key, *_ in rows]
        connection.executemany("INSERT OR IGNORE INTO members SELECT ?, number FROM points WHERE key = ?", members)
        return number

    return using(store, WRITE, work)


def _key(about: str, point: Kept) -> str:
    return hashlib.sha256("\n".join((about, point.part, point.recipe)).encode()).hexdigest()


def _row(about: str, point: Kept) -> tuple[str, str, str, str]:
    return about, point.part, point.recipe, json.dumps(dict(point.figures))


def known(store: Store, search: Searched) -> Iterator[Kept]:
    """All that any search on the same images measured; what cannot be read is left out."""
    yield from _points(store, "points WHERE about = ?", search.about)


def points(store: Store, number: int) -> list[Kept]:
    """What a search measured, in its order, without what cannot be read; ValueError where there is no such search."""
    _require(store, number)
    return list(_points(store, "members JOIN points ON number = point WHERE search = ? ORDER BY members.rowid", number))


def _points(store: Store, where: str, value: str | int) -> Iterator[Kept]:
    for part, recipe, written in _rows(store, f"SELECT part, recipe, figures FROM {where}", value):
        try:
            figures = json.loads(written)
        except (ValueError, TypeError, RecursionError):
            continue
        if isinstance(figures, dict) and isinstance(recipe, str):
            yield Kept(part, recipe, figures)


def listed(store: Store) -> list[Searched]:
    """Every search in the order in which they were begun; those that cannot be read are left out."""
    counts: dict[int, dict[str, int]] = {}
    for number, part, count in _rows(store, COUNTS):
        counts.setdefault(number, {})[part] = count
    found = []
    for number, mark, at, subject, seed, goal in _rows(
        store, "SELECT number, mark, at, subject, seed, goal FROM searches"
    ):
        try:
            read = Subject(**json.loads(subject)), int(seed), dict(json.loads(goal))
        except (ValueError, TypeError, RecursionError):
            continue
        found.append(Searched(f"{mark}", *read, f"{at}", number, counts.get(number, {})))
    return found


def forget(store: Store, number: int) -> None:
    """Remove a search and what no other search measured; ValueError where there is none of this number."""
    _require(store, number)

    def work(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM searches WHERE number = ?", (number,))
        connection.execute("DELETE FROM points WHERE number NOT IN (SELECT point FROM members)")

    using(store, WRITE, work)


def _require(store: Store, number: int) -> None:
    if not _rows(store, "SELECT 1 FROM searches WHERE number = ?", number):
        raise ValueError(f"search {number} is not in '{store.path}', expected a number that 'runs searches' shows")


def _rows(store: Store, query: str, *values: str | int) -> list[tuple]:
    """The rows of a query, none where no search was ever kept."""

    def work(connection: sqlite3.Connection) -> list[tuple]:
        there = connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'members'").fetchone()
        return connection.execute(query, values).fetchall() if there else []

    return using(store, READ, work)


COUNTS = "SELECT search, part, count(*) FROM members JOIN points ON number = point GROUP BY search, part"
INSERT = "INSERT INTO searches (mark, about, at, subject, seed, goal) VALUES (?, ?, ?, ?, ?, ?)"
POINT = """
INSERT INTO points (key, about, part, recipe, figures) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET figures = excluded.figures
"""
TABLES = (  # made with the first search, so that stores without any are read as before
    """
CREATE TABLE IF NOT EXISTS searches (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    mark TEXT NOT NULL UNIQUE,
    about TEXT NOT NULL,
    at TEXT NOT NULL,
    subject TEXT NOT NULL,
    seed INTEGER NOT NULL,
    goal TEXT NOT NULL
)""",
    """
CREATE TABLE IF NOT EXISTS points (
    number INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    about TEXT NOT NULL,
    part TEXT NOT NULL,
    recipe TEXT NOT NULL,
    figures TEXT NOT NULL
)""",
    "CREATE INDEX IF NOT EXISTS points_about ON points (about)",
    """
CREATE TABLE IF NOT EXISTS members (
    search INTEGER NOT NULL REFERENCES searches (number) ON DELETE CASCADE,
    point INTEGER NOT NULL REFERENCES points (number) ON DELETE CASCADE,
    PRIMARY KEY (search, point)
)""",
)
