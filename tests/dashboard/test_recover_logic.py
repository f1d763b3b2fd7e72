"""Recover without a browser: what is asked for, drawn and said, and what happens to a training behind the page."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from core import keeping as core_keeping
from core import loading, pipeline, runs, training
from core.exporting import write_folder
from core.recipe import Recipe, Settings, to_json
from core.training import Options, Step
from dashboard import curves, gains, keeping, regained, remedies, state, trainings
from dashboard.trainings import ALIKE, AWARE, DISTIL, EXPLORE, HOW, ROUNDS, STUDENT, TRANSFER, Wish
from tests.dashboard.test_page_logic import APP, pick, sample, send


def script() -> None:
    """The head's position and the view alone, or the view that the session has turned to."""
    from dashboard import panels, state
    from dashboard.views import compare, explore, recover

    bound = state.bound()
    if panels.standing():
        {"": recover.page, "Explore": explore.page, "Compare": compare.page}[bound]()
    state.write_link()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> runs.Store:
    monkeypatch.setenv("PRUNESCOPE_RUNS", str(tmp_path / "runs.sqlite"))
    state._origin.cache_clear()
    state.studio.clear()
    return runs.open_store()


@pytest.fixture
def page(store: runs.Store) -> AppTest:
    """The view on a small model, with no training of an earlier test."""
    trainings._kept().clear()
    at = AppTest.from_function(script, default_timeout=60)
    at.query_params["model"] = "lenet_300_100"
    at.run()
    assert not at.exception
    return at


def until(at: AppTest, holds: Callable[[trainings.Training], bool]) -> trainings.Training:
    """The training of the page, once something holds of it."""
    for _ in range(400):
        (found,) = trainings._kept().values()
        if holds(found):
            at.run()
            assert not at.exception
            return found
        time.sleep(0.1)
    raise AssertionError(found.job.trouble or "nothing came in 40 seconds")


def looks(found: trainings.Training) -> tuple[Step, ...]:
    return trainings.found(found).steps


def step(number: int, doing: str = "recover", **more: float) -> Step:
    told = {"loss": 1 / number, "accuracy": 0.9, "sparsity": 0.95, "entropy": 1.5, "share": number / 100} | more
    return Step(doing, number, 100, **told, seconds=1.0, left=2.0)


def test_a_training_is_started_paused_resumed_cancelled_and_its_best_is_kept(page: AppTest, store: runs.Store) -> None:
    send(page, {"much": pick("steps", "6000", 1), "sparsity": sample(90, 1)})
    send(page, {"run": pick("start", "", 2)})
    found = until(page, lambda found: len(looks(found)) >= 2)
    assert found.recipe == Recipe(Settings(sparsity=0.9))
    assert found.options.steps == 6000
    send(page, {"run": pick("hold", "", 3)})
    assert found.job.paused
    time.sleep(1.0)
    before = len(found.job.events)
    time.sleep(1.0)
    assert len(found.job.events) == before
    send(page, {"run": pick("go", "", 4)})
    until(page, lambda found: len(looks(found)) > before)
    send(page, {"run": pick("cancel", "", 5)})
    until(page, lambda found: not found.job.running)
    assert not found.job.trouble
    done = trainings.found(found).finished
    assert runs.with_files(store) == {done.after}
    assert runs.one(store, done.after).extra["held_out"] == max(look.accuracy for look in looks(found))
    assert {run.number for run in runs.listed(store)} == {done.before, done.after}


def test_the_result_opens_in_explore_with_its_trained_weights_and_is_verified(page: AppTest, tmp_path: Path) -> None:
    send(page, {"much": pick("steps", "60", 1)})
    send(page, {"run": pick("start", "", 2)})
    found = until(page, lambda found: not found.job.running)
    done = trainings.found(found).finished
    send(page, {"after": pick("explore", "", 3)})
    assert not page.exception
    here = page.session_state["position"]
    assert (here.model, here.recipe) == (runs.model_name(done.after), found.recipe)
    studio = state.studio_of(here)
    look = state.live.look(studio, here.recipe, 60.0)
    assert look.estimate.accuracy == done.figures.accuracy
    assert look.written == done.sizes[0]
    assert state.as_options(here) == "--model lenet_300_100 --data digits"
    write_folder(tmp_path / "made", state.live.files(studio, here.recipe, lambda share: None))
    loaded, data = loading.load_model("lenet_300_100"), loading.load_data("digits")
    assert pipeline.verify(tmp_path / "made", loaded, data)["accuracy"] == done.figures.accuracy


