import json

import numpy as np
import pytest
import torch
from torch import nn

import sample_models
from core import exporting, pipeline
from core.equalizing import UNTOLD, equalized
from core.loading import Data, Loaded, fingerprint, load_data, load_model
from core.recipe import Recipe, Settings
from tests.core import wired, zoo

X = zoo.random(6, 1, 8, 8, seed=2)
RANGES = Recipe(equalize="ranges")


@pytest.fixture(scope="module")
def digits() -> Data:
    data = load_data("digits")
    return Data("digits", data.inputs[:500], data.targets[:500])


def apart(model: nn.Module, twin: nn.Module, x: torch.Tensor) -> float:
    return float((model(x) - twin(x)).abs().max() / model(x).abs().max())


def badly_scaled(name: str) -> Loaded:
    """A sample whose channels have weights of very different sizes, and the sample's outputs."""
    model = sample_models.load(name)
    generator = torch.Generator().manual_seed(0)
    for first, second in (("fc1", "fc2"), ("fc2", "fc3")):
        rows, columns = model.get_submodule(first), model.get_submodule(second)
        scale = torch.exp(1.5 * torch.randn(len(rows.weight), generator=generator))
        rows.weight.mul_(scale[:, None])
        rows.bias.mul_(scale)
        columns.weight.div_(scale)
    return Loaded(name, model, fingerprint(model), "digits")


@pytest.mark.parametrize("name", wired.NETS)
def test_the_function_of_a_network_stays(name):
    model = wired.made(name)
    before = fingerprint(model)
    assert apart(model, equalized(model, X[:2]).module, X) < 1e-5  # float32 sums of other magnitudes
    assert fingerprint(model) == before


@pytest.mark.parametrize("name", sample_models.SAMPLES)
def test_the_logits_of_every_sample_stay(name, digits):
    model, x = sample_models.load(name), torch.from_numpy(digits.inputs[:100])
    assert apart(model, equalized(model, x[:2]).module, x) < 1e-5


@pytest.mark.parametrize("name", ["lenet5", "lenet_300_100", "digits_cnn"])
def test_a_channels_row_and_its_readers_columns_have_one_range(name):
    model = sample_models.load(name)
    found = equalized(model, zoo.random(2, 28, 28).abs())
    assert found.pairs
    for pair in found.pairs:
        rows, columns = (found.tensors[f"{layer}.weight"] for layer in (pair.first, pair.second))
        height = rows.flatten(1).abs().amax(1)
        width = columns.reshape(len(columns), len(rows), -1).abs().amax((0, 2))
        assert torch.allclose(height, width, rtol=3e-3)  # a round moves no scale by more than 1e-3 of itself


def test_scales_that_were_torn_apart_come_back():
    before = equalized(sample_models.load("lenet_300_100"), zoo.random(2, 28, 28))
    after = equalized(badly_scaled("lenet_300_100").model, zoo.random(2, 28, 28))
    for name, tensor in before.tensors.items():
        assert torch.allclose(tensor, after.tensors[name], rtol=0.02, atol=1e-3 * float(tensor.abs().max()))


def test_what_is_equal_already_is_left():
    once = equalized(wired.made("perceptron"), X[:2])
    for pair in equalized(once.module, X[:2]).pairs:
        assert np.allclose(pair.factors, 1, atol=1e-3)


def test_a_channel_of_zeros_keeps_its_scale():
    model = wired.made("perceptron")
    model.get_submodule("1").weight[3] = 0
    model.get_submodule("3").weight[:, 5] = 0
    found = equalized(model, X[:2])
    assert found.pairs[0].factors[[3, 5]].tolist() == [1, 1]
    assert apart(model, found.module, X) < 1e-5


