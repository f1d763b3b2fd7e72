import pytest
import torch
from torch import nn

from core import pipeline
from core.datasets import Data
from core.loading import Loaded
from core.recipe import Recipe, Settings
from core.replacing import run_with, swapped
from tests.core import zoo


class Twice(nn.Module):
    """One layer under two names, its weight under a third one, and a buffer under two."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.one = layer
        self.two = self.one
        self.tied = nn.Linear(4, 4)
        self.tied.weight = self.one.weight
        self.norm = nn.BatchNorm1d(4)
        self.again = self.norm

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.again(self.tied(self.two(torch.relu(self.norm(self.one(x))))))


def twice() -> Twice:
    torch.manual_seed(0)
    return Twice(nn.Linear(4, 4)).eval()


def replaced(model: nn.Module, weight: torch.Tensor, mean: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """By hand: the values written into the model."""
    with torch.no_grad():
        model.one.weight.copy_(weight)
        model.norm.running_mean.copy_(mean)
        return model(x)


@pytest.mark.parametrize("name", ["one", "two", "tied"])
def test_a_replaced_tensor_is_so_under_all_its_names(name):
    weight, mean, x = zoo.random(4, 4), zoo.random(4), zoo.random(5, 4)
    with torch.no_grad():
        found = run_with(twice(), {f"{name}.weight": weight, "again.running_mean": mean}, (x,))
    assert torch.equal(found, replaced(twice(), weight, mean, x))


def test_a_layer_that_goes_by_two_names_keeps_its_weight():
    model, x = twice(), zoo.random(5, 4)
    parameter, before = model.one.weight, model(x)
    run_with(model, {"one.weight": zoo.random(4, 4), "norm.running_var": torch.full((4,), 9.0)}, (x,))
    assert model.one.weight is model.two.weight is model.tied.weight is parameter
    assert torch.equal(model(x), before)


@pytest.mark.parametrize("convolution", [True, False])
def test_the_dense_accuracy_of_a_layer_under_two_names_is_the_models_own(convolution):
    layer = nn.Conv1d(4, 4, 1) if convolution else nn.Linear(4, 4)
    model = nn.Sequential(layer, nn.ReLU(), layer, nn.Flatten()).eval()
    x = zoo.random(300, *((4, 1) if convolution else (4,)))
    y = model(x).argmax(1)
    data = Data("own", x.numpy(), y.numpy())
    study = pipeline.study(Loaded("own", model, "", ""), data, Recipe())
    tally = pipeline.measure(study, pipeline.apply(study, Recipe(Settings(sparsity=0.9))))
    assert tally.correct + tally.lost - tally.gained == tally.images  # dense answers are all right: they are the labels
    assert tally.correct < tally.images


def test_a_module_is_swapped_in_a_twin_and_the_model_stays_as_it_was():
    model = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), nn.Linear(2, 2))
    inside, kept = model[0][0], model[0][1]
    other = nn.Linear(2, 2)
    twin = swapped(model, {"0.0": other})
    assert (twin[0][0], twin[0][1], twin[1]) == (other, kept, model[1])
    assert model[0][0] is inside
    x = torch.randn(3, 2)
    assert torch.equal(twin(x), model[1](kept(other(x))))
