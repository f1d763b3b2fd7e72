"""The parts of the Explore page."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import report
from core.live import Look, Studio
from core.recipe import Recipe, without_override
from dashboard import controls, export, figures, state, words
from dashboard.live import plot
from dashboard.live.readout import Readout
from dashboard.state import Position

STYLE = Path(__file__).with_name("page.css").read_text("utf-8")
ALL = "All"
FEW = 5  # layers that fit as buttons side by side
FIRST_STEP = "Drag Prune to the right: the accuracy that you see moving is measured."
CARD = {"height": "calc((100vh - 52px - 3 * 16px) / 2)", "phone": "260px"}


def style() -> None:
    """The page's own css, and its head line."""
    st.html(f"<style>{STYLE}</style>")
    st.html('<header class="ps-top"><b>Prunescope</b><span>what a neural network can lose</span></header>')


def columns() -> tuple[DeltaGenerator, DeltaGenerator]:
    """The side with the controls, and the four plots."""
    with st.container(key="page"):
        return st.container(key="side"), st.container(key="plots")


def studio_or_sentence(slot: DeltaGenerator, position: Position) -> Studio | None:
    """The position's studio; None, with the reason on the page, where its model or data cannot be had."""
    try:
        return state.studio_of(position)
    except (ValueError, OSError) as error:
        slot.error(f"{error}")
        slot.button("Go back", on_click=state.leave, key="leave")
        return None


def trouble(slot: DeltaGenerator) -> None:
    """What went wrong, in a sentence; where nothing did, on the first visit, what to do first."""
    sentence = state.trouble()
    if sentence:
        slot.error(sentence)
    elif not state.can_undo() and state.position().recipe == Recipe():
        slot.html(f'<p class="ps-first">{FIRST_STEP}</p>')


def pick(slot: DeltaGenerator, studio: Studio, position: Position) -> None:
    """The model and its data, to choose others."""
    weights = sum(layer.matrix.numel() for layer in studio.study.known)
    images = len(studio.study.bench.targets)
    label = f"{position.model} · {words.short_count(weights)} weights · {words.count(images)} images"
    with slot.popover(label, key="pick", width="stretch"):
        st.markdown("**Model**")
        controls.select("Model", {name: name for name in state.models()}, position.model, state.choose_model)
        st.markdown("**Images it is measured on**")
        controls.select("Data", {name: name for name in state.data_sets()}, position.data, state.choose_data)
        st.markdown(f'<p class="ps-soft">{state.about(position)}</p>', unsafe_allow_html=True)


def layer_choice(slot: DeltaGenerator, studio: Studio, position: Position) -> None:
    """What the sliders act on; a dot marks a layer that has settings of its own."""
    names = [ALL, *(layer.name for layer in studio.study.known)]
    own = position.recipe.layers
    options = {name: f"{name} •" if name in own else name for name in names}
    current = position.layer or ALL
    if len(names) - 1 > FEW:
        with slot:
            controls.select("Layer", {**options, ALL: _all_label(position)}, current, _choose_layer)
        return
    key = "layers"
    if st.session_state.get(key) != current:
        st.session_state[key] = current
    slot.segmented_control(
        "What the sliders act on",
        names,
        format_func=options.__getitem__,
        key=key,
        label_visibility="collapsed",
        on_change=lambda: _choose_layer(st.session_state[key] or current),
        width="stretch",
    )


def _all_label(position: Position) -> str:
    own = len(position.recipe.layers)
    return f"All layers · {own} with settings of {'its' if own == 1 else 'their'} own •" if own else "All layers"


def _choose_layer(name: str) -> None:
    state.choose_layer("" if name == ALL else name)


def selects(slots: dict[str, DeltaGenerator], studio: Studio, position: Position) -> None:
    """Under Prune what it counts in; under Bits how codes are made."""
    modes = dict(controls.MODES)
    if position.layer:
        modes = {name: modes[name] for name in (state.EACH, state.BELOW)}
        modes[state.EACH] = f"share of {position.layer}"
    settings = controls.settings_of(position)
    with slots["under-prune"]:
        controls.select("Prune by", modes, position.mode, partial(_choose_mode, studio))
    with slots["under-bits"].container(key="coder", horizontal=True):
        controls.select("Coder", controls.CODER_NAMES, settings.coder, partial(_choose, "coder"))
        controls.select("Scales", controls.GROUPS, settings.group, partial(_choose, "group"))


def _choose(field: str, value: str) -> None:
    here = state.position()
    state.settle(replace(here, recipe=controls.changed(here, {field: value})))


def _choose_mode(studio: Studio, mode: str) -> None:
    here = state.position()
    state.settle(replace(here, recipe=controls.in_mode(studio, here, mode), mode=mode))


def plots(place: DeltaGenerator, studio: Studio, position: Position, looked: Look) -> None:
    """The four plots of the shown layer, all layers, its singular values, and where the hand has been."""
    with place:
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


def _card(key: str, figure: figures.Figure, title: str, note: str) -> plot.Click | None:
    return plot.plot(figure, f"plot-{key}", plot.Card(title, note, version=state.version(), **CARD))


def foot(place: DeltaGenerator, studio: Studio, position: Position) -> None:
    """Undo, reset, export."""
    own = position.layer in position.recipe.layers
    name = position.layer or "all"
    place.button("Undo", on_click=state.undo, disabled=not state.can_undo(), key="undo")
    can_reset = own if position.layer else position.recipe != Recipe()
    place.button(f"Reset {name}", on_click=_reset, disabled=not can_reset, key="reset")
    if place.button("Export…", type="primary", key="export"):
        export.dialog(studio, position)


def _reset() -> None:
    here = state.position()
    recipe = without_override(here.recipe, here.layer) if here.layer else Recipe()
    state.settle(replace(here, recipe=recipe))


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