def test_a_depthwise_convolution_shares_with_both_neighbours():
    layers = [nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 6, 3, groups=6, padding=1), nn.ReLU(), nn.Conv2d(6, 4, 1)]
    torch.manual_seed(0)
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(4 * 36, 3)).eval().requires_grad_(False)
    model[2].weight.mul_(torch.logspace(-3, 3, 6)[:, None, None, None])
    found = equalized(model, X[:2])
    assert [(pair.first, pair.second) for pair in found.pairs] == [("0", "2"), ("2", "4"), ("4", "6")]
    assert apart(model, found.module, X) < 1e-5
    ranges = found.tensors["2.weight"].flatten(1).abs().amax(1)
    assert ranges.max() / ranges.min() < model[2].weight.flatten(1).abs().amax(1).max() / ranges.min()


@pytest.mark.parametrize(
    ("name", "layer", "why"),
    [
        ("perceptron", "3", "Sigmoid '4' comes next, which does not scale"),
        ("perceptron", "5", "part of the model's outputs"),
        ("Separable", "wide", "BatchNorm2d 'norm1' comes next, which is not folded"),
        ("Residual", "stem", "several steps read them"),
        ("Dense", "one", "past which they do not go to one layer alone"),
        ("Grouped", "two", "its 2 groups must keep equal sizes"),
        ("Twice", "again", "it is called more than once"),
    ],
)
def test_a_layer_without_a_partner_says_why(name, layer, why):
    found = equalized(wired.made(name), X[:2])
    (sentence,) = [each for each in found.skipped if each.startswith(f"the outputs of {layer} keep their scales: ")]
    assert why in sentence


def test_a_model_that_cannot_be_traced_stays_as_it_is():
    model = wired.made("Branching")
    found = equalized(model, X[:2])
    assert found.skipped == (UNTOLD,)
    assert not found.tensors
    assert torch.equal(found.module(X), model(X))


def figures(loaded: Loaded, data: Data, recipe: Recipe, folder) -> dict:
    study = pipeline.study(loaded, data, recipe)
    applied = pipeline.apply(study, recipe)
    exporting.write_folder(folder, pipeline.files(study, recipe, applied, pipeline.measure(study, applied)))
    return pipeline.verify(folder, loaded, data)


def test_it_helps_a_badly_scaled_network_at_four_bits_a_tensor(digits, tmp_path):
    loaded, coarse = badly_scaled("lenet_300_100"), Settings(bits=4, group="tensor")
    plain = figures(loaded, digits, Recipe(coarse), tmp_path / "plain")
    even = figures(loaded, digits, Recipe(coarse, equalize="ranges"), tmp_path / "even")
    assert plain["accuracy_dense"] == even["accuracy_dense"]
    assert even["model"]["sha256"] == loaded.sha256
    assert even["accuracy"] > 0.95 > 0.5 > plain["accuracy"]
    assert "equalize" not in plain


def test_alone_it_changes_no_answer_and_no_size(digits, tmp_path):
    report = figures(load_model("lenet5"), digits, RANGES, tmp_path / "out")
    assert (report["drop"], report["ratio"]) == (0.0, 1.0)
    assert [(pair["first"], pair["second"]) for pair in report["equalize"]["pairs"]] == [
        ("conv1", "conv2"),
        ("conv2", "fc1"),
        ("fc1", "fc2"),
    ]


def test_it_goes_with_everything_else(digits, tmp_path):
    settings = Settings(sparsity=0.5, pattern="row", bits=4, criterion="wanda", compensate="outputs", inputs_bits=8)
    recipe = Recipe(settings, {"fc2": {"sparsity": 0.0}}, bias="correct", shrink="remove", equalize="ranges")
    report = figures(load_model("lenet5"), digits, recipe, tmp_path / "out")
    assert json.dumps(report["shrink"])
    assert report["equalize"]["pairs"]


def test_a_study_of_another_recipe_is_refused(digits):
    study = pipeline.study(load_model("lenet5"), digits, Recipe())
    with pytest.raises(ValueError, match="equalize is 'ranges', but this study"):
        pipeline.apply(study, RANGES)
