"""A page with sliders, the two figures and two plots, for the browser tests: `?work=300` lets each run take longer."""

from __future__ import annotations

import time

import streamlit as st

from dashboard.live import chart, readout, slider
from dashboard.live.board import board
from dashboard.live.slider import Scale

WORK = float(st.query_params.get("work", 0)) / 1e3
BITS = Scale("Bits", stops=("1", "2", "3", "4", "5", "6", "7", "8", "off"), hint="symmetric, a scale for each channel")
RANK = Scale("Rank", 1, 512, 1, disabled=True, off_at=512, off_text="full")
IMAGES = 5000
STYLE = """<style>
[data-testid="stHeader"] { display: none; }
[data-testid="stMainBlockContainer"] { padding: 8px 16px; max-width: none; }
</style>"""


def prune(layer: str) -> Scale:
    return Scale("Prune", 0.0, 99.0, 0.1, 1, "%", subject=layer, hint=f"what {layer} loses", off_at=0, off_text="0 %")


def line(value: float) -> dict[str, object]:
    trace = {"type": "scatter", "mode": "lines", "x": [0, 1, 2], "y": [0, value, 100]}
    return {"data": [trace], "layout": {"xaxis": {"range": [0, 2]}, "yaxis": {"range": [0, 100]}}}


def change_layer() -> None:
    state = st.session_state
    old = state.layer
    state.sparsity = state.sparsity | {old: slider.reading("prune", prune(old), state.sparsity[old]).value}
    state.layer = "fc2" if old == "fc1" else "fc1"


def undo() -> None:
    st.session_state.sparsity = st.session_state.sparsity | {st.session_state.layer: 12.5}
    slider.move("prune", 12.5)


def measured(percent: float, bits: float, resting: bool) -> readout.Readout:
    state = st.session_state
    now = (state.layer, percent, bits)
    more = readout.wants_more("figures")
    state.asked = state.get("asked", 0) + more
    if state.get("measured_at") != now:
        state.images = 0
    if more or not state.images:
        state.images = min(IMAGES, state.images + 500)
    state.measured_at = now
    return readout.Readout(
        accuracy=f"{99 - percent / 50:.1f}",
        interval="98.2 to 98.9",
        drop=f"−{percent / 50:.1f} ± 0.3 points",
        images=state.images,
        images_all=IMAGES,
        file=f"{850 - 8 * percent:.0f}",
        file_unit="kB",
        ratio="40 times smaller",
        removed=f"{percent:.0f} % of the weights removed",
        dense="dense 8,490 kB",
        version=f"{state.layer} {percent:.1f} {bits:.0f} {state.images}",
        resting=resting,
    )


@st.fragment
def explore() -> None:
    state = st.session_state
    started = time.perf_counter()
    scale = prune(state.layer)
    percent = slider.reading("prune", scale, state.sparsity[state.layer])
    bits = slider.reading("bits", BITS, state.width)
    state.sparsity = state.sparsity | {state.layer: percent.value}
    state.width = bits.value
    time.sleep(WORK)
    figures = measured(percent.value, bits.value, percent.final and bits.final)
    version = f"{percent.value:.1f}"
    held = "final" if percent.final else "held"
    st.text(f"prune {version} {held}; bits {BITS.stops[int(bits.value)]}; asked {state.asked}")
    window = slider.window_for((time.perf_counter() - started) * 1e3)
    board(
        {
            "figures": readout.part(figures),
            "prune": slider.part("prune", scale, percent, window=window),
            "bits": slider.part("bits", BITS, bits, window=window),
            "rank": slider.part("rank", RANK, slider.reading("rank", RANK, 512)),
            "moving": chart.part(line(percent.value), chart.Card(f"{version} % removed", "a line", version=version)),
            "still": chart.part(line(50), chart.Card("Nothing moves here", "a line", version=version)),
        }
    )


st.set_page_config("Live components", layout="wide")
st.html(STYLE)
st.session_state.setdefault("layer", "fc1")
st.session_state.setdefault("sparsity", {"fc1": 30.0, "fc2": 60.0})
st.session_state.setdefault("width", 3.0)
with st.container(horizontal=True):
    st.button("Undo", on_click=undo)
    st.button("Other layer", on_click=change_layer)
explore()
