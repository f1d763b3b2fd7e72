"""The hand-out of an order of lessons: measured in the background, a lesson at a time, and saved as a file to print."""

from collections.abc import Hashable, Iterator

import streamlit as st

from core import jobs
from core.jobs import Job
from core.lessons import handout as pages
from core.lessons import plans
from core.lessons.plans import Plan
from dashboard import words, work
from dashboard.lessons import measuring
from dashboard.state import Position

BEAT = 1.0  # seconds between two looks at what is being measured


def handout(position: Position, plan: Plan) -> None:
    """The button that makes it, how far it is, or the button that saves it."""
    job = work.find(_key(plan))
    beating = job is not None and job.running and not job.stopping.is_set()
    st.fragment(_handout, run_every=BEAT if beating else None)(position, plan, beating)


def _handout(position: Position, plan: Plan, beating: bool) -> None:
    job = work.find(_key(plan))
    if job is None or job.stopping.is_set() or job.trouble:
        if job is not None and job.trouble:
            st.error(words.plain(f"The hand-out cannot be made: {job.trouble[0]}."))
        if st.button("Make a hand-out to print", help="Room for predictions first, then what this model measured."):
            _made(position, plan)
            st.rerun()
    elif job.running:
        _under_way(job, plan)
    elif beating:
        st.rerun()
    else:
        st.download_button("Save the hand-out", job.events[-1], "hand-out.html", "text/html", on_click="ignore")


def _under_way(job: Job, plan: Plan) -> None:
    done = len(job.events)
    st.progress(done / len(plan.lessons), f"Measuring for the hand-out: {done} of {len(plan.lessons)} lessons")
    if st.button("Cancel the hand-out"):
        jobs.stop(job)
        st.rerun()


def _key(plan: Plan) -> Hashable:
    return "hand-out", plans.text(plan)


def _made(position: Position, plan: Plan) -> Job:
    """The job that measures a plan's lessons; its last event is the page, each before that a lesson."""
    studio = measuring.studio_of(position)

    def steps() -> Iterator[pages.Section | str]:
        study, turn = measuring.aside(studio)
        sections, made = pages.sections(study, plan), []
        for _ in plan.lessons:
            with turn:
                made.append(next(sections))
            yield made[-1]
        yield pages.bound(study, made)

    return work.job(_key(plan), steps)
