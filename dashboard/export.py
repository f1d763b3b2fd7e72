"""The Export dialog: measure on all images, write, read back, and hand over."""

import io
import zipfile

import streamlit as st

from core import live, runs
from core.live import Studio
from dashboard import state, words
from dashboard.state import Position

KINDS = {"recipe.json": "Recipe", "model.safetensors": "Weights", "report.json": "Report"}


@st.dialog("Export")
def dialog(studio: Studio, position: Position) -> None:
    """Measure the position on every image, then offer its files."""
    name = f"{_short(position.model)}-compressed"
    place = st.empty()
    with place:
        made = _made(studio, position)
    place.empty()
    st.markdown("Measured on every image, written, read back and found equal.")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for each, data in made.items():
            file.writestr(f"{name}/{each}", data)
    st.download_button(
        "Download all (zip)", archive.getvalue(), f"{name}.zip", type="primary", on_click="ignore", width="stretch"
    )
    with st.container(horizontal=True):
        for each, label in KINDS.items():
            st.download_button(f"{label}, {' '.join(words.size(len(made[each])))}", made[each], each, on_click="ignore")
    st.markdown("To prove on any machine that the files do what this page says, unzip and type:")
    st.code(f"python -m core verify {name} {state.as_options(position)}", language="bash", wrap_lines=True)


def _short(model: str) -> str:
    """What a model's folder is called: a file's or a factory's own name, or the run that trained it."""
    number = runs.number_of(model)
    return model.rpartition(":")[2].rpartition("/")[2] if number is None else f"recovered-{number}"


def _made(studio: Studio, position: Position) -> dict[str, bytes]:
    bar = st.progress(0.0, "Measuring on every image …")
    return live.files(
        studio, position.recipe, lambda share: bar.progress(share, f"Measuring: {share:.0%} of the images")
    )
