"""The exports of a position: what each format keeps, said at once; its file, made and read back in the background."""

import io
import threading
import zipfile
from collections.abc import Hashable, Iterator, Mapping
from typing import NamedTuple

from core import exporters, live
from core.exporters import EXPORTERS, Checked, Subject
from core.jobs import Job
from core.recipe import to_json
from dashboard import offers, state, words, work
from dashboard.state import Position

TURN = threading.Lock()  # exports of one model wait for each other: running it is no work for two threads


def key(position: Position, *what: str) -> Hashable:
    """Names what an export of a position rests on."""
    return ("export", position.model, position.data, to_json(position.recipe, indent=None), *what)


class Prepared(NamedTuple):
    """A measured position, what each format says of it, and its report as a file to download with its name."""

    subject: Subject
    said: dict[str, list[str]]
    report: tuple[bytes, str]


def prepared(position: Position) -> Job:
    """The job that measures a position on all images; its only event is `Prepared`."""
    studio = state.studio_of(position)

    def steps() -> Iterator[Prepared]:
        files = live.files(studio, position.recipe, lambda share: None)
        loaded, data = offers.load_model(*state.named(position.model)), offers.load_data(position.data)
        subject = exporters.of_files(files, loaded, data)
        said = {name: exporters.said(exporter, subject) for name, exporter in EXPORTERS.items()}
        yield Prepared(subject, said, bundle(exporters.report_files(subject), "report"))

    return work.job(key(position), steps)


def export(position: Position, name: str, subject: Subject) -> Job:
    """The job that makes one format; its only event is (files, Checked)."""

    def steps() -> Iterator[tuple[dict[str, bytes], Checked]]:
        with TURN:
            made = exporters.export(EXPORTERS[name], subject)
        yield made

    return work.job(key(position, name), steps)


def found(position: Position, name: str) -> Job | None:
    """The job of a format, where it has been asked for."""
    return work.find(key(position, name))


def running(position: Position) -> bool:
    """Whether anything of a position is being made or measured."""
    jobs = [work.find(key(position)), *(found(position, name) for name in EXPORTERS)]
    return any(job is not None and job.running for job in jobs)


def bundle(files: Mapping[str, bytes], name: str) -> tuple[bytes, str]:
    """What is downloaded and its name: the one file, or a zip of several."""
    if len(files) == 1:
        ((only, data),) = files.items()
        return data, only
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for each, data in files.items():
            file.writestr(f"{name}/{each}", data)
    return archive.getvalue(), f"{name}.zip"


def verdict(checked: Checked) -> str:
    """What came of reading a file back, in a sentence."""
    alike = "all" if checked.agreement == 1 else words.percent(checked.agreement) + " of"
    usual = checked.usual
    by_itself = usual is not None and usual > checked.difference
    told = f" ({usual:.1g} as the tool computes unless told otherwise)" if by_itself else ""
    if checked.left < checked.difference:
        told += f", by {checked.left:.1g} from what this format can hold of the recipe"
    return (
        f"Read back: {alike} {checked.images} images answered alike, logits off by {checked.difference:.1g} at most of "
        f"{checked.largest:.2g}{told}; {' '.join(words.size(checked.bytes))}."
    )