def test_what_was_trained_and_compressed_further_is_kept_with_its_weights(page: AppTest, store: runs.Store) -> None:
    send(page, {"much": pick("steps", "60", 1)})
    send(page, {"run": pick("start", "", 2)})
    until(page, lambda found: not found.job.running)
    send(page, {"after": pick("explore", "", 3)})
    here = state.replace(page.session_state["position"], recipe=Recipe(Settings(sparsity=0.97, bits=4)))
    run = runs.further(store, runs.number_of(here.model), keeping.subject(here), here.recipe)
    studio = state.studio_of(here)
    *_, last = core_keeping.keeping(studio, run, store)
    again = state.replace(here, model=runs.model_name(last.number))
    look = state.live.look(state.studio_of(again), here.recipe, 60.0)
    kept = runs.one(store, last.number)
    assert kept.report["accuracy"] == look.estimate.accuracy
    assert kept.report["bytes"] == look.written
    assert keeping.button(again, look).words == f"Kept: {last.number}"


def test_before_and_after_lie_side_by_side_in_compare(page: AppTest, store: runs.Store) -> None:
    send(page, {"much": pick("steps", "60", 1)})
    send(page, {"run": pick("start", "", 2)})
    found = until(page, lambda found: not found.job.running)
    done = trainings.found(found).finished
    send(page, {"after": pick("compare", "", 3)})
    assert page.session_state["desk"].picked == (done.before, done.after)
    pair = runs.pair(store, runs.one(store, done.before), runs.one(store, done.after))
    assert len(pair.images) == trainings.found(found).opened.measured


def test_a_smaller_network_learns_from_the_model_and_opens_in_explore(page: AppTest, store: runs.Store) -> None:
    send(page, {"how": pick("how", STUDENT, 1)})
    assert (page.session_state["remedy"].sparsity, page.session_state["remedy"].bits) == (0.0, 32)
    send(page, {"much": pick("steps", "60", 2)})
    send(page, {"smaller": pick("width", "0.25", 3)})
    send(page, {"run": pick("start", "", 5)})
    found = until(page, lambda found: not found.job.running)
    assert not found.job.trouble
    done = trainings.found(found).finished
    assert runs.origin(store, done.after).model == "lenet_300_100@0.25"
    send(page, {"after": pick("explore", "", 6)})
    assert not page.exception
    here = page.session_state["position"]
    assert state.as_options(here) == "--model lenet_300_100@0.25 --data digits"
    look = state.live.look(state.studio_of(here), here.recipe, 60.0)
    assert look.estimate.accuracy == done.figures.accuracy > done.untrained.accuracy


def test_ways_to_another_task_become_a_table_and_runs_to_compare(page: AppTest, store: runs.Store) -> None:
    send(page, {"how": pick("how", TRANSFER, 1)})
    send(page, {"much": pick("steps", "60", 2)})
    send(page, {"run": pick("start", "", 3)})
    found = until(page, lambda found: not found.job.running)
    assert not found.job.trouble
    ways = trainings.found(found).ways
    assert [way.name for way in ways] == list(training.WAYS)
    assert ways[0].sparsity < 0.01 < 0.9 < ways[1].sparsity
    best = max(ways, key=lambda way: way.accuracy)
    assert gains.ways_title(ways, 4).startswith(f"Best of all ways: {best.name}, ")
    assert all(len(gains.way_cells(way)) == len(gains.WAYS_HEAD) for way in ways)
    kept = [runs.one(store, way.run) for way in ways]
    assert [(run.name, run.report["accuracy"], run.report["bytes"]) for run in kept] == [
        (way.name, way.accuracy, way.bytes) for way in ways
    ]
    send(page, {"after": pick("ways", "", 4)})
    assert not page.exception
    assert page.session_state["desk"].picked == tuple(way.run for way in ways)


