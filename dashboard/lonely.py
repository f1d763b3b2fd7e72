"""An uploaded weights file whose network nobody knows: compressed matrix by matrix in the background."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from core import inspecting, receiving, streaming
from core.jobs import Job
from core.receiving import WEIGHTS
from core.recipe import UNCODED, Recipe, Settings, to_json
from dashboard import outgoing, uploads, words, work
from dashboard.inventory import file_tables
from dashboard.uploads import Upload

WIDTHS = {"as they are": UNCODED} | {f"{bits} bits": bits for bits in (8, 6, 5, 4, 3, 2)}


class Compressed(NamedTuple):
    """The figures of the report, and the three files as one to download with its name."""

    figures: dict[str, object]
    bundle: tuple[bytes, str]


def newest() -> Upload | None:
    """This session's last upload of that kind."""
    return next((each for each in reversed(uploads.mine(WEIGHTS)) if each.alone), None)


def tables(upload: Upload) -> str:
    """What can be done with each of its tensors."""
    return file_tables(inspecting.file_rows(streaming.entries(str(upload.path))))


def take_recipe(upload: Upload, content: bytes) -> None:
    """Let a recipe file say how these weights are compressed; ValueError where it is none, or none for them."""
    found = replace(receiving.recipe(content), recovered={})
    listed = streaming.entries(str(upload.path))
    streaming.require_alone(found, [entry for entry in listed if not entry.why])
    st.session_state["alone recipe"] = (upload.name, found)


def leave_recipe() -> None:
    """Compress as the two controls say again."""
    st.session_state.pop("alone recipe", None)


def taken_recipe(upload: Upload) -> Recipe | None:
    """The recipe that was taken for these weights, None where there is none."""
    name, found = st.session_state.get("alone recipe", ("", None))
    return found if name == upload.name else None


def recipe(removed: float, width: str) -> Recipe:
    """The recipe of the two controls. removed: per cent."""
    return Recipe(Settings(sparsity=removed / 100, bits=WIDTHS[width]))


def _key(upload: Upload, asked: Recipe) -> tuple[str, str, str]:
    return "alone", upload.name, to_json(asked, indent=None)


def begin(upload: Upload, asked: Recipe) -> Job:
    """The job that compresses it; its only event is `Compressed`."""

    def steps() -> Iterator[Compressed]:
        with tempfile.TemporaryDirectory(dir=upload.path.parent) as made:
            folder = Path(made) / "out"
            figures = streaming.write(str(upload.path), asked, folder)
            files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
        yield Compressed(figures, outgoing.bundle(files, f"{upload.path.stem}-compressed"))

    return work.job(_key(upload, asked), steps)


def find(upload: Upload, asked: Recipe) -> Job | None:
    """The job of a recipe, where it was asked for."""
    return work.find(_key(upload, asked))


def said(found: Compressed) -> str:
    """What came of it, in a sentence."""
    figures = found.figures
    value, unit = words.size(figures["bytes"])
    return (
        f"{words.percent(figures['sparsity'])} removed, {value} {unit} as a file: "
        f"{words.ratio(figures['bytes_dense'], figures['bytes'])}."
    )
