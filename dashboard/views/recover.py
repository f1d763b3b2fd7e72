"""Recover: what a compressed network loses, training gives back, in the background and before one's eyes."""

import streamlit as st

from dashboard import panels, regained, remedies, state, trainings
from dashboard.live import row
from dashboard.live.board import board
from dashboard.state import Position

BEAT = 0.5  # seconds between two looks at a training that runs
SIDE = (
    "model",
    "figures",
    "how",
    "what",
    "sparsity",
    "temperature",
    "alpha",
    "smaller",
    "example",
    "much",
    "rounds",
    "run",
    "bar",
    "after",
)
NOTES = ("told", "about")


def page() -> None:
    """The whole view: a fragment that runs again and again while something is trained."""
    beating = _busy(state.position())
    st.fragment(recover, run_every=BEAT if beating else None)(beating)


def _busy(position: Position) -> bool:
    return trainings.running(position) or bool(trainings.elsewhere(position))


def recover(beating: bool) -> None:
    """One run: read what the hand did, look at what the training has come to, draw."""
    before = state.position()
    studio = state.studio_of(before)
    readings = remedies.read()
    done = remedies.carry_out(trainings.current(before))
    here = state.position()
    moved = (here.model, here.data) != (before.model, before.data)
    if done in remedies.LEAVING or moved or _busy(here) != beating:
        st.rerun()
    training = trainings.current(here)
    found = trainings.found(training)
    parts = {name: row.part(name, items) for name, items in remedies.controls(training).items()}
    parts |= remedies.sliders(readings)
    parts |= {"figures": regained.figures(studio, training, found), "bar": regained.bar(training, found)}
    parts |= {name: row.part(name, items) for name, items in regained.notes(training, found).items()}
    panels.trouble()
    shown = {name: parts[name] for name in (*SIDE, *NOTES) if name in parts}
    board(shown | regained.plots(studio, training, found))
