"""The page without a browser: what it makes of what a browser sends, its words, its figures, its sliders' scales."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from streamlit.testing.v1 import AppTest

from core import live, loading, pipeline, report
from core.live import Studio
from core.recipe import Recipe, Settings, from_json, to_json
from core.statistics import Tally, estimate
from dashboard import controls, figures, words
from dashboard.live import slider
from dashboard.state import BELOW, EACH, POOLED, Position

APP = str(Path(__file__).parents[2] / "dashboard" / "app.py")
LAYERS = {
    "digits_cnn": ("", "conv1", "conv2", "fc1", "fc2"),
    "digits_resnet": ("", *(layer.name for layer in pipeline.layers(loading.load_model("digits_resnet", None).model))),
}
PLACES = [(model, layer) for model, names in LAYERS.items() for layer in names]
each_place = pytest.mark.parametrize(("model", "layer"), PLACES)


@pytest.fixture
def page() -> AppTest:
    """The page as it opens."""
    at = AppTest.from_file(APP, default_timeout=60).run()
    assert not at.exception
    return at


@pytest.fixture(scope="module")
def studios() -> dict[str, Studio]:
    data = loading.load_data("digits")
    return {name: Studio(pipeline.study(loading.load_model(name, None), data, Recipe())) for name in LAYERS}


def sample(value: object, seq: object, **more: object) -> dict[str, dict[str, object]]:
    """What a slider of the browser sends."""
    return {"sample": {"value": value, "seq": seq, "final": True, **more}}


def send(at: AppTest, sent: object) -> AppTest:
    """The page after a run with the board's state as the browser sets it."""
    at.session_state["board"] = {"sent": sent}
    return at.run()


def recipe_of(at: AppTest) -> Recipe:
    return at.session_state["position"].recipe


def test_the_page_opens_dense(page: AppTest) -> None:
    assert page.session_state["position"] == Position("digits_cnn", "digits", Recipe())
    assert not page.error


def test_a_slider_moves_the_recipe_the_link_and_undo(page: AppTest) -> None:
    send(page, {"prune": sample(50, 1), "bits": sample(3, 1)})
    assert recipe_of(page) == Recipe(Settings(sparsity=0.5, bits=4))
    assert from_json(page.query_params["recipe"]) == recipe_of(page)
    send(page, {"prune": sample(50, 1), "foot": {"picked": {"name": "undo", "value": "", "n": 1}}})
    assert recipe_of(page) == Recipe()
    assert "recipe" not in page.query_params
    assert not page.exception


def test_a_held_slider_moves_the_recipe_and_leaves_link_and_undo_alone(page: AppTest) -> None:
    send(page, {"prune": sample(50, 1, final=False)})
    assert recipe_of(page) == Recipe(Settings(sparsity=0.5))
    assert "recipe" not in page.query_params
    assert not page.session_state["history"]
    send(page, {"prune": sample(60, 2)})
    assert [there.recipe for there in page.session_state["history"]] == [Recipe()]


def test_the_chosen_layer_takes_the_sliders(page: AppTest) -> None:
    send(page, {"layer": {"picked": {"name": "layer", "value": "fc1", "n": 1}}})
    send(page, {"rank": sample(64, 1), "prune": sample(25, 1)})
    assert recipe_of(page) == Recipe(layers={"fc1": {"rank": 64 / 512, "sparsity": 0.25}})
    send(page, {"foot": {"picked": {"name": "reset", "value": "", "n": 2}}})
    assert recipe_of(page) == Recipe()


def test_another_model_starts_dense(page: AppTest) -> None:
    send(page, {"prune": sample(50, 1)})
    send(page, {"model": {"picked": {"name": "model", "value": "lenet_300_100", "n": 1}}})
    assert page.session_state["position"] == Position("lenet_300_100", "digits", Recipe())
    assert not page.exception


@pytest.mark.parametrize("key", ["model", "data", "layer", "recipe", "mode"])
@pytest.mark.parametrize("value", ["", "nonsense", "{}", "[]", "null", "{" * 5000, '{"format": 1}', "\0", "../../etc"])
def test_a_broken_link_is_at_most_one_sentence(key: str, value: str) -> None:
    at = AppTest.from_file(APP, default_timeout=60)
    at.query_params[key] = value
    at.run()
    assert not at.exception
    assert recipe_of(at) == Recipe()
    assert len(at.error) == (key not in ("layer", "mode") or (key == "layer" and value != ""))
    at.run()
    assert len(at.error) <= 1
    send(at, {"prune": sample(50, 1)})
    assert not at.exception
    assert not at.error
    assert recipe_of(at) == Recipe(Settings(sparsity=0.5))


def test_a_link_for_all_weights_together_never_moves_other_layers_than_the_chosen() -> None:
    at = AppTest.from_file(APP, default_timeout=60)
    at.query_params["mode"], at.query_params["layer"] = "pooled", "fc1"
    send(at.run(), {"prune": sample(50, 1)})
    assert recipe_of(at).default == Settings()


