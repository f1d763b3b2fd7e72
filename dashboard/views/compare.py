"""Compare: the runs that were kept, side by side, down to the images that they answer differently."""

import streamlit as st

from dashboard import choices, compared, desk, keeping, panels, state
from dashboard.live import shelf
from dashboard.live.board import board

BEAT = 0.5  # seconds between two looks at what is being measured
SIDE = ("model", "which", "shelf", "bar", "foot")


def page() -> None:
    """The whole view: a fragment that runs again and again while something is measured."""
    beating = keeping.busy()
    st.fragment(compare, run_every=BEAT if beating else None)(beating)


def compare(beating: bool) -> None:
    """One run: read what the hand did, what is kept, draw."""
    before = state.position()
    try:
        on = desk.found(before)
        opened = desk.carry_out(on, shelf.deeds(desk.SHELF))
        done = choices.carry_out(on, before)
        here = state.position()
        if opened is not None:
            desk.go_to(opened)
            state.turn_to("Explore")
        if opened is not None or (here.model, here.data) != (before.model, before.data):
            st.rerun()
        desk.wait_for_dense(here, on)
        on = desk.found(here)
    except (ValueError, OSError) as error:
        state.complain(f"{error}.")
        panels.trouble()
        return
    if keeping.busy() != beating:
        st.rerun()
    parts = choices.parts(on, here) | {"shelf": compared.shelf_of(on, here)}
    above = {name: parts[name] for name in choices.ABOVE if name in parts}
    panels.trouble()
    board({name: parts[name] for name in SIDE} | above | compared.shown(on, here))
    if done == "export":
        choices.export(on)
