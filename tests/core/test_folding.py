import re

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize, prune

from core.folding import plain
from core.layer import layers
from tests.core import zoo


def old_weight_norm(module: nn.Module) -> nn.Module:
    with pytest.warns(FutureWarning):
        return nn.utils.weight_norm(module)


def pruned(module: nn.Module) -> nn.Module:
    prune.l1_unstructured(module, "weight", 0.5)
    return module


COMPUTED = {
    "weight norm": parametrizations.weight_norm,
    "old weight norm": old_weight_norm,
    "spectral norm": parametrizations.spectral_norm,
    "old spectral norm": nn.utils.spectral_norm,
    "orthogonal": parametrizations.orthogonal,
    "pruning mask": pruned,
}


@pytest.mark.parametrize("name", COMPUTED)
def test_a_computed_weight_becomes_a_plain_one_of_the_same_answers(name):
    torch.manual_seed(0)
    model = nn.Sequential(COMPUTED[name](nn.Linear(6, 5)), nn.ReLU(), nn.Linear(5, 3)).eval()
    x = zoo.random(4, 6)
    with torch.no_grad():
        expected = model(x)
    assert [layer.name for layer in layers(model)] == ["2"]
    (said,) = plain(model)
    assert re.fullmatch("0.weight: its [a-z ]+ is folded into a plain weight", said)
    assert [layer.name for layer in layers(model)] == ["0", "2"]
    assert torch.equal(model(x), expected)


def test_a_computed_weight_of_a_recurrent_layer_is_folded_too():
    with pytest.warns(FutureWarning):
        model = nn.utils.weight_norm(nn.LSTM(4, 3), "weight_hh_l0").eval()
    assert [layer.parameter for layer in layers(model)] == ["weight_ih_l0"]
    assert plain(model) == ("weight_hh_l0: its weight norm is folded into a plain weight",)
    assert {layer.parameter for layer in layers(model)} == {"weight_ih_l0", "weight_hh_l0"}


def test_a_plain_model_stays_as_it_is():
    model = zoo.net()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert plain(model) == ()
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_half_precision_is_taken_as_float32_of_the_same_values(kind):
    model = nn.Linear(6, 5).to(kind)
    before = model.weight.detach().clone()
    (said,) = plain(model)
    assert str(kind).removeprefix("torch.") in said
    assert model.weight.dtype == torch.float32
    assert torch.equal(model.weight.to(kind), before)


def test_a_parametrization_that_cannot_be_folded_is_named():
    class Broken(nn.Module):
        calls = 0

        def forward(self, weight: Tensor) -> Tensor:
            Broken.calls += 1
            if Broken.calls > 1:
                raise RuntimeError("not twice")
            return weight

    model = nn.Sequential(nn.Linear(3, 3))
    parametrize.register_parametrization(model[0], "weight", Broken())
    with pytest.raises(ValueError, match="model: 0.weight is computed by a parametrization, which cannot be folded"):
        plain(model)
