"""The parts of the Explore page."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import replace

import streamlit as st
from torch import Tensor

from core import compress, live, report
from core.certainty import Certainty, doubt
from core.layer import Layer
from core.live import Look, Studio
from core.recipe import Settings
from core.theory import laws, loss_change
from dashboard import controls, figures, insights, offers, state, trail, words
from dashboard.live import chart, readout
from dashboard.live.board import Part
from dashboard.live.readout import Readout
from dashboard.state import Position

PATIENCE = 0.3  # seconds
REST_SECONDS = 0.12  # of measuring at a time while the hand rests
CARD = {"height": "calc((100vh - 52px - 3 * 16px) / 2)", "phone": "280px"}


def standing() -> bool:
    """Whether the session stands where something can be measured.

    Where a chosen model or its images cannot be had the session goes back to where it stood, with a sentence why.
    """
    for _ in range(2):
        try:
            state.studio_of(state.position())
            return True
        except (ValueError, OSError) as error:
            state.complain(str(error))
            if offers.says_something():
                offers.tell(str(error))
            state.leave()
    return False


def look(position: Position, key: str) -> tuple[Studio, Position, Look]:
    """What the position measures, and where; the last one that could be measured where this one cannot.

    key: of the two figures, which ask for more images.
    """
    seconds = REST_SECONDS if readout.wants_more(key) else None
    try:
        studio = state.studio_of(position)
        compressing = live.compressing(studio, position.recipe)
        follow(studio, compressing)
        return studio, position, live.finished(studio, position.recipe, seconds, compressing)
    except ValueError as error:
        state.complain(f"{error}.")
        there = state.fall_back()
        studio = state.studio_of(there)
        return studio, there, live.look(studio, there.recipe, seconds)


def follow(studio: Studio, work: Future) -> None:
    """Wait for some work; a bar says how far it is where it takes longer than a moment."""
    wait([work], PATIENCE)
    if work.done():
        return
    bar = st.progress(0.0)
    try:
        while not work.done():
            share = state.share_done(studio)
            bar.progress(share, "Looking at the calibration images …" if share < 1 else "Solving for what makes good …")
            wait([work], PATIENCE)
    finally:
        work.cancel()
        bar.empty()


def trouble() -> None:
    """What went wrong before this run, in a sentence."""
    sentence = state.trouble()
    if sentence:
        st.error(words.plain(sentence))


def go_back_to_clicked() -> None:
    """Stand at the point of the trail that was clicked, if one was."""
    click = chart.clicked("trail")
    there = trail.recipe_of(click.customdata[0]) if click and click.customdata else None
    if there is not None:
        state.settle(replace(state.position(), recipe=there))


def layer_plots(studio: Studio, position: Position, looked: Look) -> dict[str, Part]:
    """The shown layer's weights, all layers, and what else needs no image to be measured."""
    made = {"histogram": _histogram(studio, position, looked), "layers": layers(looked)}
    third = OF_LAYERS.get(position.plot)
    return made | {"third": third(studio, position, looked)} if third else made


def measured_plots(studio: Studio, position: Position, looked: Look) -> dict[str, Part]:
    """Where the hand has been, and how sure the answers are."""
    third = OF_ANSWERS.get(position.plot)
    made = {"trail": _trail(looked)}
    if position.plot == state.THEORY:
        made["third"] = _theory(studio, position, looked)
    return made | ({"third": third(*looked.tally.sure)} if third else {})


def stamped(plots: Mapping[str, Part], places: Sequence[str]) -> dict[str, Part]:
    """The plots in their places, each with the version of the page that they show."""
    return {name: replace(plots[name], data={**plots[name].data, "version": state.version()}) for name in places}


def _histogram(studio: Studio, position: Position, looked: Look) -> Part:
    layer = controls.shown(studio, position)
    settings, encoded = position.recipe.settings(layer.name), looked.encoded[layer.name]
    row = looked.row(layer.name)
    if layer.not_finite:
        note = f"{words.count(layer.not_finite)} of its weights are NaN or infinite: it stays as it is"
        return _card(figures.empty(), f"{layer.name} cannot be compressed", note)
    held = compress.Held(layer, settings, _values(studio, layer, settings), encoded)
    lines, levels = report.thresholds(held), report.levels(encoded)
    factored = compress.decomposed(layer, settings, studio.study.at(layer.name)) if len(held.values) > 1 else None
    table = report.histogram(held, state.edges(layer, factored))
    note = words.histogram_note(row, table, (lines, len(levels)))
    note += "; the highest bar goes on beyond the axis" if figures.cut_off(table) else ""
    figure = figures.histogram(table, lines, levels, layer.name)
    return _card(figure, words.histogram_title(layer.name, row), note)


