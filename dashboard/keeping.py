"""The runs that the page keeps: their store, what all runs of a position share, and what is being measured for it.

Jobs run in threads that never call Streamlit: what they need is made here before they start.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import streamlit as st

from core import keeping, pipeline, runs
from core.jobs import Job
from core.latency import Clock, Latency, latency
from core.live import Look
from core.pipeline import Study
from core.recipe import Recipe, to_json
from core.runs import Run, Store, Subject
from core.stability import Stability, stability
from dashboard import offers, state, work
from dashboard.state import Position

PATIENCE = 2.0  # seconds that a page waits for others to finish with the store; what runs behind it waits longer
CLOCK = Clock(rounds=60, seconds=6.0)
Place = tuple[str, str | None, str]  # a model, its weights file and its data
KEEP, KEPT = "Keep", "Kept"
STABILITY, LATENCY = "stability", "latency"


class Button(NamedTuple):
    """The words of the button that keeps a run, and whether it can be pressed."""

    words: str
    usable: bool


class Front(NamedTuple):
    """The recipes of a search's front while they are kept: the job, whose events are the runs' numbers; how many."""

    job: Job
    count: int


def store() -> Store:
    """The run store, for what a page or a search waits for; ValueError in one sentence where there is none."""
    return replace(runs.open_store(), patience=PATIENCE)


def place(position: Position) -> Place:
    """What names a position's model, its weights and its data."""
    return *state.named(position.model), position.data


def others(position: Position, places: Iterable[Place]) -> list[tuple[str, str]]:
    """Of some places those that this session can choose beside its own: the model and its data in words."""
    models, data_sets = offers.model_words(), offers.data_words()
    there = [each for each in places if each != place(position) and each[0] in models and each[2] in data_sets]
    return [(models[model], data_sets[data]) for model, _, data in there]


def base(position: Position) -> Position:
    """The position at the model that a recovered one was made from."""
    return replace(position, model=state.named(position.model)[0])


def subject(position: Position) -> Subject:
    """What the runs of a position share."""
    return _subject(*place(position))


@lru_cache(maxsize=8)
def _subject(model: str, weights: str | None, data: str) -> Subject:
    return runs.subject(offers.load_model(model, weights), offers.load_data(data))


def subject_job(position: Position) -> Job:
    """The job whose event is the same: reading and hashing all images would hold up a hand."""
    where = place(position)
    return work.job(("subject", *where), lambda: iter([_subject(*where)]))


def run_of(position: Position) -> Run:
    """The run of a position's recipe before it is measured."""
    return _asked(subject(position), position)


def _asked(known: Subject, position: Position) -> Run:
    number = runs.number_of(position.model)
    if number is None:
        return runs.asked(known, _bare(position.recipe))
    return runs.further(store(), number, known, _bare(position.recipe))


def recipe_of(position: Position) -> Recipe:
    """The position's recipe, which says how the model was trained where it was."""
    trained = state.studio_of(position).study.trained
    return position.recipe if trained is None else replace(position.recipe, recovered=trained.recipe.recovered)


def _bare(recipe: Recipe) -> Recipe:
    return replace(recipe, model={})


@st.cache_resource
def _going() -> list[Job]:
    return []


def going() -> list[Job]:
    """The jobs that measure something for the runs, of all tabs."""
    running = [job for job in _going() if job.running]
    _going()[:] = running
    return running


def busy() -> bool:
    """Whether any of them goes on."""
    return bool(going())


def inputs(position: Position) -> np.ndarray:
    """All images of a position's data, in their order."""
    return state.studio_of(replace(base(position), recipe=Recipe())).study.bench.inputs.numpy()


def begin(position: Position, run: Run) -> Job:
    """Measure a run on the position's model and data in the background, and keep it."""
    there = position if run.recipe.recovered else base(position)
    kept, studio = runs.open_store(), state.studio_of(replace(there, recipe=run.recipe))
    job = work.job(_key(position, run.recipe, fresh=True), lambda: keeping.keeping(studio, run, kept))
    _going().append(job)
    return job


def _study(where: Place, run: Run) -> Study:
    """The study of a run's recipe, on the trained weights where such are kept with the run."""
    model, weights, data = where
    study = pipeline.study(offers.load_model(model, weights), offers.load_data(data), run.recipe)
    trained = runs.files(store(), run.number).get(runs.WEIGHTS) if run.recipe.recovered else None
    return study if trained is None else pipeline.after_training(study, run.recipe, trained)