def test_a_second_session_sees_the_training_and_can_end_it(page: AppTest) -> None:
    send(page, {"much": pick("steps", "6000", 1)})
    send(page, {"run": pick("start", "", 2)})
    until(page, lambda found: len(looks(found)) >= 1)
    other = AppTest.from_function(script, default_timeout=60)
    other.query_params["model"] = "lenet_300_100"
    other.run()
    send(other, {"run": pick("cancel", "", 1)})
    found = until(page, lambda found: not found.job.running)
    assert found.enough.is_set()
    assert trainings.found(found).finished


def test_of_two_tabs_that_start_one_training_goes_on_and_a_pause_pressed_twice_is_one(page: AppTest) -> None:
    other = AppTest.from_function(script, default_timeout=60)
    other.query_params["model"] = "lenet_300_100"
    other.run()
    send(page, {"much": pick("steps", "6000", 1)})
    send(page, {"run": pick("start", "", 2)})
    send(other, {"run": pick("start", "", 1)})
    assert "Another tab began a training of this model before" in other.error[0].value
    (found,) = trainings._kept().values()
    assert (found.options.steps, found.enough.is_set()) == (6000, False)
    for tab, number in ((page, 3), (other, 2)):
        send(tab, {"run": pick("hold", "", number)})
        assert found.job.paused
    send(other, {"run": pick("cancel", "", 3)})
    until(page, lambda found: not found.job.running)


def test_another_model_says_which_training_goes_on_and_shows_none_of_it(page: AppTest) -> None:
    send(page, {"much": pick("steps", "6000", 1)})
    send(page, {"run": pick("start", "", 2)})
    found = until(page, lambda found: len(looks(found)) >= 1)
    send(page, {"run": pick("hold", "", 3)})
    here = page.session_state["position"]
    there = state.replace(here, model="digits_resnet")
    assert trainings.elsewhere(there) == [("lenet_300_100", "digits")]
    assert trainings.elsewhere(here) == []
    send(page, {"model": pick("model", "digits_resnet", 4)})
    assert not page.exception
    assert trainings.current(page.session_state["position"]) is None
    trainings.end(found)
    until(page, lambda found: not found.job.running)
    assert trainings.elsewhere(there) == []


