import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import sample_models
from core.compress import compress, run, weights
from core.layer import layers
from core.loading import fingerprint
from core.recipe import Recipe, Settings
from core.shrinking import UNTOLD, Shrunk, shrunk
from tests.core import wired, zoo

X = zoo.random(4, 1, 8, 8, seed=5)
every_net = pytest.mark.parametrize("name", wired.NETS)
LAYERS = (nn.Linear, nn.Conv2d)


def without(model: nn.Module, rows: dict[str, list[int]]) -> dict[str, Tensor]:
    """The weights of the named layers with these rows zeroed."""
    changed = {}
    for name, gone in rows.items():
        weight = model.get_submodule(name).weight.clone()
        weight[gone] = 0
        changed[f"{name}.weight"] = weight
    return changed


def holes(model: nn.Module, seed: int, share: float) -> dict[str, Tensor]:
    """Every weight with a share of its rows and columns zeroed at random."""
    torch.manual_seed(seed)
    changed = {}
    for name, module in model.named_modules():
        if isinstance(module, LAYERS):
            rows, columns = (torch.rand(size) > share for size in module.weight.shape[:2])
            keep = (rows[:, None] & columns[None]).view(*module.weight.shape[:2], *[1] * (module.weight.dim() - 2))
            changed[f"{name}.weight"] = module.weight * keep
    return changed


def apart(model: nn.Module, changed: dict[str, Tensor], small: Shrunk, x: Tensor) -> float:
    """The largest difference of the outputs, relative to the largest output."""
    expected = run(model, changed, x)
    return float((small.module(x) - expected).abs().max() / expected.abs().max())


def flops(model: nn.Module, x: Tensor) -> int:
    with FlopCounterMode(display=False) as counter:
        model(x)
    return counter.get_total_flops()


@every_net
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), share=st.sampled_from([0.2, 0.5, 0.8, 1.0]))
def test_a_smaller_model_gives_the_outputs_of_the_masked_one(name, seed, share):
    model = wired.made(name, seed)
    changed = holes(model, seed, share)
    small = shrunk(model, changed, X[:2])
    assert apart(model, changed, small, X) < 1e-5  # float32 sums in another order


@pytest.mark.parametrize("name", wired.SMALLER)
def test_fewer_operations_are_left_to_do(name):
    model = wired.made(name)
    small = shrunk(model, holes(model, 1, 0.5), X[:2])
    assert flops(small.module, X) < flops(model, X)
    assert sum(p.numel() for p in small.module.parameters()) < sum(p.numel() for p in model.parameters())


@every_net
def test_the_model_and_the_weights_stay_as_they_were(name):
    model = wired.made(name)
    changed = holes(model, 1, 0.5)
    before, copies = fingerprint(model), {key: tensor.clone() for key, tensor in changed.items()}
    small = shrunk(model, changed, X[:2])
    for parameter in small.module.parameters():
        parameter.add_(1.0)
    assert fingerprint(model) == before
    assert all(torch.equal(tensor, changed[key]) for key, tensor in copies.items())


@every_net
def test_where_nothing_is_removed_every_shape_stays(name):
    model = wired.made(name)
    small = shrunk(model, {}, X[:2])
    assert not small.outputs
    assert not small.inputs
    assert not small.folded
    assert sorted(p.shape for p in small.module.parameters()) == sorted(p.shape for p in model.parameters())
    assert torch.equal(small.module(X), model(X))


@pytest.mark.parametrize("name", wired.SMALLER)
def test_what_has_shrunk_shrinks_no_further(name):
    model = wired.made(name)
    changed = holes(model, 3, 0.4)
    small = shrunk(model, changed, X[:2])
    for layer, stays in small.outputs.items():
        changed[f"{layer}.weight"] = changed[f"{layer}.weight"].clone()
        changed[f"{layer}.weight"][torch.from_numpy(~stays)] = 0
    for layer, stays in small.inputs.items():
        if model.get_submodule(layer).weight.shape[1] == len(stays):
            changed[f"{layer}.weight"] = changed[f"{layer}.weight"].clone()
            changed[f"{layer}.weight"][:, torch.from_numpy(~stays)] = 0
    again = shrunk(model, changed | dict(small.folded), X[:2])
    assert {k: v.tolist() for k, v in again.outputs.items()} == {k: v.tolist() for k, v in small.outputs.items()}
    assert {k: v.tolist() for k, v in again.inputs.items()} == {k: v.tolist() for k, v in small.inputs.items()}
    assert not again.folded


