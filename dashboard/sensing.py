"""What the page knows of each layer alone: cells of a map, measured in the background, shared by all tabs."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import pandas as pd
import streamlit as st

from core import jobs, live
from core.coding import CODERS, WIDTHS
from core.compress import needs_images
from core.factoring import FACTORIZERS
from core.jobs import Job
from core.layer import Layer
from core.live import Studio
from core.pruning import CRITERIA
from core.recipe import Settings, Value
from core.sensitivity import IMAGES, LADDERS, breaking, sensitivity
from dashboard import state, work
from dashboard.state import Position

SHOWN = 20  # layers of a map
LISTED = 100  # layers of the table

Row = dict[str, object]


class Subject(NamedTuple):
    """What a map is of. technique: of METHODS. method: of its table."""

    model: str
    weights: str | None
    data: str
    technique: str
    method: str


class Progress(NamedTuple):
    """How far a map is. cells: measured or refused, of `total`. seconds: left, None where nobody knows yet."""

    cells: int
    total: int
    running: bool
    seconds: float | None
    trouble: str

    @property
    def share(self) -> float:
        """The part that is done."""
        return self.cells / self.total if self.total else 1.0

    @property
    def complete(self) -> bool:
        """Whether nothing is left to measure."""
        return self.cells == self.total


def ladder(technique: str, method: str) -> tuple[dict[str, Value], ...]:
    """The settings of a technique from mild to harsh that a method can have."""
    steps = LADDERS[technique]
    return tuple(step for step in steps if technique != "bits" or step["bits"] in WIDTHS[method])


def subject(here: Position, technique: str, method: str) -> Subject:
    """What the map of a position is of."""
    return Subject(here.model, state.named(here.model)[1], here.data, technique, method)


def base(of: Subject) -> Settings:
    """The Settings that a map's cells differ from in the technique's own field alone."""
    return Settings(**{FIELDS[of.technique]: of.method})


def matching(known: tuple[Layer, ...], search: str, most: int) -> tuple[Layer, ...]:
    """The layers whose name has the text in it, in the model's order: the largest where there are more than `most`."""
    found = [layer for layer in known if search.strip().lower() in layer.name.lower()]
    kept = sorted(found, key=lambda layer: -layer.matrix.numel())[:most]
    return tuple(layer for layer in found if layer in kept)


def of_a_map(known: tuple[Layer, ...], search: str) -> tuple[Layer, ...]:
    """The layers that a job measures: all of a small model, else those that the map shows."""
    return matching(known, "" if len(known) <= SHOWN else search, SHOWN)


@st.cache_resource(max_entries=24)
def _measured(model: str, weights: str | None, data: str, technique: str, method: str) -> dict[tuple[str, float], Row]:
    return {}


def rows(of: Subject, names: list[str]) -> list[Row]:
    """The rows of `sensitivity` that have been measured of some layers, each ladder from mild to harsh."""
    found = _measured(*of)
    steps = [float(step[of.technique]) for step in ladder(of.technique, of.method)]
    return [found[name, step] for name in names for step in steps if (name, step) in found]


def row(of: Subject, layer: str, setting: float) -> Row | None:
    """One measured cell."""
    return _measured(*of).get((layer, setting))


def order(of: Subject, names: list[str]) -> pd.DataFrame:
    """The table of `breaking`, of the layers that have broken or that no cell is missing of."""
    found, steps = rows(of, names), len(ladder(of.technique, of.method))
    table = breaking(found)
    whole = {name for name in names if sum(each["layer"] == name for each in found) == steps}
    return table[table["setting"].notna() | table["layer"].isin(whole)].reset_index(drop=True)


def _key(of: Subject, names: tuple[str, ...]) -> tuple:
    return "layers", of, names


def find(of: Subject, names: tuple[str, ...]) -> Job | None:
    """The job of a map, running or ended."""
    return work.find(_key(of, names))


def start(of: Subject, names: tuple[str, ...]) -> Job:
    """The job that measures what a map lacks."""
    calibrated = needs_images(replace(base(of), **ladder(of.technique, of.method)[-1]))
    studio, found = state.studio((of.model, of.weights), of.data, calibrated, "keep"), _measured(*of)
    return work.job(_key(of, names), lambda: _steps(studio, found, of, names))


def _steps(studio: Studio, found: dict[tuple[str, float], Row], of: Subject, names: tuple[str, ...]) -> Iterator[float]:
    """The seconds that each cell took."""
    study = live.apart(studio)
    for layer in (layer for layer in study.known if layer.name in names):
        steps = [s for s in ladder(of.technique, of.method) if (layer.name, float(s[of.technique])) not in found]
        begun = time.monotonic()
        for measured in sensitivity(replace(study, known=(layer,)), base(of), {of.technique: steps}, IMAGES):
            found[layer.name, measured["setting"]] = measured
            yield time.monotonic() - begun
            begun = time.monotonic()


def progress(of: Subject, names: tuple[str, ...]) -> Progress:
    """How far the map of some layers is."""
    job = find(of, names)
    total, done = len(names) * len(ladder(of.technique, of.method)), len(rows(of, list(names)))
    running = job is not None and job.running and not job.stopping.is_set()
    took = list(job.events) if job else []
    seconds = sum(took) / len(took) * (total - done) if running and took else None
    return Progress(done, total, running, seconds, job.trouble[0] if job and job.trouble else "")


def stop(of: Subject, names: tuple[str, ...]) -> None:
    """End the job of a map; what it has measured stays."""
    job = find(of, names)
    if job:
        jobs.stop(job)


def at_work(here: Position, names: tuple[str, ...]) -> tuple[str, str] | None:
    """The technique and method of the map that was begun last, of those that are being measured."""
    pairs = [(technique, method) for technique, methods in METHODS.items() for method in methods]
    keys = {_key(subject(here, *pair), names): pair for pair in pairs}
    return keys.get(work.latest(keys))


FIELDS = {"sparsity": "criterion", "bits": "coder", "rank": "factorizer"}  # what says how a technique is done
METHODS = {
    "sparsity": tuple(CRITERIA),
    "bits": tuple(name for name in CODERS if ladder("bits", name)),
    "rank": tuple(FACTORIZERS),
}