def _key(position: Position, recipe: Recipe, fresh: bool = False) -> tuple:
    """Of the last job that keeps the recipe, or of the next: a run may be deleted and measured again."""
    turn, head = 0, ("keep", *place(position), position.model, to_json(_bare(recipe), indent=None))
    while (job := work.find((*head, turn + 1))) and not (fresh and job.running):
        turn += 1
    return (*head, turn + 1 if fresh else turn)


def job_of(position: Position, recipe: Recipe) -> Job | None:
    """The job that measures a recipe to keep it, or did last."""
    return work.find(_key(position, recipe))


def begin_all(position: Position, recipes: Sequence[Recipe]) -> None:
    """Measure recipes on all images in the background, and keep each as a run; a sentence says where that fails."""
    try:
        kept, where = runs.open_store(), place(position)
    except (ValueError, OSError) as error:
        state.complain(f"The runs are not kept: {error}.")
        return
    model, weights, data = where

    def steps() -> Iterator[int]:
        wanted = [runs.asked(_subject(*where), _bare(recipe)) for recipe in recipes]
        return keeping.all_kept(kept, (offers.load_model(model, weights), offers.load_data(data), None), wanted)

    turn = len([key for key in _fronts() if key[:-1] == where])
    job = work.job(("front", *where, turn), steps)
    _fronts()[(*where, turn)] = Front(job, len(recipes))
    _going().append(job)


def front(position: Position) -> Front | None:
    """The front that is or was kept last of the position's model, in any tab."""
    where = place(position)
    return next((front for key, front in reversed(_fronts().items()) if key[:-1] == where), None)


@st.cache_resource
def _fronts() -> dict[tuple, Front]:
    return {}


def share(job: Job) -> float:
    """How far such a job is, a fraction."""
    shares = [event for event in list(job.events) if isinstance(event, float)]
    return shares[-1] if shares else 0.0


def button(position: Position, looked: Look) -> Button:
    """What the button that keeps a position's run says; it can be pressed once all images are measured."""
    trained = state.studio_of(position).study.trained
    if trained is not None and trained.whole(position.recipe):  # kept as it ended, with its weights
        return Button(f"{KEPT}: {runs.number_of(position.model)}", False)
    job = job_of(position, recipe_of(position))
    if job and job.running:
        return Button(f"Keeping {share(job):.0%}", False)
    if looked.tally.images < looked.total:
        return Button(KEEP, False)
    known = subject_job(position).events
    try:
        held = keeping.held(store(), _asked(known[0], position)) if known else None
    except ValueError:
        return Button(KEEP, True)  # pressing it says what is wrong
    return Button(f"{KEPT}: {held.number}" if held else KEEP, not held)


def keep(position: Position) -> None:
    """Keep a position's run; a sentence says where that cannot be done."""
    try:
        begin(position, run_of(position))
    except (ValueError, OSError) as error:
        state.complain(f"The run is not kept: {error}.")


def say(position: Position, recipe: Recipe) -> None:
    """Complain about the last attempt to keep a recipe, once."""
    job = job_of(position, recipe)
    if job and job.trouble and job not in st.session_state.setdefault("told", []):
        st.session_state["told"].append(job)
        state.complain(f"The run is not kept: {job.trouble[0].rstrip('.')}.")


def study_job(position: Position, run: Run, what: str, start: bool) -> Job | None:
    """The job that measures the stability or the latency of a run's recipe; started where asked."""
    key = (what, *place(position), run.written)
    where = place(position)
    if not start:
        return work.find(key)
    job = work.job(key, lambda: iter(_asked_for(where, run, MEASURES[what])))
    _going().append(job)
    return job


def _asked_for(where: Place, run: Run, measure: Callable[[Study, pipeline.Applied], object]) -> Iterator[object]:
    study = _study(where, run)
    yield measure(study, pipeline.apply(study, run.recipe))


def _timed(study: Study, applied: pipeline.Applied) -> Latency:
    return latency(study, applied, CLOCK)


def _stable(study: Study, applied: pipeline.Applied) -> Stability:
    return stability(study, applied)


MEASURES = {STABILITY: _stable, LATENCY: _timed}
