"""The searches of this server, one a model and its data, which all tabs see; and what a session asks of the next."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import pandas as pd
import streamlit as st

from core import jobs, pipeline, remembering
from core.jobs import Job
from core.keeping import On
from core.latency import Clock, Fastest, fastest
from core.recipe import Recipe, to_json
from core.remembering import Noted
from core.search import Confirmed, Goal, Opened, Point, Progress, Told, parts, table
from dashboard import keeping, offers, state, work
from dashboard.keeping import Place
from dashboard.state import Position

CLOCK = Clock(batches=(1,), rounds=40, seconds=2.0)  # for each recipe that is timed
SHARE = 40  # of the dense file: the size that is asked for at first
STEPS = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)  # times a power of ten: the sizes that can be asked for
DROP, BYTES = "drop", "bytes"


@dataclass(frozen=True)
class Wish:
    """What a session would search for, and what it plots.

    kind: which limit counts, DROP in points or BYTES. size: bytes, 0 for a part of the dense file.
    """

    kind: str = DROP
    drop: float = 0.5
    size: int = 0
    seconds: float = 300.0
    cost: str = "bytes"
    across: str = "bytes"
    up: str = "accuracy"


@dataclass(frozen=True, eq=False)
class Search:
    """A search that runs or has run. enough: set to end it with what it has. load: reads its model and data. timings:
    jobs that time its recipes, and counts: how many each."""

    key: tuple
    goal: Goal
    job: Job
    enough: threading.Event
    load: Callable[[], On]
    timings: list[Job] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)


class Found(NamedTuple):
    """What a search has come to. opened, confirmed, noted: None before it has. table: of `core.search.table`."""

    opened: Opened | None
    points: tuple[Point, ...]
    table: pd.DataFrame
    step: Progress
    confirmed: Confirmed | None
    noted: Noted | None = None


@st.cache_resource
def _kept() -> OrderedDict[tuple, Search]:
    return OrderedDict()


def wish() -> Wish:
    """What this session would search for; at first what its model was searched for last."""
    here = current(state.position())
    if "wish" not in st.session_state and here:
        want_again(here.goal)
    return st.session_state.get("wish", Wish())


def want_again(goal: Goal) -> None:
    """Let this session search for what was searched for before."""
    named = {"kind": DROP, "drop": goal.drop} if goal.drop is not None else {"kind": BYTES, "size": goal.bytes}
    want(replace(st.session_state.get("wish", Wish()), **named, seconds=goal.seconds, cost=goal.cost))


def want(wished: Wish) -> None:
    """Let this session search for something else."""
    st.session_state["wish"] = wished


def goal_of(wished: Wish, dense: int) -> Goal:
    """The goal that a wish stands for. dense: bytes of the dense file."""
    if wished.kind == BYTES:
        return Goal(bytes=limit(wished, dense), seconds=wished.seconds)
    return Goal(drop=wished.drop, seconds=wished.seconds, cost=wished.cost)


def limit(wished: Wish, dense: int) -> int:
    """The bytes that a wish allows: the nearest of `sizes`."""
    asked = wished.size or dense / SHARE
    return min(sizes(dense), key=lambda size: abs(size - asked))


def sizes(dense: int) -> tuple[int, ...]:
    """Round sizes from a thousandth of the dense file's bytes to all of them."""
    every = [round(step * 10**power) for power in range(2, 13) for step in STEPS]
    return tuple(size for size in every if dense / 1000 <= size < dense) or (dense,)


def current(position: Position) -> Search | None:
    """The last search of the position's model on its data, in any tab."""
    return _kept().get(keeping.place(position))


def running(position: Position) -> bool:
    """Whether a search or a timing of the position's model goes on."""
    search = current(position)
    return search is not None and (search.job.running or timing(search) is not None)


def elsewhere(position: Position) -> list[tuple[str, str]]:
    """The other models, each with its data, that are being searched, of those that this session can choose."""
    return keeping.others(position, [place for place, search in list(_kept().items()) if search.job.running])


def begin(position: Position, goal: Goal) -> bool:
    """Search from what is known of the model on; False where another tab's search of it goes on, which stays."""
    with work.STARTING:
        before, place = current(position), keeping.place(position)
        if before and before.job.running:
            return False
        if before:
            end(before)
        enough, load = threading.Event(), loader(place)
        key = ("search", *place, goal, enough)
        job = work.job(key, lambda: remembering.searching(load, goal, keeping.store, enough.is_set))
        work.keep(_kept(), place, Search(key, goal, job, enough, load), end)
    return True


def loader(place: Place) -> Callable[[], On]:
    """What reads a model with its weights, and its data."""
    model, weights, data = place
    return lambda: (offers.load_model(model, weights), offers.load_data(data), None)


def end(search: Search) -> None:
    """Let a search end with what it has, and its timings too."""
    search.enough.set()
    for job in search.timings:
        jobs.stop(job)
    jobs.go_on(search.job)


def timing(search: Search) -> Job | None:
    """The timing of a search's recipes that goes on."""
    return next((job for job in search.timings if job.running), None)


def time_recipes(search: Search, recipes: Sequence[Recipe]) -> None:
    """Time recipes that were not yet, in the background."""
    known = _times(search)
    wanted = {key: recipe for recipe in recipes if (key := to_json(recipe, indent=None)) not in known}
    if not wanted or timing(search):
        return

    def steps() -> Iterator[tuple[str, Fastest]]:
        opened = _opened(search)
        study = opened.study if opened else parts(*search.load(), search.goal.seed)[0]
        for key, recipe in wanted.items():
            yield key, fastest(study, pipeline.apply(study, recipe), CLOCK)

    search.counts.append(len(wanted))
    search.timings.append(work.job((*search.key, "times", *wanted), steps))


def share_timed(search: Search) -> float:
    """How far the timing that goes on is, a fraction."""
    job = timing(search)
    return len(job.events) / search.counts[-1] if job and search.counts else 1.0


def _opened(search: Search) -> Opened | None:
    return next((event for event in search.job.events if isinstance(event, Opened)), None)


def _times(search: Search) -> dict[str, Fastest]:
    """What was timed, by the recipe's JSON on one line."""
    return dict(event for job in search.timings for event in list(job.events))


def found(search: Search | None) -> Found:
    """What a search has come to by now."""
    events = list(search.job.events) if search else []
    steps = [event for event in events if isinstance(event, Progress)]
    points = tuple(step.point for step in steps if step.point)
    goal = search.goal if search else Goal(drop=0.0)
    confirmed = next((event for event in events if isinstance(event, Confirmed)), None)
    result = confirmed.points[-1].recipe if confirmed and confirmed.points else None
    made = table(points, goal, Told(result, _times(search) if search else {}))
    opened = _opened(search) if search else None
    noted = next((event for event in reversed(events) if isinstance(event, Noted)), None)
    return Found(opened, points, made, steps[-1] if steps else Progress(0.0, ""), confirmed, noted)


def seconds_left(search: Search, step: Progress) -> float:
    """The seconds that a search may still take."""
    return (1 - step.share) * search.goal.seconds
