"""The parts of the Explore page."""

import html
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import report
from core.live import Look, Studio
from dashboard import controls, figures, state, words
from dashboard.live import chart
from dashboard.live.readout import Readout
from dashboard.state import Position

STYLE = Path(__file__).with_name("page.css").read_text("utf-8")
CARD = {"height": "calc((100vh - 52px - 3 * 16px) / 2)", "phone": "280px"}
HEAD = """<header class="ps-top"><b>Prunescope</b>
<span>Drag <b>Prune</b>: the accuracy moves while you drag, and every figure is measured.</span></header>"""


def style() -> None:
    """The page's own css, and its head line."""
    st.html(f"<style>{STYLE}</style>{HEAD}")


def pick(position: Position) -> Studio | None:
    """The model and its images, to choose others. None, with the reason on the page, where they cannot be had."""
    with st.container(key="pick"):
        try:
            studio = state.studio_of(position)
        except (ValueError, OSError) as error:
            st.error(f"{error}")
            st.button("Go back", on_click=state.leave)
            return None
        weights = sum(layer.matrix.numel() for layer in studio.study.known)
        images = words.count(len(studio.study.bench.targets))
        with st.popover(f"{position.model} · {words.short_count(weights)} weights · {images} images", width="stretch"):
            _choose("Model", state.models(), position.model, state.choose_model)
            _choose("Images it is measured on", state.data_sets(), position.data, state.choose_data)
            st.html(f'<p class="ps-soft">{html.escape(state.about(position))}</p>')
    return studio


def _choose(label: str, names: tuple[str, ...], value: str, change: Callable[[str], None]) -> None:
    key = f"choose {label}"
    if st.session_state.get(key) != value:
        st.session_state[key] = value
    st.selectbox(label, names, key=key, on_change=lambda: change(st.session_state[key]))


def trouble(slot: DeltaGenerator) -> None:
    """What went wrong before this run, in a sentence."""
    sentence = state.trouble()
    if sentence:
        slot.error(sentence)


def plots(studio: Studio, position: Position, looked: Look) -> None:
    """The four plots: the shown layer's weights, all layers, its singular values, and where the hand has been."""
    for draw in (_histogram, _layers, _spectrum):
        draw(studio, position, looked)
    _trail(looked)


def _histogram(studio: Studio, position: Position, looked: Look) -> None:
    layer = controls.shown(studio, position)
    settings, encoded = position.recipe.settings(layer.name), looked.encoded[layer.name]
    row = looked.rows.set_index("layer", drop=False).loc[layer.name]
    if layer.not_finite:
        note = f"{words.count(layer.not_finite)} of its weights are NaN or infinite: it stays as it is"
        _card("histogram", figures.empty(), f"{layer.name} cannot be compressed", note)
        return
    lines = report.thresholds(layer, settings, encoded)
    levels = report.levels(encoded)
    table = report.histogram(layer, settings, encoded, state.edges(layer, bool(row["rank"] < row["full_rank"])))
    note = words.histogram_note(row, table, (lines, len(levels)))
    figure = figures.histogram(table, lines, levels, layer.name)
    _card("histogram", figure, words.histogram_title(layer.name, row), note)


def _layers(studio: Studio, position: Position, looked: Look) -> None:
    bound = report.entropy_per_weight(looked.rows)
    note = f"bits a weight: stored (ring), and the entropy of the codes (dot), {bound:.2f} over all layers"
    _card("layers", figures.layers(looked.rows), words.layers_title(looked.rows), note)


def _spectrum(studio: Studio, position: Position, looked: Look) -> None:
    layer = controls.shown(studio, position)
    if layer.not_finite:
        _card("spectrum", figures.empty(), f"{layer.name} has no singular values", "its weights are not all finite")
        return
    row = looked.rows.set_index("layer").loc[layer.name]
    table = report.spectrum(layer.spectrum)
    note = "singular values, largest first" + (", averaged over its groups" if layer.groups > 1 else "")
    title = words.spectrum_title(layer.name, table, int(row["rank"]))
    _card("spectrum", figures.spectrum(table, int(row["rank"]), layer.name), title, note)


def _trail(looked: Look) -> None:
    points = state.trail()
    figure = figures.trail(points, (looked.estimate.accuracy_dense, looked.dense))
    note = "accuracy against file size; the bar is the 95 % interval; click a point to go back to it"
    clicked = _card("trail", figure, words.trail_title(len(points)), note)
    there = state.visited(str(clicked.customdata[0])) if clicked and clicked.customdata else None
    if there is not None and there != looked.recipe:
        state.settle(replace(state.position(), recipe=there))
        st.rerun(scope="fragment")


def _card(key: str, figure: figures.Figure, title: str, note: str) -> chart.Click | None:
    return chart.chart(figure, f"plot-{key}", chart.Card(title, note, version=state.version(), **CARD))


def figures_of(looked: Look, resting: bool) -> Readout:
    """The two large figures."""
    found = looked.estimate
    value, unit = words.size(looked.written)
    dense, dense_unit = words.size(looked.dense)
    return Readout(
        accuracy=f"{100 * found.accuracy:.1f}",
        interval=words.interval(found),
        drop=words.drop(found, looked.unchanged),
        images=looked.tally.images,
        images_all=looked.total,
        file=value,
        file_unit=unit,
        ratio=words.ratio(looked.dense, looked.written),
        dense=f"dense {dense} {dense_unit}",
        version=state.version(),
        resting=resting,
    )