ODD = some.one_of(
    some.none(),
    some.booleans(),
    some.integers(-(2**70), 2**70),
    some.floats(),
    some.text(max_size=8),
    some.lists(some.integers(), max_size=2),
    some.dictionaries(some.text(max_size=3), some.integers(), max_size=2),
)
FIELDS = ("value", "seq", "final", "rev", "subject", "name", "n", "curve", "point", "customdata")
NAMES = some.sampled_from(("undo", "reset", "layer", "mode", "coder", "group", "export", "zzz"))
ODD_PART = some.fixed_dictionaries({}, optional={"name": NAMES} | {name: ODD for name in FIELDS if name != "name"})
PARTS = ("prune", "bits", "rank", "readout", "layer", "mode", "coder", "foot", "trail", "histogram", "nobody")
STATES = ("sample", "more", "picked", "clicked", "nothing")
ODD_SENT = some.one_of(
    ODD,
    some.dictionaries(
        some.sampled_from(PARTS),
        some.one_of(ODD, some.dictionaries(some.sampled_from(STATES), some.one_of(ODD, ODD_PART), max_size=3)),
        max_size=4,
    ),
)


def test_nothing_that_a_browser_sends_raises(page: AppTest) -> None:
    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(ODD_SENT)
    def holds(sent: object) -> None:
        send(page, sent)
        assert not page.exception

    holds()
    for state in ({}, {"sent": None}, {"sent": []}, {"other": 1}):
        page.session_state["board"] = state
        assert not page.run().exception


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        1e300,
        -1e300,
        -5,
        "7",
        None,
        True,
        [1],
        {"a": 1},
        pytest.param(10**400, id="huge"),
    ],
)
@pytest.mark.parametrize("part", ["prune", "bits", "rank"])
def test_an_impossible_value_leaves_the_slider_on_its_scale(part: str, value: object, page: AppTest) -> None:
    send(page, {part: sample(value, 1)})
    assert not page.exception
    here = recipe_of(page).default
    assert 0 <= here.sparsity <= controls.MOST / 100
    assert 0 < here.rank <= 1


def _modes(layer: str) -> tuple[str, ...]:
    return (EACH, BELOW) if layer else (EACH, POOLED, BELOW)


@each_place
def test_a_position_of_a_slider_comes_back_as_it_was_set(model: str, layer: str, studios: dict[str, Studio]) -> None:
    studio = studios[model]
    for mode in _modes(layer):
        start = Position(model, "digits", Recipe(), layer, mode)
        for name, control in controls.SLIDERS.items():
            scale = control.scale(studio, start)
            if scale.disabled:
                continue
            step = 1.0 if scale.stops else scale.step
            low, high = slider.ends(scale)
            for part in (0.0, 0.21, 0.5, 0.83, 1.0):
                value = round(low + round(part * (high - low) / step) * step, 9)
                there = replace(start, recipe=control.recipe(studio, start, value))
                kept = control.value(studio, there)
                tolerance = 0.5 * step if name != "prune" or mode != POOLED else step  # ties of equal weights
                assert abs(kept - value) <= tolerance, (mode, name, value, kept)
                assert control.scale(studio, there).subject == scale.subject


@each_place
def test_the_off_positions_are_the_dense_model(model: str, layer: str, studios: dict[str, Studio]) -> None:
    studio = studios[model]
    for mode in _modes(layer):
        start = Position(model, "digits", Recipe(), layer, mode)
        for control in controls.SLIDERS.values():
            value = slider.clamp(control.scale(studio, start), control.value(studio, start))
            assert control.recipe(studio, start, value).settings(layer) == Settings(), (mode, value)


@each_place
def test_every_mode_removes_nearly_what_the_one_before_did(model: str, layer: str, studios: dict[str, Studio]) -> None:
    studio = studios[model]
    here = Position(model, "digits", controls.pruned(studio, Position(model, "digits", Recipe(), layer), 60), layer)
    shares = []
    for mode in (*_modes(layer), *reversed(_modes(layer))):
        here = replace(here, recipe=controls.in_mode(studio, here, mode), mode=mode)
        seen = live.look(studio, here.recipe, 0.0)
        rows = [row for row in seen.rows if not layer or row["layer"] == layer]
        shares.append(sum(row["removed"] for row in rows) / sum(row["stored"] for row in rows))
    assert shares == pytest.approx([0.6] * len(shares), abs=0.01)