@pytest.mark.parametrize("name", sample_models.SAMPLES)
def test_every_sample_shrinks_by_its_removed_rows(name):
    model = sample_models.load(name)
    known = layers(model)
    recipe = Recipe(Settings(sparsity=0.5, pattern="row"), {known[-1].name: {"sparsity": 0.0}})
    changed = weights(known, compress(known, recipe))
    x = zoo.random(6, 28, 28)
    small = shrunk(model, changed, x[:2])
    assert apart(model, changed, small, x) < 1e-5
    assert flops(small.module, x) < flops(model, x)


def test_removed_units_go_with_the_columns_that_read_them():
    model = wired.made("perceptron")
    small = shrunk(model, without(model, {"1": [0, 3, 4], "3": [8]}), X[:2])
    first, second, last = (small.module.get_submodule(name) for name in ("1", "3", "5"))
    assert [first.weight.shape, second.weight.shape, last.weight.shape] == [(9, 64), (8, 9), (3, 8)]
    assert torch.equal(first.weight, model.get_submodule("1").weight[[1, 2, 5, 6, 7, 8, 9, 10, 11]])
    assert not small.stayed


def test_what_nobody_reads_goes_and_what_only_it_read_goes_after():
    model = wired.made("perceptron")
    middle, last = model.get_submodule("3").weight.clone(), model.get_submodule("5").weight.clone()
    last[:, 2] = 0
    middle[[i for i in range(9) if i != 2], 7] = 0  # unit 7 is read by unit 2 alone
    small = shrunk(model, {"3.weight": middle, "5.weight": last}, X[:2])
    assert (~small.outputs["3"]).nonzero()[0].tolist() == [2]
    assert (~small.outputs["1"]).nonzero()[0].tolist() == [7]


def test_a_channel_of_a_sum_goes_when_every_summand_has_lost_it():
    model = wired.made("Residual")
    small = shrunk(model, without(model, {"stem": [0, 1, 2], "two": [1, 2, 3]}), X[:2])
    assert (~small.outputs["stem"]).nonzero()[0].tolist() == [1, 2] == (~small.outputs["two"]).nonzero()[0].tolist()
    assert small.module.get_submodule("fc").in_features == 4 * 64
    assert any(sentence.startswith("1 channel of stem stays: ") for sentence in small.stayed)
    assert any(sentence.startswith("1 channel of two stays: ") for sentence in small.stayed)


def test_concatenated_channels_go_from_where_they_lie():
    model = wired.made("Dense")
    model.get_submodule("one").bias.fill_(-1.0)  # relu leaves 0
    small = shrunk(model, without(model, {"one": [2], "two": [0, 5]}), X[:2])
    assert (~small.inputs["two"]).nonzero()[0].tolist() == [3]
    assert (~small.inputs["mix"]).nonzero()[0].tolist() == [3, 5, 10]


def test_the_hidden_units_of_a_transformer_shrink_and_its_stream_stays():
    model = wired.made("Block")
    small = shrunk(model, holes(model, 0, 0.5), X[:2])
    assert set(small.outputs) == {"fc1"}
    assert any("LayerNorm 'norm1'" in sentence for sentence in small.stayed)


def test_a_constant_at_a_padded_border_stays_unless_it_is_zero():
    model = wired.made("padded")
    model.get_submodule("0").bias[:] = torch.tensor([0.5, -0.5, 0.5, 0.5, -0.5, 0.0])
    small = shrunk(model, without(model, {"0": [0, 1, 2, 5]}), X[:2])
    assert (~small.outputs["0"]).nonzero()[0].tolist() == [1, 5]
    assert small.stayed == ("2 channels of 0 stay: a constant left behind reaches the padding of 2",)


def test_a_layer_keeps_one_channel():
    model = wired.made("perceptron")
    changed = without(model, {"1": list(range(12))})
    small = shrunk(model, changed, X[:2])
    assert small.outputs["1"].sum() == 1
    assert apart(model, changed, small, X) < 1e-6


@pytest.mark.parametrize(
    ("name", "layer", "why"),
    [
        ("Grouped", "one", "Conv2d 'two'"),
        ("Grouped", "two", "its 2 groups must keep equal sizes"),
        ("Twice", "again", "it is called more than once"),
        ("Overwritten", "one", "ReLU 'relu' writes into what others read"),
        ("perceptron", "5", "part of the model's outputs"),
    ],
)
def test_a_layer_that_stays_says_why(name, layer, why):
    model = wired.made(name)
    small = shrunk(model, without(model, {layer: [0, 2]}), X[:2])
    assert len(small.stayed) == 1
    assert small.stayed[0].startswith(f"2 channels of {layer} stay: ")
    assert why in small.stayed[0]


def test_a_model_that_cannot_be_traced_stays_whole():
    model = wired.made("Branching")
    changed = without(model, {"one": [0]})
    small = shrunk(model, changed, X[:2])
    assert small.stayed == (UNTOLD,)
    assert torch.equal(small.module(X), run(model, changed, X))