def _values(studio: Studio, layer: Layer, settings: Settings) -> tuple[Tensor, ...]:
    return compress.matrices(layer, settings, studio.study.at(layer.name))


def layers(looked: Look, names: Sequence[str] | None = None) -> Part:
    """What stays of the named layers, or of all."""
    bound = report.entropy_per_weight(looked.rows)
    note = f"bits a weight: stored (ring), and the entropy of the codes (dot), {bound:.2f} over all layers"
    rows = [row for row in looked.rows if names is None or row["layer"] in names]
    return _card(figures.layers(rows), words.layers_title(looked.rows), note)


def spectrum(studio: Studio, position: Position, looked: Look) -> Part:
    """The singular values of the layer that the plots show."""
    layer = controls.shown(studio, position)
    if layer.not_finite:
        return _card(figures.empty(), f"{layer.name} has no singular values", "its weights are not all finite")
    rank = looked.row(layer.name)["rank"]
    table = state.spectrum(layer)
    note = "singular values, largest first" + (", averaged over its groups" if layer.groups > 1 else "")
    title = words.spectrum_title(layer.name, table, rank)
    return _card(figures.spectrum(table, rank, layer.name), title, note)


def _theory(studio: Studio, position: Position, looked: Look) -> Part:
    layer = controls.shown(studio, position)
    settings = position.recipe.settings(layer.name)
    values = () if layer.not_finite else _values(studio, layer, settings)
    found = laws(compress.Held(layer, settings, values, looked.encoded[layer.name]))
    dense, compressed = (doubt(sure).loss for sure in looked.tally.sure)
    note = words.theory_note(_predicted_loss(studio, looked), compressed - dense)
    return _card(insights.theory(found), words.theory_title(layer.name, found), note)


def _predicted_loss(studio: Studio, seen: Look) -> float | None:
    """What the loss of all layers rises by to second order; None where no image has been looked at."""
    if studio.study.seen is None:
        return None
    changed = [each for each in studio.study.known if not compress.unchanged(each, seen.encoded[each.name])]
    return loss_change(
        {
            layer.name: (seen.encoded[layer.name].decode() - layer.matrix, studio.study.at(layer.name).gradients)
            for layer in changed
            if layer.kind != "Embedding"
        }
    )


def _entropy(dense: Certainty, compressed: Certainty) -> Part:
    note = "the share of images whose predicted distribution has at least that entropy; grey: dense"
    return _card(insights.entropy(dense, compressed), words.entropy_title(dense, compressed), note)


def _labels(dense: Certainty, compressed: Certainty) -> Part:
    note = "mean H(Y) of the images of each label: compressed (dot), dense (ring)"
    return _card(insights.labels(dense, compressed), words.labels_title(compressed), note)


def _reliability(dense: Certainty, compressed: Certainty) -> Part:
    note = "expected calibration error over 15 levels of confidence; grey: dense, dotted: perfectly calibrated"
    return _card(insights.reliability(dense, compressed), words.reliability_title(dense, compressed), note)


def _trail(looked: Look) -> Part:
    points = trail.points()
    figure = figures.trail(points, (looked.estimate.accuracy_dense, looked.dense))
    note = "accuracy against file size; dotted: dense, same images; click a dot to go back"
    return _card(figure, words.trail_title(len(points)), note)


def _card(figure: figures.Figure, title: str, note: str) -> Part:
    return chart.part(figure, chart.Card(title, note, **CARD))


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
        removed=words.removed(looked.rows),
        dense=f"dense {dense} {dense_unit}",
        version=state.version(),
        resting=resting,
    )


PLACES = ("histogram", "layers", "third", "trail")
OF_LAYERS = {state.SPECTRUM: spectrum}
OF_ANSWERS = {state.ENTROPY: _entropy, state.LABELS: _labels, state.RELIABILITY: _reliability}
