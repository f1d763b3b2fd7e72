import json

import pytest
import torch

import sample_models
from core import calibration, live, pipeline
from core.compress import compress, run, weights
from core.exporting import deserialize
from core.layer import layers
from core.loading import Data, load_data, load_model
from core.recipe import Recipe, Settings
from tests.core import zoo

MIX = Recipe(Settings(sparsity=0.5, bits=4, rank=0.5))
EVERY_SAMPLE = pytest.mark.parametrize("name", sample_models.SAMPLES)


@pytest.fixture(scope="module")
def digits() -> Data:
    data = load_data("digits")
    return Data("digits", data.inputs[:450], data.targets[:450])


@pytest.fixture(scope="module")
def studio(digits) -> live.Studio:
    return live.Studio(pipeline.study(load_model("lenet_300_100"), digits, Recipe()))


@EVERY_SAMPLE
def test_the_identity_gives_bit_identical_logits_for_every_sample(name, digits):
    model = load_model(name).model
    known = layers(model)
    changed = weights(known, compress(known, Recipe()))
    x = torch.from_numpy(digits.inputs[:64])
    assert torch.equal(run(model, changed, x), model(x))


@EVERY_SAMPLE
def test_the_file_of_every_sample_gives_the_logits_that_were_measured(name, digits):
    study = pipeline.study(load_model(name), digits, MIX)
    applied = pipeline.apply(study, MIX)
    files = pipeline.files(study, MIX, applied, pipeline.measure(study, applied))
    _, decoded = deserialize(files["model.safetensors"], study.loaded.model, study.known)
    x = torch.from_numpy(digits.inputs[:64])
    assert torch.equal(run(study.loaded.model, decoded, x), run(study.loaded.model, applied.change.tensors, x))
    report = json.loads(files["report.json"])
    assert report["bytes"] == len(files["model.safetensors"]) < report["bytes_dense"]


@pytest.mark.parametrize("name", ["lenet5", "lenet_300_100"])
def test_a_corrected_bias_gives_the_first_layer_its_mean_output_back(name, digits):
    recipe = Recipe(Settings(bits=2), bias="correct")
    study = pipeline.study(load_model(name), digits, recipe)
    first, model, x = study.known[0], study.loaded.model, study.calibration
    module = model.get_submodule(first.name)
    inputs = x.flatten(1) if first.kind == "Linear" else x.reshape(len(x), 1, 28, 28)
    applied = pipeline.apply(study, recipe)
    own = {key: applied.change.tensors[f"{first.name}.{key}"] for key in ("weight", "bias")}
    before, after = module(inputs), torch.func.functional_call(module, own, (inputs,))
    plain = torch.func.functional_call(module, {"weight": own["weight"]}, (inputs,))
    axes = [axis for axis in range(before.dim()) if axis != 1]
    error, uncorrected = ((out - before).mean(axes).abs().max() for out in (after, plain))
    assert error < 1e-5 * before.abs().max()  # float32 sums
    assert error < 0.01 * uncorrected


def test_a_look_measures_some_images_and_further_looks_all_of_them(studio):
    first = live.look(studio, MIX, None)
    assert 100 <= first.tally.images <= 400
    last = live.look(studio, MIX, 60.0)
    assert last.tally.images == 450
    assert last.tally[:-1] == pipeline.measure(studio.study, pipeline.apply(studio.study, MIX))[:-1]


def test_the_size_of_a_look_is_that_of_the_export(studio):
    files = live.files(studio, MIX, lambda share: None)
    assert live.look(studio, MIX, None).written == len(files["model.safetensors"])


def test_a_look_at_nothing_is_the_dense_model(studio):
    assert live.look(studio, Recipe(), None).unchanged
    assert not live.look(studio, Recipe(Settings(bits=8)), None).unchanged


def test_recalibration_gives_the_statistics_of_the_images():
    model = zoo.net()
    x = zoo.random(400, 1, 8, 8)
    buffers = calibration.recalibrated(model, {}, x)
    seen = model.conv1(x)
    assert torch.allclose(buffers["norm.running_mean"], seen.mean((0, 2, 3)), atol=1e-5)
    assert torch.allclose(buffers["norm.running_var"], seen.var((0, 2, 3)), rtol=0.02)  # a mean over batches
    assert not torch.equal(model.norm.running_mean, buffers["norm.running_mean"])


def test_uses_are_the_output_positions_and_the_hooks_are_gone():
    model = zoo.net()
    assert calibration.positions(model, {"conv1": "conv1.weight", "fc": "fc.weight"}, zoo.random(1, 1, 8, 8)) == {
        "conv1": 64,
        "fc": 1,
    }
    assert not any(module._forward_hooks for module in model.modules())
