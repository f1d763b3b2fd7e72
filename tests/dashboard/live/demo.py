"""A page with every live component, for the browser tests: `?work=300` makes each run take 300 ms more."""

from __future__ import annotations

import time
from functools import cache

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from dashboard.live.plot import Card, plot
from dashboard.live.readout import Readout, readout, wants_more
from dashboard.live.slider import Scale, mount, move, reading, window_for

WORK = float(st.query_params.get("work", 0)) / 1e3
BITS = ("1", "2", "3", "4", "5", "6", "7", "8", "off")
LAYERS = {"fc1": 30.0, "fc2": 60.0}
IMAGES = 5000

STICKY = """<style>
@media (max-width: 700px) {
  .stColumn:has(.st-key-figures), .stColumn:has(.st-key-figures) > .stVerticalBlock { display: contents; }
  [data-testid="stLayoutWrapper"]:has(> .st-key-figures) { position: sticky; top: 3.75rem; z-index: 5; }
}
</style>"""


@cache
def histogram() -> tuple[np.ndarray, np.ndarray]:
    weights = np.random.default_rng(0).normal(0, 0.05, 200_000)
    counts, edges = np.histogram(weights, 80, (-0.2, 0.2))
    return counts, edges


def steps(counts: np.ndarray, colour: str) -> dict[str, object]:
    _, edges = histogram()
    line = {"shape": "hv", "width": 0}
    points = {"x": edges, "y": np.append(counts, 0), "mode": "lines", "line": line, "hoverinfo": "skip"}
    return {"type": "scatter", "fill": "tozeroy", "fillcolor": colour} | points


def layout(**more: object) -> dict[str, object]:
    return {"margin": {"l": 44, "r": 14, "t": 8, "b": 28}, "showlegend": False} | more


def weights(percent: float) -> dict[str, object]:
    counts, edges = histogram()
    middle = (edges[1:] + edges[:-1]) / 2
    gone = np.abs(middle) < percent / 100 * 0.2
    traces = [
        steps(np.where(gone, counts, 0), "var(--st-orange-background-color)"),
        steps(np.where(gone, 0, counts), "var(--st-primary-color)"),
    ]
    return {"data": traces, "layout": layout(yaxis={"range": [0, 8000]}, xaxis={"range": [-0.2, 0.2]})}


def bars(percent: float) -> dict[str, object]:
    kept = [100 - percent, 80, 60, 90]
    bar = {"type": "bar", "y": ["conv1", "conv2", "fc1", "fc2"], "orientation": "h"}
    traces = [
        bar | {"x": kept, "marker": {"color": "var(--st-primary-color)"}},
        bar | {"x": [100 - k for k in kept], "marker": {"color": "var(--st-orange-background-color)"}},
    ]
    return {"data": traces, "layout": layout(barmode="stack", xaxis={"range": [0, 100]})}


def trail(percent: float) -> go.Figure:
    x = np.append(np.arange(1, 9), 1 + percent / 12)
    y = np.append(100 - 8 / np.arange(1, 9), 98)
    points = go.Scatter(
        x=x,
        y=y,
        mode="markers",
        marker={"size": 12, "color": "var(--st-primary-color)"},
        customdata=[f"setting {i}" for i in range(9)],
    )
    return go.Figure([points], layout(xaxis={"range": [0, 10]}, yaxis={"range": [90, 101]}))


def still() -> go.Figure:
    line = go.Scatter(x=list(range(100)), y=[1 / (i + 1) for i in range(100)], line={"color": "var(--st-text-color)"})
    return go.Figure([line], layout())


def change_layer() -> None:
    state = st.session_state
    old = state.layer
    scale = Scale("Prune", 0.0, 99.0, 0.1, 1, "%", subject=old)
    state.sparsity = state.sparsity | {old: reading("prune", scale, state.sparsity[old]).value}
    state.layer = "fc2" if old == "fc1" else "fc1"


def undo() -> None:
    st.session_state.sparsity = st.session_state.sparsity | {st.session_state.layer: 12.5}
    move("prune", 12.5)


def measured(percent: float, bits: float, resting: bool) -> Readout:
    state = st.session_state
    same = state.get("measured_at") == (state.layer, percent, bits)
    state.images = min(IMAGES, state.get("images", 0) + 500) if same else 500
    state.measured_at = (state.layer, percent, bits)
    return Readout(
        accuracy=f"{99 - percent / 50:.1f}",
        interval="98.2 to 98.9",
        drop=f"−{percent / 50:.1f} ± 0.3 points",
        images=state.images,
        images_all=IMAGES,
        file=f"{850 - 8 * percent:.0f}",
        file_unit="kB",
        ratio="40 times smaller",
        dense="dense 8,490 kB",
        version=f"{state.layer} {percent:.1f} {bits:.0f} {state.images}",
        resting=resting,
    )


@st.fragment
def explore() -> None:
    state = st.session_state
    started = time.perf_counter()
    side, right = st.columns([1, 3])
    figures, sliders = side.container(key="figures"), side.container(key="sliders")
    left, middle = right.columns(2)

    layer = state.layer
    prune = Scale("Prune", 0.0, 99.0, 0.1, 1, "%", subject=layer, hint=f"what {layer} loses", off_at=0, off_text="0 %")
    bits = Scale("Bits", stops=BITS, hint="symmetric, a scale for each channel")
    percent = reading("prune", prune, state.sparsity[layer])
    width = reading("bits", bits, state.width)
    state.sparsity = state.sparsity | {layer: percent.value}
    state.width = width.value
    state.asked = state.get("asked", 0) + wants_more("figures_now")
    time.sleep(WORK)

    version = f"{percent.value:.1f}"
    with figures:
        readout("figures_now", measured(percent.value, width.value, percent.final and width.final))
    with left:
        plot(weights(percent.value), "weights", Card(f"{version} % removed", "weights of fc1", version=version))
        plot(still(), "still", Card("Nothing moves here", "one over i", version=version))
    with middle:
        plot(bars(percent.value), "bars", Card(f"fc1 keeps {100 - percent.value:.1f} %", "by layer", version=version))
        click = plot(trail(percent.value), "trail", Card("Where you have been", "click a point", version=version))
    if click:
        state.clicks = [*state.get("clicks", []), f"{click.curve}/{click.point}/{'/'.join(map(str, click.customdata))}"]
    st.text(f"clicks: {state.get('clicks', [])}")
    st.text(f"prune {percent.value:.1f} {'final' if percent.final else 'held'}; bits {BITS[int(width.value)]}")
    window = window_for((time.perf_counter() - started) * 1e3)
    with sliders:
        mount("prune", prune, percent, window=window)
        mount("bits", bits, width, window=window)
        mount(
            "stuck",
            Scale("Rank", 1, 512, 1, disabled=True, off_at=512, off_text="full"),
            reading("stuck", Scale("Rank", 1, 512, 1), 512),
        )


st.set_page_config("Live components", layout="wide")
st.html(STICKY)
st.session_state.setdefault("layer", "fc1")
st.session_state.setdefault("sparsity", dict(LAYERS))
st.session_state.setdefault("width", 3.0)
with st.container(horizontal=True):
    st.button("Undo", on_click=undo)
    st.button("Other layer", on_click=change_layer)
explore()
