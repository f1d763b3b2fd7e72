"""A recovery from its files to two kept runs, and its outcome looked at and compressed further."""

import re
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core import exporters, live, pipeline, runs, training
from core.exporting import write_folder
from core.live import Look, Studio
from core.recipe import Recipe, Settings, from_json
from core.runs import WEIGHTS
from core.training import Finished, Given, Opened, Options, Step
from tests.core import zoo
from tests.core.training import small
from tests.core.training.test_recover import EVERY_RECIPE, FEW


@pytest.fixture
def store(tmp_path):
    return runs.open_store(tmp_path / "runs.sqlite")


def given(recipe=None, options=FEW):
    model = zoo.net()
    recipe = recipe or Recipe(Settings(sparsity=0.7, bits=4))
    return Given(small.loaded(model), small.data(model), recipe, options, {"model": "net"})


def never():
    return False


def studio_of(asked: Given, run: runs.Run, data: bytes) -> Studio:
    """A page's studio on what a run's training made."""
    study = pipeline.study(asked.loaded, asked.data, run.recipe)
    return live.opened(pipeline.after_training(study, run.recipe, data))


def looked(studio: Studio, recipe: Recipe) -> Look:
    return live.look(studio, recipe, 60.0)


@EVERY_RECIPE
def test_the_kept_weights_are_looked_at_and_written_as_they_were_measured(recipe, store, tmp_path):
    asked = given(recipe)
    *_, done = training.whole(lambda: asked, lambda: store, never)
    run, data = runs.one(store, done.after), runs.files(store, done.after)[WEIGHTS]
    studio = studio_of(asked, run, data)
    seen = looked(studio, run.recipe)
    assert seen.tally.images == run.report["images"]
    assert seen.estimate.accuracy == run.report["accuracy"]
    assert seen.written == run.report["bytes"] == done.sizes[0]
    files = live.files(studio, run.recipe, lambda share: None)
    write_folder(tmp_path / "made", files)
    assert pipeline.verify(tmp_path / "made", asked.loaded, asked.data)["accuracy"] == run.report["accuracy"]
    again = exporters.of_files(files, asked.loaded, asked.data)
    assert pipeline.measure(again.study, again.applied) == seen.tally


FURTHER = {
    "pruned": {"sparsity": 0.9},
    "coded": {"bits": 2},
    "beside": {},
}


@pytest.mark.parametrize("name", FURTHER)
def test_what_was_trained_can_be_compressed_further_and_is_verified(name, store, tmp_path):
    asked = given()
    *_, done = training.whole(lambda: asked, lambda: store, never)
    run, data = runs.one(store, done.after), runs.files(store, done.after)[WEIGHTS]
    recipe = replace(run.recipe, layers={"fc": FURTHER[name]} if FURTHER[name] else {})
    recipe = replace(recipe, batchnorm="recalibrate") if name == "beside" else recipe
    study = pipeline.after_training(pipeline.study(asked.loaded, asked.data, recipe), run.recipe, data)
    studio = live.opened(study)
    seen, first = looked(studio, recipe), study.trained.encoded
    for layer in study.known:
        same = layer.name != "fc" or name == "beside"
        assert (seen.encoded[layer.name] is first[layer.name]) == same
    write_folder(tmp_path / "made", live.files(studio, recipe, lambda share: None))
    assert pipeline.verify(tmp_path / "made", asked.loaded, asked.data)["bytes"] == seen.written


def test_a_threshold_on_what_was_trained_is_a_sentence(store):
    asked = given()
    *_, done = training.whole(lambda: asked, lambda: store, never)
    run, data = runs.one(store, done.after), runs.files(store, done.after)[WEIGHTS]
    studio = studio_of(asked, run, data)
    with pytest.raises(ValueError, match=r"^layer 'fc': threshold is 0.1, expected a sparsity"):
        looked(studio, replace(run.recipe, layers={"fc": {"threshold": 0.1}}))


def test_a_trained_recipe_without_its_weights_is_a_sentence(store):
    asked = given()
    *_, done = training.whole(lambda: asked, lambda: store, never)
    studio = live.opened(pipeline.study(asked.loaded, asked.data, Recipe()))
    with pytest.raises(ValueError, match="^recipe: it was recovered by training, and the weights are not here"):
        looked(studio, runs.one(store, done.after).recipe)


def test_the_model_is_never_touched(store):
    asked = given()
    before = {name: tensor.clone() for name, tensor in asked.loaded.model.state_dict().items()}
    *_, done = training.whole(lambda: asked, lambda: store, never)
    run, data = runs.one(store, done.after), runs.files(store, done.after)[WEIGHTS]
    looked(studio_of(asked, run, data), run.recipe)
    assert all(torch.equal(tensor, before[name]) for name, tensor in asked.loaded.model.state_dict().items())


def test_two_runs_are_kept_before_and_after(store):
    asked = given()
    events = list(training.whole(lambda: asked, lambda: store, never))
    assert [type(event) for event in (events[0], events[-1])] == [Opened, Finished]
    assert all(type(event) is Step for event in events[1:-1])
    done = events[-1]
    before, after = (runs.one(store, number) for number in (done.before, done.after))
    assert before.recipe.recovered == {}
    assert after.recipe.recovered["by"] == "training"
    assert before.recipe.default == after.recipe.default == asked.recipe.default
    assert after.extra["source"] == {"model": "net"}
    assert len(runs.pair(store, before, after).images) == events[0].measured
    assert runs.with_files(store) == {done.after}
    assert done.untrained.accuracy == after.extra["before"]


def test_ending_early_keeps_the_best_until_then(store):
    asked = given(options=Options(steps=60, batch=32, looks=20))
    seen = []

    def enough():
        seen.append(1)
        return len(seen) == 3

    *steps, done = training.whole(lambda: asked, lambda: store, enough)
    best = max(step.accuracy for step in steps[1:])
    assert len(steps) == 1 + 3
    assert runs.one(store, done.after).extra["held_out"] == best


def deleted(store):
    store.path.unlink()


def overwritten(store):
    store.path.write_bytes(b"something else")


@pytest.mark.parametrize("harm", [deleted, overwritten])
def test_what_was_trained_outlives_its_store(harm, store, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    steps = training.whole(given, lambda: store, never)
    next(steps)
    harm(store)
    *_, done = steps
    assert (done.before, done.after) == (0, 0)
    assert re.search(r"cannot be used .*; what was trained is kept as run 1 in '.*'$", done.why)
    aside = runs.open_store(Path(re.search(r"run 1 in '(.*)'$", done.why)[1]))
    assert runs.one(aside, 1).report["accuracy"] == done.figures.accuracy
    assert runs.origin(aside, 1).data
    assert runs.one(aside, 1).report["images"] == len(runs.arrays(aside, 1)["true"])


def test_ending_before_the_recipe_is_satisfied_is_a_sentence(store):
    asked = given(Recipe(Settings(sparsity=0.7)), Options(steps=60, batch=32, looks=20, how="movement"))
    with pytest.raises(ValueError, match="ended before anything satisfied the recipe"):
        list(training.whole(lambda: asked, lambda: store, lambda: True))
    assert runs.listed(store) == []


def test_a_recipe_read_back_from_the_store_is_the_one_that_was_trained_for(store):
    asked = given()
    *_, done = training.whole(lambda: asked, lambda: store, never)
    run = runs.one(store, done.after)
    assert from_json(run.written).recovered["steps"] == FEW.steps
