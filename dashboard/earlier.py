"""The searches that the run store keeps of a model on its data: a session looks at one again as it was left."""

import threading
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import streamlit as st

from core import remembering
from core.jobs import Job
from core.runs import Store
from core.runs import searches as kept
from core.runs.searches import Searched
from core.search import SEARCHED, Confirmed, Progress
from dashboard import findings, keeping, searches, state
from dashboard.searches import Search
from dashboard.state import Position

LAST = "0"  # the option that stands for the last search of this server
MOST = 50  # searches to choose from, the latest


def waiting(position: Position) -> bool:
    """Whether it is still being found out which searches are of the position's model and data."""
    return keeping.subject_job(position).running


def options(position: Position) -> dict[str, str]:
    """What can be looked at, by number: the last search of this server, then those of the store from the latest on."""
    current = searches.current(position)
    own = searches.found(current).noted if current else None
    others = [each for each in _listed(position) if not own or each.number != own.number]
    words = findings.EARLIER[0 if current is None else 1 if current.job.running else 2].format(len(others))
    return {LAST: words} | {f"{each.number}": findings.earlier(*_said(each)) for each in others[:MOST]}


def _said(search: Searched) -> tuple[datetime, object, object, int]:
    asked = search.goal
    return _time(search), asked.get("drop"), asked.get("bytes"), search.count[SEARCHED]


def _time(search: Searched) -> datetime:
    return datetime.fromisoformat(search.at).astimezone()


def _listed(position: Position) -> list[Searched]:
    """The searches of the store on the position's model and data, the latest first."""
    job = keeping.subject_job(position)
    if not job.events:
        return []
    try:
        every = kept.listed(keeping.store())
    except (ValueError, OSError):
        return []  # keeping a run or a search says what is wrong
    sha = job.events[0].model_sha256, job.events[0].data_sha256
    return [
        each
        for each in reversed(every)
        if (each.subject.model_sha256, each.subject.data_sha256) == sha and each.count.get(SEARCHED)
    ]


def chosen(position: Position) -> str:
    """The option that this session looks at."""
    place, number = st.session_state.get("earlier", (None, LAST))
    return number if place == keeping.place(position) else LAST


def choose(position: Position, number: str) -> None:
    """Look at another search; what is asked for next is what it was asked."""
    st.session_state["earlier"] = keeping.place(position), number
    search = shown(position)
    if search is not None:
        searches.want_again(search.goal)


def shown(position: Position) -> Search | None:
    """The search that this session looks at, None where there is none."""
    number = chosen(position)
    listed = [] if number == LAST else _listed(position)
    search = next((each for each in listed if f"{each.number}" == number), None)
    if search is None:
        return searches.current(position)
    try:
        return _past(
            keeping.store().path, search.number, (search.mark, *search.count.values()), keeping.place(position)
        )
    except (ValueError, OSError) as error:
        state.complain(f"{error}.")
        st.session_state.pop("earlier")
        return searches.current(position)


@lru_cache(maxsize=8)
def _past(path: Path, number: int, version: tuple[str | int, ...], place: tuple[str, str | None, str]) -> Search:
    """A search of the store as one that has ended. version: differs where more became known of it."""
    found = remembering.past(Store(path), number)
    told = [Confirmed(found.confirmed)] if found.confirmed else []
    job = Job([*(Progress(1.0, "", point) for point in found.points), *told])
    job.ended.set()
    return Search(("search", *place, *version), found.goal, job, threading.Event(), searches.loader(place))
