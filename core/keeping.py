"""A run measured batch by batch beside what a page looks at, and kept."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from core import behaviour, exporting, pipeline, runs
from core.live import Studio
from core.loading import Data, Loaded
from core.pipeline import Applied, Study
from core.recipe import Recipe
from core.runs import Run, Store
from core.statistics import Tally

On = tuple[Loaded, Data, Data | None]  # a model, its data, and the data to calibrate on where there is other


class Kept(NamedTuple):
    """number: of a run that is in the store now, with its answers to each image."""

    number: int


def held(store: Store, run: Run) -> Run | None:
    """The kept run with this run's key and answers to each image, or None."""
    kept = runs.find(store, run)
    return kept if kept and runs.arrays(store, kept.number) else None


def keeping(studio: Studio, run: Run, store: Store) -> Iterator[float | Kept]:
    """The share of the images measured, after each batch, then what was kept; nothing is measured twice.

    studio: made for the run's recipe. Its worker does each batch, so that other looks come in between.
    """
    known = held(store, run)
    if known:
        yield Kept(known.number)
        return
    yield 0.0
    study, work = studio.study, studio.worker.submit
    applied = work(pipeline.apply, study, run.recipe).result()
    steps, tally, parts = behaviour.answering(study.bench, applied.change), Tally(), []
    for _ in range(study.bench.batches):
        counts, answers = work(next, steps).result()
        tally = tally.plus(counts)
        parts.append(answers)
        yield tally.images / len(study.bench.targets)
    files = work(pipeline.files, study, run.recipe, applied, tally).result()
    measured = replace(run, report=json.loads(files["report.json"]))
    kept = {} if study.trained is None else {runs.WEIGHTS: work(_weights, study, run.recipe, applied).result()}
    yield Kept(runs.record(store, measured, behaviour.joined(parts), kept))


def _weights(study: Study, recipe: Recipe, applied: Applied) -> bytes:
    """What the run's weights are read from again; ValueError where the model itself became smaller."""
    if applied.small is not None:
        raise ValueError("channels of a trained model were removed from its shape, export it instead")
    return exporting.serialize(study.model, study.known, pipeline.encoded_by(study, recipe), applied.buffers)


def all_kept(store: Store, on: On, wanted: Sequence[Run]) -> Iterator[int]:
    """The number of each run in turn, measured on all images where it is not yet kept with its answers to each."""
    loaded, data, calibration = on
    for run in wanted:
        known = held(store, run)
        if known is None:
            yield runs.record(store, *runs.measured(pipeline.study(loaded, data, run.recipe, calibration), run))
        else:
            yield known.number
