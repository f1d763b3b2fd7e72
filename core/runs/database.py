"""The file that keeps the runs: made whole or not at all, checked before it is touched, shared by several processes.

Write-ahead log and one transaction a change: who is killed in the middle leaves the state before it. synchronous=FULL
because a run takes seconds to measure and a sync milliseconds: what was acknowledged outlives a power failure too.
"""

import os
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

VARIABLE = "PRUNESCOPE_RUNS"
VERSION = 1
APPLICATION = 0x50525343  # marks the database as a run store
MAGIC = b"SQLite format 3\0"
PATIENCE = 30.0  # seconds
OTHERWISE = "name another file with --runs"
BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
Result = TypeVar("Result")


@dataclass(frozen=True)
class Store:
    """The place of a run store. Every use opens the file anew, so threads and forks may share the value.

    patience: seconds that one waits for others to finish with the file.
    """

    path: Path
    patience: float = PATIENCE


def default_path() -> Path:
    """Where runs are kept unless told otherwise: $PRUNESCOPE_RUNS, or this platform's folder of user data."""
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE])
    variable, fallback = FOLDERS.get(sys.platform, FOLDERS["linux"])
    given = os.environ.get(variable, "")
    return (Path(given) if given else Path.home() / fallback) / "prunescope" / "runs.sqlite"


def open_store(path: str | Path | None = None) -> Store:
    """The store of a file, made where there is none; ValueError in one sentence where it cannot be one.

    A file that is something else is left as it was.
    """
    target = Path(path) if path else default_path()
    try:
        if not path:
            target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            _create(target)
        with open(target, "rb") as file:
            head = file.read(100)
    except (OSError, sqlite3.Error) as error:
        raise ValueError(f"runs '{target}' cannot be opened ({error}); {OTHERWISE}") from None
    _check(target, head)
    return Store(target.absolute())


def _create(target: Path) -> None:
    """Make a whole empty store beside the target, then give it its name; whoever came first keeps it."""
    with tempfile.TemporaryDirectory(prefix=".prunescope-", dir=target.parent) as folder:
        made = Path(folder) / "runs"
        with closing(sqlite3.connect(made)) as connection:
            connection.executescript(SCHEMA)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("PRAGMA journal_mode = WAL")
        try:
            os.link(made, target)
        except FileExistsError:
            return


def _check(target: Path, head: bytes) -> None:
    """What the head of the file says, at the places of https://www.sqlite.org/fileformat.html section 1.3."""
    if len(head) < 100 or not head.startswith(MAGIC):
        raise ValueError(f"runs '{target}' is no database, expected a file that Prunescope made; {OTHERWISE}")
    version, application = (int.from_bytes(head[at : at + 4], "big") for at in (60, 68))
    if application != APPLICATION:
        raise ValueError(f"runs '{target}' is a database of something else, left as it was; {OTHERWISE}")
    if version != VERSION:
        raise ValueError(f"runs '{target}' has version {version}, this program reads {VERSION}; {OTHERWISE}")


def using(store: Store, begin: str, work: Callable[[sqlite3.Connection], Result]) -> Result:
    """What `work` returns, done in one transaction that holds as a whole or not at all.

    begin: READ or WRITE. work may be called again when others are writing. ValueError in one sentence where the file
    cannot be used.
    """
    deadline = time.monotonic() + store.patience
    while True:
        try:
            with closing(_connected(store)) as connection:
                connection.execute(begin)
                result = work(connection)
                connection.execute("COMMIT")
                return result
        except sqlite3.Error as error:
            if not _is_busy(error) or time.monotonic() > deadline:
                raise ValueError(f"runs '{store.path}' cannot be used ({error}); {OTHERWISE}") from None
            time.sleep(random.uniform(0.01, 0.1))


def _connected(store: Store) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{store.path.as_uri()}?mode=rw", store.patience / 3, isolation_level=None, uri=True)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _is_busy(error: sqlite3.Error) -> bool:
    """Whether others hold the file; such errors carry more in their upper bytes."""
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF in BUSY


READ, WRITE = "BEGIN", "BEGIN IMMEDIATE"
FOLDERS = {  # platform -> the variable that names the folder, and where it is under the home folder otherwise
    "linux": ("XDG_DATA_HOME", ".local/share"),
    "darwin": ("", "Library/Application Support"),
    "win32": ("LOCALAPPDATA", "AppData/Local"),
}
SCHEMA = """
CREATE TABLE runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    note TEXT NOT NULL,
    subject TEXT NOT NULL,
    recipe TEXT NOT NULL,
    settings TEXT NOT NULL,
    report TEXT NOT NULL,
    extra TEXT NOT NULL
);
CREATE TABLE arrays (
    run INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
    name TEXT NOT NULL,
    dtype TEXT NOT NULL,
    shape TEXT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (run, name)
);
"""
FILES = """
CREATE TABLE IF NOT EXISTS files (
    run INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
    name TEXT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (run, name)
);
"""  # made with the first file, so that stores without any are read as before
