import json
from collections.abc import Callable

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, fx, nn

import sample_models
from sample_models.catalog import CARDS
from sample_models.data import digit_bytes, digits
from sample_models.networks import LeNet5
from sample_models.train import RECIPES, accuracy

FLOORS = {
    "digits_cnn": 0.990,
    "lenet_300_100": 0.983,
    "lenet5": 0.992,
    "digits_resnet": 0.992,
    "digits_vit": 0.985,
}
NAMES = list(sample_models.SAMPLES)
HOLDERS = (nn.Linear, nn.Conv2d, nn.BatchNorm2d, nn.LayerNorm)

every_sample = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.from_numpy(digits()[0][:32])


def test_samples_come_in_the_order_of_the_picker() -> None:
    assert NAMES == ["digits_cnn", "lenet_300_100", "lenet5", "digits_resnet", "digits_vit"]
    assert all(name == sample.name for name, sample in sample_models.SAMPLES.items())


def test_every_sample_has_a_recipe_a_card_and_a_floor() -> None:
    assert NAMES == list(RECIPES) == list(json.loads(CARDS.read_text())) == list(FLOORS)


@every_sample
def test_about_is_one_sentence(name: str) -> None:
    about = sample_models.SAMPLES[name].about
    assert about.endswith(".")
    assert about.count(". ") == 0
    assert "\n" not in about


@every_sample
def test_shipped_weights_are_the_networks_own(name: str) -> None:
    stored = load_file(sample_models.weights_path(name))
    loaded = sample_models.load(name).state_dict()
    assert stored.keys() == loaded.keys() == sample_models.SAMPLES[name].build().state_dict().keys()
    assert all(torch.equal(stored[key], loaded[key]) for key in stored)
    assert all(value.isfinite().all() for value in stored.values())


@every_sample
def test_loaded_sample_is_frozen_and_in_eval_mode(name: str) -> None:
    net = sample_models.load(name)
    assert not any(module.training for module in net.modules())
    assert not any(weight.requires_grad for weight in net.parameters())
    assert all(weight.dtype == torch.float32 for weight in net.parameters())


def test_loading_leaves_the_random_state_alone() -> None:
    before = torch.get_rng_state()
    sample_models.load("lenet5")
    assert torch.equal(before, torch.get_rng_state())


@every_sample
def test_two_loads_share_no_memory(name: str) -> None:
    first, second = sample_models.load(name), sample_models.load(name)
    next(first.parameters()).zero_()
    assert next(second.parameters()).any()


@every_sample
def test_accuracy_on_the_digits_is_the_cards(name: str) -> None:
    measured = accuracy(sample_models.load(name), *digit_bytes())
    # Another count of threads or another CPU can tip an image whose two best logits tie: two of the 5,000.
    assert measured == pytest.approx(sample_models.card(name)["accuracy_validation"], abs=2.5 / 5000)


@every_sample
def test_accuracy_on_the_test_images_is_above_the_floor(name: str) -> None:
    assert sample_models.card(name)["accuracy_test"] >= FLOORS[name]


@every_sample
def test_card_counts_what_is_there(name: str) -> None:
    card = sample_models.card(name)
    assert card["parameters"] == sum(weight.numel() for weight in sample_models.load(name).parameters())
    assert card["bytes"] == sample_models.weights_path(name).stat().st_size
    assert card["train_images"] == 60_000 - 5_000


@every_sample
def test_shipped_weights_follow_the_recipe(name: str) -> None:
    assert sample_models.card(name)["epochs"] == RECIPES[name].epochs


@every_sample
def test_readme_repeats_the_card(name: str) -> None:
    card = sample_models.card(name)
    validation, test = (100 * card[key] for key in ("accuracy_validation", "accuracy_test"))
    row = f"| {name} | {card['epochs']} | {card['seed']} | {card['parameters']:,} | {validation:.2f} | {test:.2f} |"
    assert row in (CARDS.parent / "README.md").read_text().splitlines()


def test_lenet5_is_caffes() -> None:
    assert sum(weight.numel() for weight in LeNet5().parameters()) == 431_080


def test_resnet_has_a_depthwise_convolution_and_batch_norms() -> None:
    modules = list(sample_models.load("digits_resnet").modules())
    assert any(isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1 for module in modules)
    assert any(isinstance(module, nn.BatchNorm2d) for module in modules)


@every_sample
def test_weights_live_in_known_layers(name: str) -> None:
    owners = [module for module in sample_models.load(name).modules() if list(module.parameters(recurse=False))]
    others = [type(owner).__name__ for owner in owners if not isinstance(owner, HOLDERS)]
    assert others == (["DigitsViT"] if name == "digits_vit" else [])


@every_sample
def test_trace_gives_bit_identical_logits(name: str, images: Tensor) -> None:
    net = sample_models.load(name)
    traced = fx.symbolic_trace(net)
    for part in (images, images[:1]):
        assert torch.equal(traced(part), net(part))


@every_sample
def test_takes_images_with_and_without_a_channel(name: str, images: Tensor) -> None:
    net = sample_models.load(name)
    logits = net(images)
    assert logits.shape == (32, 10)
    assert logits.dtype == torch.float32
    assert torch.equal(logits, net(images.unsqueeze(1)))


@every_sample
def test_forward_leaves_the_images_alone(name: str, images: Tensor) -> None:
    before = images.clone()
    sample_models.load(name)(images)
    assert torch.equal(before, images)


@pytest.mark.parametrize("function", [sample_models.load, sample_models.weights_path, sample_models.card])
def test_unknown_sample_is_named_beside_the_known(function: Callable[[str], object]) -> None:
    with pytest.raises(ValueError, match=r"'lenet6'.*digits_cnn, lenet_300_100, lenet5, digits_resnet, digits_vit"):
        function("lenet6")
