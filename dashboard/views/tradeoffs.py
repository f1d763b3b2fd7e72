"""Trade-offs: say what may be lost, watch recipes be measured, open any of them in Explore."""

from dataclasses import replace

import streamlit as st

from dashboard import earlier, goals, keeping, outcome, panels, searches, state
from dashboard.live import row
from dashboard.live.board import board
from dashboard.state import EACH, Position

BEAT = 0.7  # seconds between two looks at a search that runs
SIDE = ("model", "shown", "figures", "kind", "limit", "time", "run", "bar", "axes", "timing", "division", "told")


def page() -> None:
    """The whole view: a fragment that runs again and again while something is measured."""
    beating = _busy(state.position())
    st.fragment(tradeoffs, run_every=BEAT if beating else None)(beating)


def _busy(position: Position) -> bool:
    front = keeping.front(position)
    timed = earlier.shown(position)
    return (
        searches.running(position)
        or bool(searches.elsewhere(position))
        or earlier.waiting(position)
        or (timed is not None and searches.timing(timed) is not None)
        or (front is not None and front.job.running)
    )


def tradeoffs(beating: bool) -> None:
    """One run: read what the hand did, look at what the search has come to, draw."""
    before = state.position()
    studio = state.studio_of(before)
    reading = goals.read(studio)
    goals.carry_out(studio, earlier.shown(before))
    here = state.position()
    if (here.model, here.data) != (before.model, before.data) or _busy(here) != beating:
        st.rerun()
    search = earlier.shown(here)
    found = searches.found(search)
    recipe = goals.chosen(found.points)
    if recipe is not None:
        state.settle(replace(keeping.base(here), recipe=recipe, layer="", mode=EACH))
        state.turn_to("Explore")
        st.rerun()
    parts = {name: row.part(name, items) for name, items in goals.controls(search).items()}
    parts |= {"figures": outcome.figures(studio, found), "limit": goals.limit(studio, reading)}
    parts |= {"bar": outcome.bar(search, found)}
    parts |= {name: row.part(name, items) for name, items in outcome.notes(search, found).items()}
    panels.trouble()
    board({name: parts[name] for name in SIDE} | outcome.plots(search, found))
