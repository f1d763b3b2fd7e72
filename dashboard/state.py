"""The only caches and the only session keys of the page."""

import gc
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd
import streamlit as st

import sample_models
from core import compress, evaluation, live, pipeline, report, runs
from core.factoring import Decomposed
from core.layer import Layer
from core.live import Look, Studio
from core.pipeline import Study
from core.recipe import Recipe, from_json, to_json
from dashboard import offers, uploads

UNDO = 200
SPECTRUM, ENTROPY, LABELS, RELIABILITY, THEORY = "spectrum", "entropy", "labels", "reliability", "theory"
PLOTS = (SPECTRUM, ENTROPY, LABELS, RELIABILITY, THEORY)  # what the lower left plot can show
EACH, POOLED, BELOW = "each", "pooled", "below"  # what the Prune slider counts in


@dataclass(frozen=True)
class Position:
    """Where the page stands.

    layer: the one the sliders act on, '' for all. mode: what the Prune slider counts in. plot: what the lower left
    plot shows.
    """

    model: str
    data: str
    recipe: Recipe
    layer: str = ""
    mode: str = EACH
    plot: str = SPECTRUM


@st.cache_resource(max_entries=4, show_spinner="Loading the model and its images …")
def studio(named: tuple[str, str | None], data: str, calibrated: bool, equalize: str) -> Studio:
    """The model on its data, ready to be measured. Shared by all sessions, which take turns.

    named: the model and its weights file. calibrated: the first images are what the layers see, and are left out of the
    measurement. equalize: as in a recipe.
    """
    basis = replace(pipeline.CALIBRATED if calibrated else Recipe(), equalize=equalize)
    number = runs.number_of(named[0])
    try:
        study = _study(named, data, basis) if number is None else _recovered(number, data, basis)
        evaluation.dense_answers(study.bench, 0)  # a model that takes no whole batch of them is refused here
        made = live.opened(study)
    except (Exception, SystemExit) as error:  # raised by the code of a stranger's model or data
        told = ValueError(f"'{uploads.short(named[0])}' cannot be measured on '{data}' ({error!r})")
        raise error if isinstance(error, ValueError | OSError) else told from None
    uploads.note_built(named, data, calibrated, equalize)
    gc.collect()
    gc.freeze()  # what is loaded stays: later collections need not walk it while a slider moves
    return made


@lru_cache(maxsize=4)
def _origin(number: int) -> runs.Origin:
    return runs.origin(runs.open_store(), number)


def _study(named: tuple[str, str | None], data: str, basis: Recipe) -> Study:
    return pipeline.study(offers.load_model(*named), offers.load_data(data), basis)


def _recovered(number: int, data: str, basis: Recipe) -> Study:
    """The study of what a kept training made, on images that it did not learn from."""
    made = _origin(number)
    study = _study((made.model, made.weights), data, replace(basis, recovered=made.recipe.recovered))
    return pipeline.after_training(study, made.recipe, made.data)


def named(model: str) -> tuple[str, str | None]:
    """What the command line takes for a model of the page: its name and a weights file; a recovered one's origin."""
    number = runs.number_of(model)
    if number is None:
        return model, offers.arguments().weights if model == offers.arguments().model else None
    made = _origin(number)
    if (sample_models.sample_of(made.model) or made.model) not in offers.models():
        short = uploads.short(made.model)
        raise ValueError(f"run {number} was made from '{short}', start the page with --model {short}")
    return made.model, made.weights


def studio_of(position: Position) -> Studio:
    """The studio of the position's model and data; ValueError or OSError says in a sentence why there is none."""
    recipe, weights = position.recipe, named(position.model)[1]
    return studio((position.model, weights), position.data, pipeline.calibrates(recipe), recipe.equalize)


def as_options(position: Position) -> str:
    """The position's model and data as the command line takes them."""
    return offers.as_options(named(position.model), position.data)


def position() -> Position:
    """Where this session stands; at first where the link or the command line says."""
    if "position" not in st.session_state:
        st.session_state["position"] = _linked()
        st.session_state["settled"] = st.session_state["position"]
        st.session_state["history"] = []
        st.session_state["trail"] = {}
    return st.session_state["position"]


def _linked() -> Position:
    query = st.query_params
    complain(offers.arguments().trouble)
    model = query.get("model", offers.arguments().model or offers.START)
    start = Position(offers.START, offers.data_of(offers.START), Recipe())
    if model not in offers.models() and runs.number_of(model) is None:
        complain(uploads.missing("model", model))
        return start
    plot = query.get("plot", SPECTRUM)
    plain = Position(
        model, query.get("data", offers.data_of(model)), Recipe(), plot=plot if plot in PLOTS else SPECTRUM
    )
    if plain.data not in offers.data_sets():
        complain(uploads.missing("data", plain.data))
        return start
    try:
        recipe = from_json(query["recipe"]) if "recipe" in query else Recipe()
        known = studio_of(plain).study.known
        compress.check(recipe, known)
        layer = query.get("layer", "")
        if layer and layer not in [each.name for each in known]:
            raise ValueError(f"layer '{layer}' is not in the model")
    except (ValueError, OSError) as error:
        complain(f"The link cannot be opened as it stands: {error}.")
        return plain
    mode = query.get("mode", BELOW if recipe.settings(layer).threshold is not None else EACH)
    known_modes = (EACH, BELOW) if layer else (EACH, POOLED, BELOW)
    return replace(plain, recipe=recipe, layer=layer, mode=mode if mode in known_modes else EACH)


