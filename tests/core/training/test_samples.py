import pytest

import sample_models
from core import pipeline, training
from core.exporting import write_folder
from core.loading import Data, load_data, load_model
from core.recipe import Recipe, Settings
from core.training import Kept, Options

RECIPE = Recipe(Settings(sparsity=0.6, bits=4))


@pytest.fixture(scope="module")
def digits() -> Data:
    data = load_data("digits")
    return Data("digits", data.inputs[:900], data.targets[:900])


@pytest.mark.parametrize("name", sample_models.SAMPLES)
def test_every_sample_is_recovered_by_the_defaults_and_verified(name, digits, tmp_path):
    loaded, options, kept = load_model(name), Options(steps=10, looks=2), Kept()
    task = training.task(loaded, digits, RECIPE, options)
    steps = list(training.recover(task, options, kept))
    assert [step.share for step in steps] == [0.5, 1.0]
    applied = training.applied(task, kept.best[0])
    tally = pipeline.measure(task.study, applied)
    write_folder(tmp_path / "made", pipeline.files(task.study, kept.best[0].recipe, applied, tally))
    assert pipeline.verify(tmp_path / "made", loaded, digits)["accuracy"] == tally.correct / tally.images
