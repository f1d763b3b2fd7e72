"""Learn: say what you think, measure it, play with the one control, and answer three questions."""

import time

import streamlit as st

from core import lessons
from dashboard import panels, state
from dashboard.lessons import doing, measuring, standing, steps, teaching
from dashboard.live.board import board

BEAT = 0.5  # seconds between two looks at what is being measured
DELIVERY_SECONDS = 0.003  # as in Explore: for the server's own thread to send what a run has put on the page


def page() -> None:
    """The whole view: a fragment that runs at every move of the slider, and while something is measured."""
    position, stand = state.position(), standing.stand()
    lesson = lessons.lesson(stand.lesson)
    beating = measuring.running(position, lesson, standing.sitting(position, lesson.name))
    st.fragment(learn, run_every=BEAT if beating else None)(beating)
    teaching.panel()


def learn(beating: bool) -> None:
    """One run: read what the hand did, what has been measured by now, draw."""
    start, before = time.perf_counter(), state.position()
    try:
        reading = doing.carry_out(before)
        here, stand = state.position(), standing.stand()
        if (here.model, here.data) != (before.model, before.data):
            st.rerun()
        on = steps.scene(here, stand)
        found = measuring.found(here, on.lesson, on.sitting)
        parts = doing.parts(on, stand, found) | doing.control(on, reading, 1e3 * (time.perf_counter() - start))
        if measuring.running(here, on.lesson, on.sitting) != beating:
            st.rerun()
    except (ValueError, OSError) as error:
        state.complain(f"{error}.")
        panels.trouble()
        return
    panels.trouble()
    board({name: parts[name] for name in doing.ORDER if name in parts})
    state.say_too(standing.here())
    state.write_link()
    time.sleep(DELIVERY_SECONDS)
