import os
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from core import runs
from core.runs import database
from tests.core.runs import example


def foreign(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
        for statement in statements:
            connection.execute(statement)


OTHERS = {
    "a text": (
        lambda path: path.write_text("no database, but longer than the hundred bytes of a header" * 3),
        "is no database",
    ),
    "an empty file": (lambda path: path.write_bytes(b""), "is no database"),
    "a cut head": (lambda path: path.write_bytes(database.MAGIC), "is no database"),
    "another's database": (foreign, "a database of something else"),
    "a later version": (
        lambda path: foreign(path, f"PRAGMA application_id = {database.APPLICATION}", "PRAGMA user_version = 2"),
        "has version 2, this program reads 1",
    ),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_no_store_is_refused_in_one_sentence_and_left_as_it_was(tmp_path, kind):
    path = tmp_path / "other"
    make, said = OTHERS[kind]
    make(path)
    before = path.read_bytes(), path.stat().st_mtime_ns
    with pytest.raises(ValueError, match=said) as refused:
        runs.open_store(path)
    assert "\n" not in str(refused.value)
    assert "--runs" in str(refused.value)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert os.listdir(tmp_path) == ["other"]


@pytest.mark.parametrize("place", ["nowhere/runs", "file/runs", "."])
def test_a_place_where_no_file_can_be_is_one_sentence(tmp_path, place):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match="cannot be opened") as refused:
        runs.open_store(tmp_path / place)
    assert "\n" not in str(refused.value)


def as_a_guest(work: str, path: Path) -> str:
    """The sentence that a user without rights is told."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            if os.getuid() == 0:
                os.setuid(65534)
            store = runs.open_store(path)
            {"record": lambda: runs.record(store, example.run()), "list": lambda: runs.listed(store)}[work]()
        except ValueError as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with open(read) as told:
        return told.read()


@pytest.mark.parametrize("made", [True, False], ids=["there", "to be made"])
@pytest.mark.parametrize("work", ["record", "list"])
def test_a_read_only_place_is_one_sentence(made, work):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.sqlite"
        if made:
            runs.record(runs.open_store(path), example.run())
            path.chmod(0o444)
        Path(folder).chmod(0o555)
        told = as_a_guest(work, path)
        Path(folder).chmod(0o755)
        assert str(path) in told
        assert "--runs" in told
        assert "\n" not in told


def test_a_damaged_store_is_one_sentence(tmp_path):
    path = tmp_path / "runs.sqlite"
    store = runs.open_store(path)
    runs.record(store, example.run(), example.answers())
    data = path.read_bytes()
    path.write_bytes(data[:100] + bytes(len(data) - 100))
    with pytest.raises(ValueError, match="cannot be used"):
        runs.listed(store)


def test_a_store_that_was_removed_is_not_made_anew_in_silence(tmp_path):
    store = runs.open_store(tmp_path / "runs.sqlite")
    store.path.unlink()
    with pytest.raises(ValueError, match="cannot be used"):
        runs.record(store, example.run())
    assert not store.path.exists()


def test_the_variable_names_the_place_and_its_folder_is_made(tmp_path, monkeypatch):
    monkeypatch.setenv("PRUNESCOPE_RUNS", str(tmp_path / "a" / "b" / "mine"))
    assert runs.open_store().path == tmp_path / "a" / "b" / "mine"


@pytest.mark.parametrize(
    ("platform", "variable", "under"),
    [
        ("linux", "XDG_DATA_HOME", ".local/share"),
        ("win32", "LOCALAPPDATA", "AppData/Local"),
        ("darwin", None, "Library/Application Support"),
    ],
)
def test_the_place_is_the_platforms_folder_of_user_data(tmp_path, monkeypatch, platform, variable, under):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.delenv("PRUNESCOPE_RUNS")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    assert runs.default_path() == tmp_path / under / "prunescope" / "runs.sqlite"
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "given"))
        assert runs.default_path() == tmp_path / "given" / "prunescope" / "runs.sqlite"


def test_a_commit_is_synced_and_logged_ahead(tmp_path):
    store = runs.open_store(tmp_path / "runs.sqlite")
    modes = database.using(
        store,
        database.READ,
        lambda c: [c.execute(f"PRAGMA {p}").fetchone()[0] for p in ("journal_mode", "synchronous")],
    )
    assert modes == ["wal", 2]
