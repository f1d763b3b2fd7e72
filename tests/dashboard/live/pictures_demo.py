"""All pictures of a lesson of a sample under two sliders, for the browser tests: `?model=lenet_300_100`."""

from __future__ import annotations

import numpy as np
import streamlit as st
from torch import nn

from core import live, loading, pipeline
from core.live import Studio
from core.loading import Data, Loaded
from core.recipe import Recipe, Settings
from dashboard.lessons import pictures
from dashboard.live import slider
from dashboard.live.board import board
from dashboard.live.slider import Scale

MODEL = st.query_params.get("model", "digits_cnn")
PATTERN = st.query_params.get("pattern", "element")
RANK = float(st.query_params.get("rank", 1))
PRUNE = Scale("Prune", 0.0, 99.0, 0.5, 1, "%", off_at=0, off_text="0 %")
BITS = Scale("Bits", stops=("1", "2", "3", "4", "8", "off"))
STYLE = """<style>
[data-testid="stHeader"] { display: none; }
[data-testid="stMainBlockContainer"] { padding: 8px 24px; max-width: none; }
@media (max-width: 700px) { [data-testid="stMainBlockContainer"] { padding: 8px 16px; } }
</style>"""


def table() -> Studio:
    """A network on a table of chance."""
    model = nn.Sequential(nn.Linear(5, 3)).eval().requires_grad_(False)
    data = Data("table", np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32), np.arange(6) % 3)
    return live.opened(pipeline.study(Loaded("table", model, "0", ""), data, Recipe()))


@st.cache_resource
def studio(model: str) -> Studio:
    if model == "table":
        return table()
    return live.opened(pipeline.study(loading.load_model(model), loading.load_data("digits"), Recipe()))


@st.fragment
def page() -> None:
    prune = slider.reading("prune", PRUNE, st.session_state.get("share", 80.0))
    bits = slider.reading("bits", BITS, st.session_state.get("width", 3.0))
    st.session_state.update(share=prune.value, width=bits.value)
    width = BITS.stops[int(bits.value)]
    settings = Settings(
        sparsity=prune.value / 100,
        bits=32 if width == "off" else int(width),
        pattern=PATTERN,
        coder="kmeans",
        group="tensor",
        rank=RANK,
    )
    parts = pictures.drawn(tuple(pictures.PICTURES), studio(st.session_state.get("model", MODEL)), Recipe(settings))
    sliders = {"prune": slider.part("prune", PRUNE, prune), "bits": slider.part("bits", BITS, bits)}
    board(sliders | parts)


st.set_page_config("Pictures", layout="wide")
st.html(STYLE)
if st.button("On a table"):
    st.session_state["model"] = "table"
if st.button("On digits"):
    st.session_state["model"] = MODEL
page()
