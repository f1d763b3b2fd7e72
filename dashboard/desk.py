"""What a session compares: the runs on its desk, which of them it picked, and what is done to them."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import streamlit as st

from core import keeping as core_keeping
from core import runs
from core.recipe import Recipe
from core.runs import Run, Store, Subject
from dashboard import keeping, state
from dashboard.live import shelf
from dashboard.state import EACH, Position

MOST = 6  # runs side by side
FIRST = 3  # picked at first, the dense model among them
LETTERS = "ABCDEF"
FIGURES, BEHAVIOUR, FLIPS, MORE = "figures", "behaviour", "flips", "more"
EVERY_KIND = "all"
SHELF = "shelf"
PAGE = 24  # pictures at a time


@dataclass(frozen=True)
class Desk:
    """What a session compares. picked: numbers of runs, None before anyone chose. before, after: the pair looked at, 0
    for what stands there by itself. every: whether runs of other models and data are listed too. kind, sort, page: of
    the images that flipped. run: the one whose stability and time are asked for."""

    picked: tuple[int, ...] | None = None
    before: int = 0
    after: int = 0
    section: str = FIGURES
    every: bool = False
    kind: str = EVERY_KIND
    sort: str = "after"
    page: int = 0
    run: int = 0


@dataclass(frozen=True, eq=False)
class Found:
    """What lies on the desk: the store, the runs that are listed, the dense one first, and those picked, in order.

    subject: what the runs of the page's own model and data share. dense: its run, None while it is not kept. trained:
    numbers of the runs whose weights are kept.
    """

    store: Store
    subject: Subject
    listed: tuple[Run, ...]
    picked: tuple[Run, ...]
    pair: tuple[Run, Run] | None
    dense: Run | None
    trained: frozenset[int] = frozenset()

    def letter(self, run: Run) -> str:
        """What a picked run is called in the plots."""
        numbers = [each.number for each in self.picked]
        return LETTERS[numbers.index(run.number)] if run.number in numbers else ""


def desk() -> Desk:
    """What this session compares."""
    return st.session_state.get("desk", Desk())


def lay(changed: Desk) -> None:
    """Let this session compare something else."""
    st.session_state["desk"] = changed


def found(position: Position) -> Found:
    """What lies on the desk of a position; ValueError in one sentence where the store cannot be read."""
    store, subject, here = keeping.store(), keeping.subject(position), desk()
    dense_key = runs.asked(subject, Recipe()).key
    every = [run for run in runs.listed(store) if here.every or of_subject(run, subject)]
    dense = next((run for run in every if run.key == dense_key), None)
    listed = (*([dense] if dense else []), *(run for run in reversed(every) if run is not dense))
    picked = _picked(here, listed)
    return Found(store, subject, listed, picked, _pair(here, picked), dense, runs.with_files(store))


def of_subject(run: Run, subject: Subject) -> bool:
    """Whether a run is of the same model and data, whatever measured it."""
    return (run.subject.model_sha256, run.subject.data_sha256) == (subject.model_sha256, subject.data_sha256)


def measurable(run: Run, subject: Subject) -> bool:
    """Whether the page can measure a run again: its own subject, and nothing but a recipe behind it."""
    return _untrained(run, subject) and run.key == runs.asked(subject, run.recipe).key


def opens(on: Found, run: Run) -> bool:
    """Whether Explore can stand at a run: what it did to the page's own model, or what its kept training made of it."""
    return _untrained(run, on.subject) or (of_subject(run, on.subject) and run.number in on.trained)


def _untrained(run: Run, subject: Subject) -> bool:
    try:
        return of_subject(run, subject) and not run.recipe.recovered
    except ValueError:
        return False


def _picked(here: Desk, listed: tuple[Run, ...]) -> tuple[Run, ...]:
    if here.picked is None:
        return listed[:FIRST]
    by_number = {run.number: run for run in listed}
    return tuple(by_number[number] for number in here.picked if number in by_number)


