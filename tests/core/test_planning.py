import pytest
import torch
from torch import nn

from core import encoding
from core.compress import compress, layers
from core.planning import PLANNERS
from tests.core import zoo


def removed(known, recipe) -> int:
    return sum(map(encoding.removed_values, compress(known, recipe).values()))


@pytest.mark.parametrize("planner", PLANNERS)
def test_an_empty_goal_is_the_identity(planner):
    recipe = PLANNERS[planner](layers(zoo.net()), {})
    assert not any(recipe.settings(name).prunes for name in ("conv1", "conv2", "fc"))


@pytest.mark.parametrize("sparsity", [0.001, 0.1, 0.5, 0.77, 0.9, 0.999])
def test_global_magnitude_removes_the_smallest_of_all_layers(sparsity):
    known = layers(zoo.net())
    recipe = PLANNERS["global_magnitude"](known, {"sparsity": sparsity})
    sizes = torch.cat([layer.matrix.abs().flatten() for layer in known])
    assert removed(known, recipe) == round(sparsity * len(sizes))
    threshold = sizes.sort().values[round(sparsity * len(sizes))]
    assert recipe.default.threshold == float(threshold)


def test_the_strict_count_is_that_of_the_papers():
    known = layers(zoo.net())
    n = sum(layer.matrix.numel() for layer in known)
    recipe = PLANNERS["global_magnitude"](known, {"sparsity": 0.5, "count": "strict"})
    assert removed(known, recipe) == n - -(-n // 2) + 1


@pytest.mark.parametrize("sparsity", [0.1, 0.5, 0.9, 0.999])
def test_tied_weights_still_give_the_exact_count(sparsity):
    model = nn.Sequential(nn.Linear(10, 10), nn.Linear(10, 5)).requires_grad_(False)
    for part in model:
        part.weight.fill_(0.5)
    known = layers(model)
    recipe = PLANNERS["global_magnitude"](known, {"sparsity": sparsity})
    assert removed(known, recipe) == round(sparsity * 150)


def test_other_settings_travel_along():
    recipe = PLANNERS["global_magnitude"](layers(zoo.net()), {"sparsity": 0.5, "bits": 4, "group": "tensor"})
    assert (recipe.default.bits, recipe.default.group) == (4, "tensor")


@pytest.mark.parametrize(
    ("goal", "said"),
    [
        ({"count": "most"}, "count is 'most'"),
        ({"threshold": 0.1}, "threshold is 0.1"),
        ({"spread": 1}, "unknown key 'spread'"),
    ],
)
def test_a_goal_it_does_not_know_is_refused(goal, said):
    with pytest.raises(ValueError, match=said):
        PLANNERS["global_magnitude"](layers(zoo.net()), goal)


def test_weights_that_are_not_finite_name_their_layer():
    model = zoo.net()
    model.fc.weight[0, 0] = float("nan")
    with pytest.raises(ValueError, match="layer 'fc'"):
        PLANNERS["global_magnitude"](layers(model), {"sparsity": 0.5})
