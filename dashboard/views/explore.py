"""Explore: drag a slider, watch what the network loses and what the file gains."""

import time
from dataclasses import replace

import streamlit as st

from core.live import Look, Studio
from dashboard import controls, export, panels, rows, state
from dashboard.live import readout, slider
from dashboard.live.row import row
from dashboard.state import Position

DRAG_SECONDS, REST_SECONDS = 0.0, 0.12  # time for images beyond the first few hundred
SLOTS = ("trouble", "figures", "layer", "prune", "mode", "bits", "coder", "rank", "foot")


def page() -> None:
    """The whole view: what stands still, and a fragment that runs at every move of a slider."""
    panels.style()
    with st.container(key="page"):
        studio = panels.pick(state.position())
        if studio is not None:
            explore(studio)


@st.fragment
def explore(studio: Studio) -> None:
    """One run: read what the hand did, one core call, draw. The sliders come last: their answer follows the plots."""
    start = time.perf_counter()
    side, plots = st.container(key="side"), st.container(key="plots")
    slots = {name: side.container(key=f"slot-{name}") for name in SLOTS}
    wanted = rows.carry_out(studio)
    position, readings = _read(studio, state.position())
    position, looked = _look(studio, position)
    state.visit(looked)
    panels.trouble(slots["trouble"])
    with plots:
        panels.plots(studio, position, looked)
    with slots["figures"]:
        readout.readout("readout", panels.figures_of(looked, resting=all(r.final for r in readings.values())))
    for name, items in rows.of(studio, position).items():
        with slots[name]:
            row(f"row-{name}", items)
    state.write_link()
    _mount(slots, studio, (position, readings), 1e3 * (time.perf_counter() - start))
    if wanted == "export":
        export.dialog(studio, position)


def _read(studio: Studio, position: Position) -> tuple[Position, dict[str, slider.Reading]]:
    """The position once the sliders' newest values are taken, and those values."""
    readings = {}
    for name, control in controls.SLIDERS.items():
        scale, value = control.scale(studio, position), control.value(studio, position)
        readings[name] = slider.reading(name, scale, value)
        if readings[name].value != slider.clamp(scale, value):
            position = replace(position, recipe=control.recipe(studio, position, readings[name].value))
    held = not all(reading.final for reading in readings.values())
    state.go(position) if held else state.settle(position)
    return position, readings


def _look(studio: Studio, position: Position) -> tuple[Position, Look]:
    """What the position measures; the last one that could be measured where this one cannot."""
    seconds = REST_SECONDS if readout.wants_more("readout") else DRAG_SECONDS
    try:
        return position, state.looked(studio, position.recipe, seconds)
    except ValueError as error:
        state.complain(f"{error}.")
        there = state.fall_back()
        return there, state.looked(studio, there.recipe, seconds)


def _mount(slots: dict, studio: Studio, stand: tuple[Position, dict[str, slider.Reading]], busy_ms: float) -> None:
    position, readings = stand
    for name, control in controls.SLIDERS.items():
        scale, value = control.scale(studio, position), control.value(studio, position)
        shown = replace(readings[name], value=slider.clamp(scale, value))
        with slots[name]:
            slider.mount(name, scale, shown, window=slider.window_for(busy_ms))
