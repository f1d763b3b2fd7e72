"""The page without a browser: what it makes of a link and of what a browser sends, and what its sliders stand for."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from streamlit.testing.v1 import AppTest

from core import live, loading, pipeline
from core.coding import CODERS
from core.compress import check
from core.live import Studio
from core.recipe import BESIDE, Recipe, Settings, from_json, to_json
from dashboard import controls, rows, state
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


def test_a_value_that_comes_with_a_choice_belongs_to_what_was_chosen_before(page: AppTest) -> None:
    choice = {"picked": {"name": "layer", "value": "fc1", "n": 1}}
    send(page, {"prune": sample(50, 1, subject="digits_cnn  each"), "layer": choice})
    assert page.session_state["position"] == Position("digits_cnn", "digits", Recipe(Settings(sparsity=0.5)), "fc1")
    send(page, {"prune": sample(50, 1), "layer": choice, "foot": {"picked": {"name": "undo", "value": "", "n": 2}}})
    assert recipe_of(page) == Recipe()


def pick(name: str, value: str, n: int) -> dict[str, dict[str, object]]:
    return {"picked": {"name": name, "value": value, "n": n}}


def on_fc2(at: AppTest) -> AppTest:
    """The page with fc2 chosen and half of it removed."""
    send(at, {"layer": pick("layer", "fc2", 1)})
    return send(at, {"layer": pick("layer", "fc2", 1), "prune": sample(50, 1, subject="digits_cnn fc2 each")})


@pytest.mark.parametrize("criterion", controls.CRITERION_NAMES)
def test_every_criterion_is_measured_on_images_that_it_has_not_seen(criterion: str, page: AppTest) -> None:
    on_fc2(page)
    send(page, {"mode": pick("criterion", criterion, 2)})
    assert not page.exception
    assert not page.error
    assert recipe_of(page).settings("fc2").criterion == criterion
    assert page.session_state["shown"][0] == to_json(recipe_of(page), indent=None)
    assert from_json(page.query_params["recipe"]) == recipe_of(page)


CHOICES = {
    "pattern": ("mode", controls.PATTERN_NAMES),
    "coder": ("coder", controls.CODER_NAMES),
    "scale": ("coder", controls.SCALE_NAMES),
    "factorizer": ("factorizer", controls.FACTORIZER_NAMES),
    "rank_by": ("factorizer", controls.RANK_NAMES),
    "compensate": ("good", controls.COMPENSATION_NAMES),
    "steps": ("good", controls.STEPS_NAMES),
    "inputs_bits": ("good", controls.INPUTS_NAMES),
}


@pytest.mark.parametrize("name", CHOICES)
def test_every_choice_of_a_row_is_carried_out_or_refused_in_a_sentence(name: str, page: AppTest) -> None:
    on_fc2(page)
    place, names = CHOICES[name]
    for n, value in enumerate(names, start=2):
        send(page, {place: pick(name, value, n)})
        assert not page.exception
        assert not page.error
        assert str(getattr(recipe_of(page).settings("fc2"), name)) == value


def test_a_method_that_a_layer_cannot_have_is_a_sentence_and_the_layer_stays(page: AppTest) -> None:
    on_fc2(page)
    send(page, {"factorizer": pick("factorizer", "tucker2", 2)})
    rank = sample(3, 2, subject="digits_cnn fc2 fraction")
    send(page, {"factorizer": pick("factorizer", "tucker2", 2), "rank": rank})
    assert not page.error
    assert not page.exception
    assert recipe_of(page).settings("fc2").factors
    studio, position = state.studio_of(page.session_state["position"]), page.session_state["position"]
    looked = live.look(studio, position.recipe, None)
    assert rows.said(position, looked).startswith("fc2: its rank stays full: tucker2 needs")
    assert looked.row("fc2")["rank"] == looked.row("fc2")["full_rank"]


def test_a_refit_of_minutes_is_refused_by_the_page(page: AppTest) -> None:
    send(page, {"prune": sample(50, 1), "good": pick("compensate", "outputs", 1)})
    assert "takes minutes" in page.error[0].value
    assert not page.exception


def test_a_rank_by_energy_or_error_moves_with_the_slider(page: AppTest) -> None:
    on_fc2(page)
    send(page, {"factorizer": pick("rank_by", "energy", 2)})
    assert recipe_of(page).settings("fc2").rank == 1.0
    send(page, {"factorizer": pick("rank_by", "energy", 2), "rank": sample(80, 2)})
    assert recipe_of(page).settings("fc2").rank == pytest.approx(0.8)
    send(page, {"factorizer": pick("rank_by", "error", 3), "rank": sample(80, 2)})
    assert recipe_of(page).settings("fc2").rank == controls.NO_ERROR
    assert not page.exception


@pytest.mark.parametrize("plot", controls.PLOT_NAMES)
def test_the_lower_left_plot_is_chosen_and_stays_in_the_link(plot: str, page: AppTest) -> None:
    send(page, {"plot": {"picked": {"name": "plot", "value": plot, "n": 1}}, "bits": sample(2, 1)})
    assert not page.exception
    assert page.session_state["position"].plot == plot
    assert page.query_params.get("plot", "spectrum") in (plot, [plot])
    assert not page.session_state["history"][1:]  # a view is nothing to undo


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


def test_undo_of_another_model_brings_back_its_settings(page: AppTest) -> None:
    send(page, {"layer": {"picked": {"name": "layer", "value": "conv2", "n": 1}}})
    before = send(page, {"prune": sample(50, 1)}).session_state["position"]
    assert before.recipe == Recipe(layers={"conv2": {"sparsity": 0.5}})
    send(page, {"model": {"picked": {"name": "model", "value": "lenet_300_100", "n": 1}}})
    send(page, {"foot": {"picked": {"name": "undo", "value": "", "n": 1}}})
    assert page.session_state["position"] == before
    assert not page.error


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


def link(recipe: str, **more: str) -> AppTest:
    """The page as a link with a recipe opens it."""
    at = AppTest.from_file(APP, default_timeout=60)
    for key, value in {"recipe": recipe, **more}.items():
        at.query_params[key] = value
    at.run()
    assert not at.exception
    return at


@pytest.mark.parametrize("change", ['"threshold":1' + "0" * 400, '"sparsity":1e999', '"bits":NaN', '"rank":1e-320'])
@pytest.mark.parametrize("place", ['{"default":{%s}}', '{"layers":{"fc1":{%s}}}'])
def test_an_extreme_number_in_a_link_is_measured_or_refused_in_a_sentence(place: str, change: str) -> None:
    at = link(place.replace("{", '{"format":"prunescope/recipe/1",', 1) % change)
    assert (recipe_of(at) == Recipe()) == (len(at.error) == 1)


@pytest.mark.parametrize("name", BESIDE)
def test_what_is_put_right_beside_the_layers_is_measured_as_it_is_exported(name: str) -> None:
    recipe = Recipe(Settings(sparsity=0.5, pattern="row"), {"fc": {"sparsity": 0.0}}, **{name: BESIDE[name][1]})
    at = link(to_json(recipe), model="digits_resnet")
    assert not at.error
    assert not at.exception
    here = at.session_state["position"]
    assert here.recipe == recipe
    studio = state.studio_of(here)
    report = json.loads(live.files(studio, here.recipe, lambda share: None)["report.json"])
    looked = live.look(studio, here.recipe, 60.0)
    assert (looked.estimate.accuracy, looked.written) == (report["accuracy"], report["bytes"])
    assert [row["macs"] for row in looked.rows] == [row["macs"] for row in report["layers"]]


@pytest.mark.parametrize("name", BESIDE)
def test_what_is_put_right_is_chosen_in_a_menu_and_stays_in_the_link(name: str, page: AppTest) -> None:
    place = "plot" if name in ("equalize", "rest") else "beside"
    send(page, {place: pick(name, BESIDE[name][1], 1), "bits": sample(3, 1)})
    assert not page.error
    assert not page.exception
    assert getattr(recipe_of(page), name) == BESIDE[name][1]
    assert from_json(page.query_params["recipe"]) == recipe_of(page)


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
    for board in ({}, {"sent": None}, {"sent": []}, {"other": 1}):
        page.session_state["board"] = board
        assert not page.run().exception


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, 1e300, -1e300, -5, "7", None, True, [1], pytest.param(10**400, id="huge")]
)
@pytest.mark.parametrize("part", ["prune", "bits", "rank"])
def test_an_impossible_value_leaves_the_slider_on_its_scale(part: str, value: object, page: AppTest) -> None:
    send(page, {part: sample(value, 1)})
    assert not page.exception
    here = recipe_of(page).default
    assert 0 <= here.sparsity <= controls.MOST / 100
    assert 0 < here.rank <= 1


def test_a_link_is_a_position() -> None:
    recipe = Recipe(Settings(sparsity=0.3), {"fc1": {"bits": 3, "group": "64"}})
    at = link(to_json(recipe, indent=None), layer="fc1")
    assert at.session_state["position"] == Position("digits_cnn", "digits", recipe, "fc1")
    assert not at.error


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
@pytest.mark.parametrize("coder", CODERS)
def test_a_coder_that_is_chosen_can_do_the_bits(model: str, layer: str, coder: str, studios: dict[str, Studio]) -> None:
    studio = studios[model]
    start = Position(model, "digits", Recipe(Settings(bits=3), {LAYERS[model][-1]: {"bits": 7}}), layer)
    there = replace(start, recipe=controls.changed(start, {"coder": coder}))
    check(there.recipe, studio.study.known)
    scale, value = controls.bits_scale(studio, there), controls.bits_value(studio, there)
    assert value == slider.clamp(scale, value)
    stop = scale.stops[int(value)]
    assert stop == ("off" if coder == "float32" else str(controls.settings_of(there).bits))
    for place in range(len(scale.stops)):
        check(controls.coded(studio, there, place), studio.study.known)


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


def test_a_model_that_fails_on_a_whole_batch_is_refused_before_it_is_shown():
    with pytest.raises(ValueError, match="fails on images 1 to 100 together"):
        state.studio(("tests.core.plain:few", None), "tests.core.plain:data", False, "keep")