@each_place
def test_every_figure_is_one_that_plotly_draws(model: str, layer: str, studios: dict[str, Studio]) -> None:
    studio = studios[model]
    recipe = Recipe(Settings(sparsity=0.5, bits=3), {layer: {"rank": 0.5}} if layer else {})
    seen = live.look(studio, recipe, 0.0)
    for shown in studio.study.known:
        chosen, encoded, row = recipe.settings(shown.name), seen.encoded[shown.name], seen.row(shown.name)
        edges = report.bin_edges(shown, row["rank"] < row["full_rank"])
        table, lines = report.histogram(shown, chosen, encoded, edges), report.thresholds(shown, chosen, encoded)
        made = figures.histogram(table, lines, report.levels(encoded), shown.name)
        assert go.Figure(made).to_dict()["layout"]["uirevision"] == f"histogram {shown.name}"
        go.Figure(figures.spectrum(report.spectrum(shown.spectrum), row["rank"], shown.name))
        assert words.histogram_title(shown.name, row)
    go.Figure(figures.layers(seen.rows))


def _trail(*points: tuple[int, float]) -> pd.DataFrame:
    rows = [
        (size, right, max(0, right - 0.01), min(1, right + 0.01), "a<br>b", i) for i, (size, right) in enumerate(points)
    ]
    return pd.DataFrame(rows, columns=["bytes", "accuracy", "low", "high", "text", "id"])


@pytest.mark.parametrize("points", [((1000, 1.0),), ((10, 0.0), (10**9, 0.5)), ((5000, 0.98), (5000, 0.98))])
def test_a_trail_anywhere_is_one_that_plotly_draws(points: tuple[tuple[int, float], ...]) -> None:
    made = go.Figure(figures.trail(_trail(*points), (0.99, 8000)))
    assert [trace.type for trace in made.data] == ["scatter"] * 3
    assert list(made.data[1].customdata) == list(range(len(points)))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: figures.histogram(pd.DataFrame(), (), np.array([]), "a"),
        lambda: figures.layers([]),
        lambda: figures.spectrum(pd.DataFrame(), 1, "a"),
        lambda: figures.trail(pd.DataFrame(), (0.9, 100)),
    ],
    ids=["histogram", "layers", "spectrum", "trail"],
)
def test_an_empty_table_makes_an_empty_figure(draw) -> None:
    assert draw() == figures.empty()
    assert not go.Figure(draw()).data


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (words.signed(-0.04), "0.0"),
        (words.signed(-1.26), "−1.3"),
        (words.signed(2), "+2.0"),
        (words.percent(0.8), "80.0 %"),
        (words.percent(0.99999), "over 99.9 %"),
        (words.percent(0.00001), "under 0.1 %"),
        (words.percent(1.0), "100.0 %"),
        (words.percent(0.0), "0.0 %"),
        (words.short_count(320), "320"),
        (words.short_count(2_097_152), "2.1 M"),
        (words.size(999), ("999", "bytes")),
        (words.size(1000), ("1.0", "kB")),
        (words.size(212_400), ("212", "kB")),
        (words.size(8_487_000), ("8,487", "kB")),
        (words.size(12_300_000), ("12.3", "MB")),
        (words.ratio(1000, 1000), "as large as dense"),
        (words.ratio(1000, 250), "4.0 times smaller"),
        (words.ratio(1000, 1050), "1.05 times larger"),
        (words.threshold(0.0123456), "0.0123"),
        (words.threshold(0.0), "0"),
        (words.threshold(math.nan), ""),
        (words.layers_title([]), "No layer to compress"),
        (words.trail_title(1), "Where you have been: 1 setting measured"),
    ],
)
def test_numbers_read_as_people_write_them(said: object, expected: object) -> None:
    assert said == expected


@given(some.integers(1, 10**12))
def test_a_size_has_at_most_four_digits(size: int) -> None:
    value, _ = words.size(size)
    assert sum(letter.isdigit() for letter in value) <= 4 or size >= 10**13


@given(some.floats(0, 1))
def test_a_share_is_never_said_to_be_all_or_nothing_unless_it_is(share: float) -> None:
    assert (words.percent(share) == "100.0 %") == (share == 1)
    assert (words.percent(share) == "0.0 %") == (share == 0)


def test_a_drop_is_in_points_and_the_dense_model_has_none() -> None:
    found = estimate(Tally(5000, 4500, 480, 10), 5000)
    assert words.drop(found, unchanged=True) == "the dense model"
    assert words.drop(found, unchanged=False).startswith("−9.4 ± ")
    assert words.interval(found).startswith("95 %: 8")


def test_a_position_is_a_recipe_in_the_link(page: AppTest) -> None:
    recipe = Recipe(Settings(sparsity=0.3), {"fc1": {"bits": 3, "group": "64"}})
    at = AppTest.from_file(APP, default_timeout=60)
    at.query_params["recipe"], at.query_params["layer"] = to_json(recipe, indent=None), "fc1"
    at.run()
    assert not at.exception
    assert at.session_state["position"] == Position("digits_cnn", "digits", recipe, "fc1")
    assert json.loads(to_json(recipe_of(at)))["layers"] == {"fc1": {"bits": 3, "group": "64"}}