def _pair(here: Desk, picked: tuple[Run, ...]) -> tuple[Run, Run] | None:
    if len(picked) < 2:
        return None
    by_number = {run.number: run for run in picked}
    before = by_number.get(here.before, picked[0])
    after = by_number.get(here.after, picked[1])
    if after is before:
        after = next(run for run in picked if run is not before)
    return before, after


def asked(on: Found) -> Run | None:
    """The run whose stability and time are asked for: the chosen one, or the second of the pair."""
    chosen = next((run for run in on.picked if run.number == desk().run), None)
    return chosen or (on.pair[1] if on.pair else next(iter(on.picked), None))


def holds_answers(on: Found, run: Run) -> bool:
    """Whether a run's answers to each image are kept."""
    return bool(runs.arrays(on.store, run.number))


def wait_for_dense(position: Position, on: Found) -> bool:
    """See to it that the dense model is kept with its answers; whether it is being measured."""
    job = keeping.job_of(position, Recipe())
    if job and (job.running or job.trouble):
        keeping.say(position, Recipe())
        return job.running
    asked = runs.asked(on.subject, Recipe())
    if core_keeping.held(on.store, asked):
        return False
    keeping.begin(position, asked)
    return True


def carry_out(on: Found, deeds: list[shelf.Deed]) -> Run | None:
    """Do what was done to the list; the run to open in Explore, if one was asked for."""
    opened = None
    for deed in deeds:
        run = next((run for run in on.listed if run.number == deed.number), None)
        try:
            if run is not None and deed.what == "open":
                opened = run if opens(on, run) else None
            elif run is not None:
                DEEDS[deed.what](on, run, deed)
            elif deed.what != "delete":
                state.complain(f"Run {deed.number} is not there any more: it was deleted in another page.")
        except ValueError as error:
            state.complain(f"{error}.")
    return opened


def go_to(run: Run) -> None:
    """Stand at a run: its recipe on the page's model, or on the weights that it was trained to."""
    here = keeping.base(state.position())
    model = runs.model_name(run.number) if run.recipe.recovered else here.model
    recipe = replace(run.recipe, model={}, recovered={})
    state.settle(replace(here, model=model, recipe=recipe, layer="", mode=EACH))


def _numbers(on: Found) -> tuple[int, ...]:
    """What is picked by now: several deeds may come at once."""
    return tuple(run.number for run in _picked(desk(), on.listed))


def _pick(on: Found, run: Run, deed: shelf.Deed) -> None:
    numbers = _numbers(on)
    if run.number not in numbers and len(numbers) < MOST:
        lay(replace(desk(), picked=(*numbers, run.number), page=0))


def _drop(on: Found, run: Run, deed: shelf.Deed) -> None:
    rest = tuple(number for number in _numbers(on) if number != run.number)
    lay(replace(desk(), picked=rest, page=0))


def _name(on: Found, run: Run, deed: shelf.Deed) -> None:
    runs.rename(on.store, run.number, deed.text.strip())


def _note(on: Found, run: Run, deed: shelf.Deed) -> None:
    runs.annotate(on.store, run.number, deed.text.strip())


def _delete(on: Found, run: Run, deed: shelf.Deed) -> None:
    if on.dense and run.number == on.dense.number:
        return
    st.session_state["deleted"] = (run, runs.arrays(on.store, run.number), runs.files(on.store, run.number))
    runs.delete(on.store, run.number)


def deleted() -> Run | None:
    """The run that was deleted last and can come back."""
    return st.session_state.get("deleted", (None, {}, {}))[0]


def bring_back(on: Found) -> None:
    """Keep the run that was deleted last again, under a new number."""
    run, *kept = st.session_state.pop("deleted")
    try:
        number = runs.record(on.store, run, *kept)
    except ValueError as error:
        st.session_state["deleted"] = (run, *kept)
        state.complain(f"{error}.")
        return
    picked = tuple(number if each == run.number else each for each in desk().picked or ())
    lay(replace(desk(), picked=picked or None))


Deed = Callable[[Found, Run, shelf.Deed], None]
DEEDS: dict[str, Deed] = {"pick": _pick, "drop": _drop, "name": _name, "note": _note, "delete": _delete}
