"""The figures of the page from random tables, for the browser tests: `?layers=40` for a model with many layers."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import figures, maps
from dashboard.live import chart
from dashboard.live.board import board

LAYERS = int(st.query_params.get("layers", 4))
PLACE = {"height": "calc((100vh - 52px - 3 * 16px) / 2)", "phone": "260px"}
STYLE = """<style>
[data-testid="stHeader"] { display: none; }
[data-testid="stMainBlockContainer"] { padding: 8px 24px; max-width: none; }
@media (max-width: 700px) { [data-testid="stMainBlockContainer"] { padding: 8px 16px; } }
</style>"""


def bins(cut: float) -> pd.DataFrame:
    weights = np.random.default_rng(0).normal(0, 0.012, 200_000)
    edges = np.linspace(-0.05, 0.05, 82)
    total = np.histogram(weights, edges)[0]
    removed = np.histogram(weights[np.abs(weights) < cut], edges)[0]
    return pd.DataFrame({"low": edges[:-1], "high": edges[1:], "kept": total - removed, "removed": removed})


def layer_rows(sparsity: float) -> list[dict]:
    short = ["conv1", "conv2", "fc1", "fc2"]
    names = short if LAYERS == 4 else [f"features.{i}.block.conv{i % 3}.weight" for i in range(LAYERS)]
    stored = np.resize([288, 18_432, 2_097_152, 5_120], LAYERS)
    shares = np.resize([0.1, 0.35, sparsity, 0.3], LAYERS)
    removed = (stored * shares).astype(int)
    bits = 0.1 + 4.2 * (1 - shares)
    columns = {"layer": names, "stored": stored, "removed": removed, "sparsity": shares}
    table = pd.DataFrame({**columns, "bits_per_weight": bits, "entropy_bits_per_weight": 0.7 * bits})
    return table.to_dict("records")


def singular_values() -> pd.DataFrame:
    rank = np.arange(1, 513)
    value = 8.2 * (1 - (rank - 1) / 512) ** 0.7 * np.exp(-rank / 400)
    return pd.DataFrame({"rank": rank, "value": value, "energy": np.cumsum(value**2) / (value**2).sum()})


def visits(sparsity: float, many: int = 31) -> list[SimpleNamespace]:
    shares = np.append(np.linspace(0, 0.95, many - 1), sparsity)
    accuracy = 0.99 - 0.05 * shares**6
    kilobytes = 8490 * (1 - shares) + 40
    return [
        SimpleNamespace(
            number=f"setting {i}",
            written=1000 * k,
            accuracy=a,
            interval=(a - 0.004, a + 0.003),
            text=f"{100 * a:.1f} % right, in {k:.0f} kB<br>prune {s:.2f}",
        )
        for i, (a, k, s) in enumerate(zip(accuracy.tolist(), kilobytes.tolist(), shares.tolist(), strict=True))
    ]


def heat() -> figures.Figure:
    """A map of which one cell is missing and one cannot be had; the same at every percent."""
    names = [row["layer"] for row in layer_rows(0.5)][:20]
    rows = [
        {"layer": name, "setting": s, "drop": 30 * s * s - 1, "low": 0.0, "high": 9.0, "accuracy": 0.9, "images": 1000}
        | {"note": "no such rank" if (i, s) == (1, 0.9) else ""}
        for i, name in enumerate(names)
        for s in (0.3, 0.5, 0.9)
    ]
    return maps.heat(names, ("sparsity", [0.3, 0.5, 0.9]), rows[:-1], {(names[0], 0.5)})


def drawn(percent: int) -> dict[str, figures.Figure]:
    sparsity = percent / 100
    cut, levels = 0.03 * sparsity, np.linspace(-0.045, 0.045, 15)
    rank = 512 - 4 * percent
    return {
        "histogram": figures.histogram(bins(cut), (cut,), levels, "fc1"),
        "layers": figures.layers(layer_rows(sparsity)),
        "spectrum": figures.spectrum(singular_values(), rank, "fc1"),
        "trail": figures.trail(visits(sparsity), (0.99, 8_530_000)),
        "empty": {"data": [], "layout": {}},
        "none": figures.empty(),
        "heat": heat(),
    }


def card(name: str, percent: int) -> chart.Card:
    return chart.Card(f"{name} at {percent} %", "what is plotted here", version=str(percent), **PLACE)


@st.fragment
def page() -> None:
    state = st.session_state
    percent = st.slider("Prune", 0, 99, 80, key="prune")
    parts = drawn(percent)
    if st.toggle("Other layer", key="other"):
        parts["histogram"]["layout"]["uirevision"] = "histogram fc2"
    for name in parts:
        click = chart.clicked(name)
        if click:
            state["clicks"] = [*state.get("clicks", []), f"{name}/{click.curve}/{click.customdata[0]}"]
    st.text(f"clicks: {state.get('clicks', [])}")
    board({name: chart.part(figure, card(name, percent)) for name, figure in parts.items()})


st.set_page_config("Charts", layout="wide")
st.html(STYLE)
page()
