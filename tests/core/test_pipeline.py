import json

import numpy as np
import pytest
import torch
from torch import nn

import sample_models
from core import calibration, live, pipeline
from core.compensation import COMPENSATIONS
from core.compress import compress, run, weights
from core.exporting import deserialize
from core.layer import layers
from core.loading import Data, Loaded, load_data, load_model
from core.pruning import CRITERIA, FREE
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
    whole = pipeline.measure(studio.study, pipeline.apply(studio.study, MIX))
    assert last.tally[:4] == whole[:4]
    assert last.tally.divergence == pytest.approx(whole.divergence, rel=1e-6)  # convolutions add up in another order


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


IMAGES = Data("random", zoo.random(120, 1, 8, 8).numpy(), np.arange(120) % 3)


def study_of(model: nn.Module, recipe: Recipe, calibration_data: Data | None = None) -> pipeline.Study:
    return pipeline.study(Loaded("made", model, "0" * 64, None), IMAGES, recipe, calibration_data)


@pytest.mark.parametrize(
    "other",
    [
        Data("small", zoo.random(9, 1, 4, 4).numpy(), np.arange(9) % 3),
        Data("flat", zoo.random(9, 64).numpy(), np.arange(9) % 3),
        Data("coloured", zoo.random(9, 3, 8, 8).numpy(), np.arange(9) % 3),
    ],
    ids=lambda data: data.name,
)
def test_calibration_images_that_the_model_cannot_take_are_refused_by_name(other):
    with pytest.raises(ValueError, match=rf"^calibration '{other.name}': .*cannot take inputs of shape"):
        study_of(zoo.net(), Recipe(batchnorm="recalibrate"), other)
    study_of(zoo.net(), Recipe(), other)  # nothing looks at them


def test_a_calibration_label_that_the_model_does_not_have_is_refused_by_name():
    other = Data("labelled", IMAGES.inputs, np.full(120, 7))
    with pytest.raises(ValueError, match="^calibration 'labelled': .*label 7 does not fit the model's 3 classes"):
        study_of(zoo.net(), Recipe(bias="correct"), other)


class Shared(nn.Module):
    """Two layers with one bias, and one with its own."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.last = nn.Linear(64, 8), nn.Linear(8, 8), nn.Linear(8, 3)
        self.two.bias = self.one.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.two(self.one(x.flatten(1)).relu()).relu())


def test_a_bias_that_two_layers_share_is_left_as_it_is():
    torch.manual_seed(0)
    model, recipe = Shared().eval().requires_grad_(False), Recipe(Settings(bits=2), bias="correct")
    study = study_of(model, recipe)
    applied = pipeline.apply(study, recipe)
    assert set(applied.buffers) == {"last.bias"}
    assert pipeline.files(study, recipe, applied, pipeline.measure(study, applied))


def broken() -> nn.Module:
    """A model one weight of which is no number."""
    model = zoo.net()
    model.conv1.weight[0, 0, 0, 0] = torch.nan
    return model


CALIBRATED = [
    *({"sparsity": 0.5, "criterion": name} for name in CRITERIA if name not in FREE),
    *({"sparsity": 0.5, "compensate": name} for name in COMPENSATIONS if name != "none"),
    {"bits": 4, "compensate": "outputs"},
    {"rank": 0.5, "factorizer": "whitened_svd"},
    {"inputs_bits": 8},
]


@pytest.mark.parametrize("wanted", CALIBRATED, ids=str)
def test_what_a_model_of_no_numbers_shows_a_layer_is_refused_in_a_sentence(wanted):
    recipe = Recipe(layers={"fc": wanted})
    study = study_of(broken(), recipe)
    with pytest.raises(ValueError, match=r"^layer '\w+': .{20,200}$"):
        pipeline.apply(study, recipe)


@pytest.mark.parametrize(
    ("recipe", "why"),
    [
        (Recipe(layers={"fc": {"bits": 4}}, bias="correct"), "layer 'fc': the mean of its inputs .* bias at 'keep'"),
        (Recipe(batchnorm="recalibrate"), "norm.running_mean .* is not finite; leave batchnorm at 'keep'"),
        (Recipe(Settings(bits=4)), "layer 'conv1': 1 of 36 weights are NaN or infinite"),
    ],
    ids=["bias", "batchnorm", "bits"],
)
def test_what_cannot_be_put_right_in_a_model_of_no_numbers_is_refused_in_a_sentence(recipe, why):
    study = study_of(broken(), recipe)
    with pytest.raises(ValueError, match=why):
        pipeline.apply(study, recipe)


@pytest.mark.parametrize("recipe", [Recipe(), Recipe(layers={"fc": {"sparsity": 0.5, "bits": 4}})], ids=["dense", "fc"])
def test_a_model_of_no_numbers_is_still_measured_and_written(recipe):
    study = study_of(broken(), recipe)
    applied = pipeline.apply(study, recipe)
    tally = pipeline.measure(study, applied)
    report = json.loads(pipeline.files(study, recipe, applied, tally)["report.json"], parse_constant=pytest.fail)
    assert report["images"] == 120
