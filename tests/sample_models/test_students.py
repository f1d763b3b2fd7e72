"""Smaller networks of the samples' kinds."""

import pytest
import torch

import sample_models
from core.loading import load_model
from sample_models import SAMPLES

DEEP = ("digits_resnet", "digits_vit")
NAMES = [
    *(f"{name}@0.5" for name in SAMPLES),
    *(f"{name}@0.5x0.5" for name in DEEP),
    "digits_vit@1x0.25",
    "lenet5@0.01",
]


def count(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_a_student_is_smaller_answers_in_as_many_classes_and_is_the_same_twice(name: str) -> None:
    before = torch.random.get_rng_state()
    loaded, again = load_model(name), load_model(name)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert loaded.sha256 == again.sha256
    assert loaded.data == "digits"
    assert loaded.model(torch.zeros(2, 28, 28)).shape == (2, 10)
    assert count(loaded.model) < count(sample_models.load(sample_models.sample_of(name)))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_whole_width_and_depth_are_the_sample_itself(name: str) -> None:
    made, own = sample_models.student(f"{name}@1"), sample_models.load(name)
    assert {n: t.shape for n, t in made.state_dict().items()} == {n: t.shape for n, t in own.state_dict().items()}


def test_what_cannot_be_had_is_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"^width is 2.0, expected a factor in \(0, 1\]"):
        sample_models.student_name("lenet5", 2.0)
    with pytest.raises(ValueError, match=r"^depth is 0.5, but 'lenet5' has no blocks to leave out"):
        sample_models.student_name("lenet5", 1.0, 0.5)
    with pytest.raises(ValueError, match=r"^model 'mine' is no sample"):
        sample_models.student_name("mine", 0.5)
    with pytest.raises(ValueError, match=r"^model 'mine@0.5' is no sample, file or module:factory"):
        load_model("mine@0.5")
    with pytest.raises(ValueError, match=r"^width is 0.0, expected a factor"):
        load_model("lenet5@0.0")


def test_a_name_says_the_factors() -> None:
    assert sample_models.student_name("digits_vit", 0.5, 0.25) == "digits_vit@0.5x0.25"
    assert sample_models.student_name("lenet5", 0.5) == "lenet5@0.5"
    assert sample_models.sample_of("lenet5@0.5") == "lenet5"
    assert sample_models.sample_of("lenet5") is None