def share_done(studio: Studio) -> float:
    """How much of a running calibration pass is done, a fraction."""
    return studio.told["share"]


def trouble() -> str:
    """A sentence about what went wrong; '' once the session has moved on."""
    return st.session_state.get("trouble", "")


def complain(sentence: str) -> None:
    """Show a sentence until the session moves on; '' shows none."""
    st.session_state["trouble"] = sentence


def go(there: Position) -> None:
    """Stand at a position while a slider is moving."""
    if there != st.session_state["position"]:
        st.session_state.pop("trouble", None)
    st.session_state["position"] = there


def settle(there: Position) -> None:
    """Stand at a position for good: undo returns to the one before, and the link says it."""
    before = st.session_state["settled"]
    go(there)
    if there == before:
        return
    if (there.recipe, there.model, there.data) != (before.recipe, before.model, before.data):
        st.session_state["history"] = [*st.session_state["history"], before][-UNDO:]
    if there.model != before.model or there.data != before.data:
        st.session_state["trail"] = {}
    st.session_state["settled"] = there
    st.session_state["link"] = True


def undo() -> None:
    """Stand where the page stood before the last settled change."""
    history = st.session_state["history"]
    if history:
        there = history[-1]
        settle(there)
        st.session_state["history"] = history[:-1]


def fall_back() -> Position:
    """Stand where the page last measured, or at the dense model where it has not or cannot any more."""
    here, dense = st.session_state["position"], replace(st.session_state["position"], recipe=Recipe())
    there = st.session_state.get("measured", dense)
    if (there.model, there.data) != (here.model, here.data) or there == here:
        there = dense
    if st.session_state["history"][-1:] == [there]:
        st.session_state["history"] = st.session_state["history"][:-1]
    st.session_state["position"] = st.session_state["settled"] = there
    st.session_state["link"] = True
    return there


def can_undo() -> bool:
    """Whether there is anything to go back to."""
    return bool(st.session_state["history"])


def write_link() -> None:
    """Put the settled position into the address, where it changed."""
    if not st.session_state.pop("link", False):
        return
    here = st.session_state["settled"]
    plain = here.recipe == Recipe()
    named = {"model": uploads.linked(here.model), "data": uploads.linked(here.data)}
    query = named | {"layer": here.layer, "mode": here.mode, "plot": here.plot}
    defaults = {"data": offers.data_of(here.model), "layer": "", "mode": EACH, "plot": SPECTRUM}
    query = {key: value for key, value in query.items() if value != defaults.get(key)}
    query |= st.session_state.get("besides", {})
    st.query_params.from_dict(query if plain else query | {"recipe": to_json(here.recipe, indent=None)})


def say_too(query: dict[str, str]) -> None:
    """Let the address say more than the position for as long as the session stays in its view."""
    if st.session_state["besides"] != query:
        st.session_state["besides"] = query
        st.session_state["link"] = True


def turn_to(view: str) -> None:
    """Leave for another view with the next run of the whole page."""
    st.session_state["bound"] = view


def bound() -> str:
    """The view that the session has turned to, once; '' where it stays."""
    return st.session_state.pop("bound", "")


def arrive(view: str) -> None:
    """Stand in a view; its address says the position too."""
    if st.session_state.get("view") != view:
        st.session_state["view"] = view
        st.session_state["besides"] = {}
        st.session_state["link"] = "position" in st.session_state


def version() -> str:
    """A text that differs whenever what the page shows differs."""
    return str(st.session_state.get("version", 0))


def choose_model(name: str) -> None:
    """Stand at another model, dense, on the data that comes with it."""
    settle(Position(name, offers.data_of(name), Recipe(), plot=position().plot))


def choose_data(name: str) -> None:
    """Stand at the same recipe on other data."""
    settle(replace(position(), data=name))


def choose_recipe(recipe: Recipe) -> None:
    """Stand at another recipe for the same model, with the sliders on all layers."""
    mode = EACH if recipe.default.threshold is None else BELOW
    settle(replace(position(), recipe=recipe, layer="", mode=mode))


def choose_layer(name: str) -> None:
    """Let the sliders act on another layer, '' for all of them."""
    here = position()
    mode = BELOW if here.recipe.settings(name).threshold is not None else EACH
    settle(replace(here, layer=name, mode=POOLED if here.mode == POOLED and not name else mode))


def leave() -> None:
    """Stand where the page can be measured: the position before, or the first sample."""
    history = st.session_state["history"]
    there = history[-1] if history else Position(offers.START, sample_models.SAMPLES[offers.START].data, Recipe())
    st.session_state["position"] = st.session_state["settled"] = there
    st.session_state["history"] = history[:-1]
    st.session_state["link"] = True


@lru_cache(maxsize=64)
def edges(layer: Layer, decomposed: Decomposed | None) -> np.ndarray:
    """The bin edges of the histogram of a layer, or of its factors."""
    return report.bin_edges(layer, decomposed)


@lru_cache(maxsize=64)
def spectrum(layer: Layer) -> pd.DataFrame:
    """The table of a layer's singular values."""
    return report.spectrum(layer.spectrum)


def note_shown(here: Position, seen: Look) -> None:
    """Give what is shown a version of its own, where the recipe or what is measured differs from the last run's."""
    st.session_state["measured"] = here
    shown = (to_json(seen.recipe, indent=None), seen.tally)
    if st.session_state.get("shown") != shown:
        st.session_state["shown"] = shown
        st.session_state["version"] = st.session_state.get("version", 0) + 1
