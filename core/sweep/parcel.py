"""What a worker is given, and what it does with it: it loads a model and its data once, then measures recipes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from core import pipeline, runs, sources
from core.behaviour import Answered
from core.loading import Data, Loaded
from core.pipeline import Study
from core.recipe import Recipe, from_json, to_json
from core.runs import Run, Subject
from core.sources import Sources

LOADING = threading.Lock()
NAMED = ("model", "weights", "data", "calibration")


@dataclass(frozen=True, eq=False)
class Parcel:
    """The model and the data as a person names them, and the subject that they must turn out to be.

    files: what those that are files hold, by field, for workers that may have other disks; empty otherwise.
    """

    sources: Sources
    subject: Subject
    files: tuple[tuple[str, bytes], ...] = ()

    @property
    def settings(self) -> dict[str, str]:
        """What beside the recipe goes into a run."""
        return {} if self.sources.metric is None else {"metric": self.sources.metric}

    @property
    def identity(self) -> tuple[object, ...]:
        """What tells parcels apart: a file that was written anew makes another."""
        held = (self.subject.model_sha256, self.subject.data_sha256, self.subject.calibration)
        return self.sources, *held

    def __hash__(self) -> int:
        return hash(self.identity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Parcel) and self.identity == other.identity


class Measured(NamedTuple):
    """A run with its report, and the compressed model's answers to every image."""

    run: Run
    answers: Answered


def measure(parcel: Parcel, written: str) -> Measured:
    """A recipe, given as JSON, measured on all images by a worker; ValueError where it cannot be."""
    recipe = from_json(written)
    study = _study(parcel, to_json(pipeline.basis(recipe)), threading.get_ident())
    return Measured(*runs.measured(study, asked(parcel, recipe)))


def asked(parcel: Parcel, recipe: Recipe) -> Run:
    """The run of a recipe before it is measured."""
    return runs.asked(parcel.subject, recipe, settings=parcel.settings)


@lru_cache(maxsize=8)
def _study(parcel: Parcel, basis: str, thread: int) -> Study:
    """A study for each thread: what it remembers of its last recipe, and a model that runs, are not to be shared."""
    with LOADING:
        loaded, (data, calibration) = _model(parcel, thread), _images(parcel)
    found = runs.subject(loaded, data, calibration)
    for name, expected in parcel.subject.held.items():
        if expected != found.held[name]:
            raise ValueError(
                f"worker: {name} of '{parcel.sources.model}' is {found.held[name]} here, expected {expected}"
            )
    return pipeline.study(loaded, data, from_json(basis), calibration)


@lru_cache(maxsize=8)
def _model(parcel: Parcel, thread: int) -> Loaded:
    with _unpacked(parcel) as here:
        return sources.model_of(here)


@lru_cache(maxsize=1)
def _images(parcel: Parcel) -> tuple[Data, Data | None]:
    """The data, and the data to calibrate on where there is other."""
    with _unpacked(parcel) as here:
        return sources.data_of(here, _model(parcel, threading.get_ident())), sources.calibration_of(here)


@contextmanager
def _unpacked(parcel: Parcel) -> Iterator[Sources]:
    """What names the model and data, where the files that the parcel holds lie in a folder of this machine."""
    with TemporaryDirectory() as folder:
        places = {}
        for name, content in parcel.files:
            place = Path(folder) / name / Path(getattr(parcel.sources, name)).name
            place.parent.mkdir()
            place.write_bytes(content)
            places[name] = str(place)
        yield replace(parcel.sources, **places)


def with_files(parcel: Parcel) -> Parcel:
    """The parcel with the content of every file that it names."""
    paths = {name: getattr(parcel.sources, name) for name in NAMED}
    files = [(name, Path(path).read_bytes()) for name, path in paths.items() if path and Path(path).is_file()]
    return replace(parcel, files=tuple(files))
