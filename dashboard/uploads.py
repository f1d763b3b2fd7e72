"""Files that sessions uploaded: each is its session's alone, under a name that nobody can guess, and goes with it."""

import shutil
import tempfile
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import streamlit as st

PREFIX = "upload:"
EACH = 3  # files of a kind that a session keeps; the oldest that it does not stand at go first
ALL = 2_000_000_000  # bytes of all sessions' files together
KNOWN: dict[str, "Upload"] = {}  # of all sessions, by name
BUILT: list[tuple[tuple[str, str | None], str, bool, str]] = []
LOCK = threading.Lock()


@dataclass(frozen=True)
class Upload:
    """A file that was taken. base: the model that it has the weights for. preprocess: key=value texts for data.

    alone: it holds weights whose network nobody knows; why: what it fits not.
    """

    name: str
    kind: str
    path: Path
    base: str = ""
    alone: bool = False
    why: str = ""
    preprocess: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What the file is called."""
        return self.path.name


def find(name: str) -> Upload | None:
    """The upload of a name, None where it is the name of none; ValueError where it was one and is gone."""
    if not name.startswith(PREFIX):
        return None
    if name not in KNOWN:
        raise ValueError(f"'{short(name)}' was uploaded and is gone, upload it again")
    return KNOWN[name]


def short(name: str) -> str:
    """What the file of an upload was called; any other name as it is."""
    return name.rpartition(":")[2] if name.startswith(PREFIX) else name


def missing(what: str, name: str) -> str:
    """Why a link that names a model or data cannot be opened, in a sentence."""
    if name.startswith(PREFIX):
        return (
            f"The link names the {what} '{short(name)}', which was uploaded into the page that made the link; upload "
            "the file here too, in Model."
        )
    return f"The link names the {what} '{name}', which this page does not have."


def linked(name: str) -> str:
    """The name as a link says it: of an upload only that it was one, and what its file was called."""
    return PREFIX + short(name) if name.startswith(PREFIX) else name


def mine(kind: str) -> tuple[Upload, ...]:
    """This session's uploads of a kind that are still there, the oldest first."""
    return tuple(each for each in st.session_state.get("uploads", ()) if each.kind == kind and each.name in KNOWN)


@lru_cache(maxsize=1)
def _root() -> tempfile.TemporaryDirectory:
    """The folder of all uploads, which goes when the server ends."""
    return tempfile.TemporaryDirectory(prefix="prunescope-")


def folder_for(size: int) -> Path:
    """The folder of all uploads; ValueError where with so many bytes more they would be too large."""
    held = sum(each.path.stat().st_size for each in list(KNOWN.values()) if each.path.exists())
    if held + size > ALL:
        raise ValueError(f"the uploads of all open pages take {held} bytes, expected {ALL} at most; close other pages")
    return Path(_root().name)


def named(path: Path) -> str:
    """The name of an upload that lies at a path."""
    return f"{PREFIX}{path.parent.name}:{path.name}"


def keep(upload: Upload) -> None:
    """Let this session have an upload."""
    with LOCK:
        KNOWN[upload.name] = upload
    there = [each for each in st.session_state.get("uploads", ()) if each.name in KNOWN]
    st.session_state["uploads"] = (*there, upload)


def note_built(named: tuple[str, str | None], data: str, calibrated: bool, equalize: str) -> None:
    """Remember what was built of an upload, for it to be let go with the file."""
    if named[0].startswith(PREFIX) or data.startswith(PREFIX):
        BUILT.append((named, data, calibrated, equalize))


def remove(path: Path) -> None:
    """Delete a file with its folder."""
    with LOCK:
        KNOWN.pop(named(path), None)
    shutil.rmtree(path.parent, ignore_errors=True)