def test_a_store_that_cannot_be_used_ends_no_training_and_the_page_says_why(
    page: AppTest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "text").write_text("something else")
    monkeypatch.setenv("PRUNESCOPE_RUNS", str(tmp_path / "text"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    send(page, {"much": pick("steps", "60", 1)})
    send(page, {"run": pick("start", "", 2)})
    found = until(page, lambda found: not found.job.running)
    assert not found.job.trouble
    done = trainings.found(found).finished
    assert (done.before, done.after) == (0, 0)
    assert gains.told(done).endswith("against the dense model.")
    said = regained.bar(found, trainings.found(found)).data["trouble"]
    assert said.startswith("It is shown here and not kept as a run: ")
    assert "is no database" in said
    assert all(item.disabled for item in remedies.controls(found)["after"])


def test_a_training_that_crashes_says_one_sentence_and_the_page_stays(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*given: object) -> None:
        raise RuntimeError("no memory left")
        yield

    monkeypatch.setattr(training, "whole", crash)
    send(page, {"run": pick("start", "", 1)})
    found = until(page, lambda found: not found.job.running)
    assert "no memory left" in found.job.trouble[0]
    monkeypatch.undo()
    send(page, {"much": pick("steps", "60", 2)})
    send(page, {"run": pick("start", "", 3)})
    until(page, lambda found: trainings.found(found).finished is not None)


def test_a_link_to_a_trained_recipe_without_its_weights_is_a_sentence(store: runs.Store) -> None:
    recipe = Recipe(Settings(sparsity=0.9), recovered={"by": "training", "steps": 10, "seed": 0, "images": 3500})
    at = AppTest.from_file(APP, default_timeout=60)
    at.query_params["model"], at.query_params["recipe"] = "lenet_300_100", to_json(recipe)
    at.run()
    assert not at.exception
    assert "it was recovered by training, and the weights are not here" in at.error[0].value


def test_a_link_to_a_run_that_is_not_there_is_a_sentence(store: runs.Store) -> None:
    at = AppTest.from_file(APP, default_timeout=60)
    at.query_params["model"] = "recovered: 77"
    at.run()
    assert not at.exception
    assert "run 77 is not in" in at.error[0].value


def test_an_empty_recipe_is_a_sentence(page: AppTest) -> None:
    send(page, {"sparsity": sample(0, 1)})
    send(page, {"run": pick("start", "", 2)})
    assert not trainings._kept()
    assert "Nothing is removed or coded yet" in page.error[0].value


def test_the_recipe_of_explore_is_trained_where_it_does_anything(page: AppTest) -> None:
    here = page.session_state["position"]
    own = Recipe(Settings(bits=3), {"fc1": {"sparsity": 0.5}})
    assert trainings.source(Wish(), here) == ALIKE
    there = state.replace(here, recipe=own)
    assert trainings.source(Wish(), there) == EXPLORE
    assert trainings.recipe_of(Wish(), there) == own
    assert trainings.recipe_of(Wish(what=ALIKE), there) == Recipe(Settings(sparsity=0.95))


@pytest.mark.parametrize("how", HOW)
def test_every_way_has_options_and_a_plan(how: str) -> None:
    wished = Wish(how=how, bits=4)
    options = trainings.options_of(wished)
    plan = training.planned(Recipe(Settings(sparsity=0.9, bits=4)), options)
    assert plan[-1].share == pytest.approx(1.0)
    assert all(0 <= each.rate <= 1 for each in plan)
    assert [each.step for each in plan] == sorted(each.step for each in plan)
    assert (options.alpha < 1) == (how in (DISTIL, STUDENT))
    assert (options.rounds > 1) == (how == ROUNDS)


def test_learning_with_few_bits_begins_unpruned_and_the_others_pruned(page: AppTest) -> None:
    send(page, {"how": pick("how", AWARE, 1)})
    wished = page.session_state["remedy"]
    assert (wished.sparsity, wished.bits) == (0.0, 2)
    send(page, {"how": pick("how", DISTIL, 2)})
    assert page.session_state["remedy"].sparsity == 0.95


def test_what_is_planned_is_what_is_done() -> None:
    recipe = Recipe(Settings(sparsity=0.8))
    options = Options(steps=10, rounds=3, looks=2)
    plan = training.planned(recipe, options)
    assert [each.share for each in plan if each.step == 10][:1] == [pytest.approx(training.shares(options)[0])]
    assert plan[-1].step == 30


@pytest.mark.parametrize("shown", curves.CURVES, ids=lambda shown: shown.field)
def test_a_curve_is_a_figure_that_plotly_knows(shown: curves.Curve) -> None:
    steps = [step(1), step(50, accuracy=0.5), step(100, "with codes", entropy=0.3)]
    figure = curves.curve(steps, shown, (("dense", 99.0), ("before", 97.0)))
    go.Figure(figure)
    low, high = figure["layout"]["yaxis"]["range"]
    drawn = [y for trace in figure["data"] for y in trace["y"]]
    assert all(low <= y <= high for y in drawn)
    assert curves.curve([], shown)["data"] == []


def test_softened_answers_sum_to_one_and_even_out_with_the_temperature(page: AppTest) -> None:
    studio = state.studio_of(page.session_state["position"])
    cold, hot = (trainings.example(studio, Wish(temperature=t, alpha=0.25)) for t in (1.0, 10.0))
    for shown in (cold, hot):
        for side in (shown.plain, shown.softened, shown.target):
            assert sum(side) == pytest.approx(1.0, abs=1e-5)  # float32
    assert max(hot.softened) < max(cold.softened)
    assert cold.softened == cold.plain
    assert hot.target[hot.label] == pytest.approx(0.25 + 0.75 * hot.softened[hot.label])
    go.Figure(curves.softened(hot.plain, hot.softened, hot.target))


def test_titles_say_what_is_drawn() -> None:
    steps = [step(1, loss=2.0), step(50, loss=0.5, accuracy=0.97)]
    assert gains.loss_title(steps) == "The loss is 0.5, down from 2"
    assert gains.accuracy_title(steps, None, False) == "97.0 % right"
    assert gains.accuracy_title([], None, False) == "Nothing is learned yet"
