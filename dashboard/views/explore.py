"""Explore: drag a slider, watch what the network loses and what the file gains."""

import time
from dataclasses import replace

import streamlit as st

from core.live import Studio
from dashboard import controls, export, keeping, panels, rows, state, terms, trail
from dashboard.live import readout, slider
from dashboard.live.board import Part, board
from dashboard.state import Position

DELIVERY_SECONDS = 0.003  # for the server's own thread to send what a run has put on the page
BEAT = 0.5  # seconds between two looks at a run that is being measured to be kept
SIDE = ("model", "readout", "layer", "prune", "mode", "bits", "coder", "rank", "factorizer")
SIDE += ("good", "beside", "plot", "note", "foot")
READ = "readout"


def page() -> None:
    """The whole view: a fragment that runs at every move of a slider, and while a run is measured to be kept."""
    beating = keeping.busy()
    st.fragment(explore, run_every=BEAT if beating else None)(beating)


def explore(beating: bool) -> None:
    """One run: read what the hand did, one core call, draw, most of it while the images are being measured."""
    start = time.perf_counter()
    before = state.position()
    studio = state.studio_of(before)
    readings = _read(studio, before)  # first: a value belongs to what was chosen when it was set
    wanted = rows.carry_out(studio)
    if not wanted:
        panels.go_back_to_clicked()
    if (state.position().model, state.position().data) != (before.model, before.data):
        st.rerun()
    if keeping.busy() != beating:
        st.rerun()
    studio, position, looked = panels.look(state.position(), READ)
    keeping.say(position, keeping.recipe_of(position))
    parts, plots = rows.parts(studio, position, looked), panels.layer_plots(studio, position, looked)
    state.note_shown(position, looked)
    trail.visit(looked)
    resting = all(reading.final for reading in readings.values())
    parts[READ] = readout.part(panels.figures_of(looked, resting))
    parts["foot"] = rows.foot(studio, position, looked)
    plots |= panels.measured_plots(studio, position, looked)
    parts |= _sliders(studio, (position, readings), 1e3 * (time.perf_counter() - start))
    panels.trouble()
    board({name: parts[name] for name in SIDE} | panels.stamped(plots, panels.PLACES))
    state.write_link()
    time.sleep(DELIVERY_SECONDS)  # the next run, if it waits, would drop what is still unsent: a state of three
    if wanted == "export":
        export.dialog(studio, position)


def _read(studio: Studio, position: Position) -> dict[str, slider.Reading]:
    """The sliders' newest values, once the session stands where they say."""
    readings = {}
    for name, control in controls.SLIDERS.items():
        scale, value = control.scale(studio, position), control.value(studio, position)
        readings[name] = slider.reading(name, scale, value)
        if readings[name].value != slider.clamp(scale, value):
            position = replace(position, recipe=control.recipe(studio, position, readings[name].value))
    held = not all(reading.final for reading in readings.values())
    state.go(position) if held else state.settle(position)
    return readings


def _sliders(studio: Studio, stand: tuple[Position, dict[str, slider.Reading]], busy_ms: float) -> dict[str, Part]:
    position, readings = stand
    parts = {}
    for name, control in controls.SLIDERS.items():
        scale, value = control.scale(studio, position), control.value(studio, position)
        shown = replace(readings[name], value=slider.clamp(scale, value))
        scale = replace(scale, about=terms.explained(f"{scale.label}. {scale.hint}"))
        parts[name] = slider.part(name, scale, shown, window=slider.window_for(busy_ms))
    return parts
