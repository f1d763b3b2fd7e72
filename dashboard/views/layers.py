"""Layers: what each layer alone can lose, and every setting of every layer."""

import streamlit as st

from dashboard import editing, facets, panels, sensing, state, trail
from dashboard.live import grid, readout
from dashboard.live.board import board

BEAT = 0.7  # seconds between two looks at a map that is being measured
PLOTS = ("heat", "layers", "spectrum")
PARTS = ("model", "technique", "bar", "run", "layers-figures", "order", *PLOTS, "tools", "grid")
READ, TABLE = "layers-figures", "grid"


def page() -> None:
    """The whole view: a fragment that runs again and again while something is measured."""
    facets.see_to_the_map(state.position())
    beating = facets.running(state.position())
    st.fragment(layers, run_every=BEAT if beating else None)(beating)


def layers(beating: bool) -> None:
    """One run: read what the hand did, look at how far the map is, one core call, draw."""
    before = state.position()
    studio = state.studio_of(before)
    done = facets.carry_out(studio)
    facets.say(editing.carry_out(studio, grid.deeds(TABLE)))
    here = state.position()
    if done == "explore" or (here.model, here.data) != (before.model, before.data):
        st.rerun()
    facets.see_to_the_map(here)
    if facets.running(here) != beating:
        st.rerun()
    studio, here, looked = panels.look(here, READ)
    state.note_shown(here, looked)
    trail.visit(looked)
    parts = facets.parts(here) | panels.stamped(facets.plots(studio, here, looked), PLOTS)
    parts[READ] = readout.part(panels.figures_of(looked, resting=True))
    shown = sensing.matching(studio.study.known, facets.search(), sensing.LISTED)
    lines = editing.lines(shown, here, looked)
    parts[TABLE] = grid.part(TABLE, editing.columns(), lines, (here.layer, facets.table_words(studio)))
    panels.trouble()
    board({name: parts[name] for name in PARTS})
    state.write_link()
