"""Stability: figures of real passes, equal where nothing changed, and the sentences follow from them."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from core import stability as of
from core.loading import fingerprint
from core.recipe import Recipe, Settings
from core.stability import stability
from tests.core.test_variants import NETS, studied

HALVED = Recipe(Settings(sparsity=0.5))


def chain(scale: float, depth: int = 6) -> nn.Module:
    """Linear layers of random weights, each scaled away from the size that keeps signals as they are."""
    torch.manual_seed(0)
    net = nn.Sequential(*(part for _ in range(depth) for part in (nn.Linear(32, 32, bias=False), nn.ReLU())))
    for layer in net[::2]:
        layer.weight.data.normal_(0, scale * (2 / 32) ** 0.5)  # He et al. 2015: a scale of 1 keeps the variance
    return net[:-1]


def changed(net: nn.Module, shape: tuple[int, ...], name: str, weight: Tensor) -> of.Stability:
    """What is found where one weight is another."""
    study, applied = studied(net, shape, Recipe())
    applied.change.tensors[name] = weight
    return stability(study, applied)


@pytest.mark.parametrize("net", NETS)
def test_a_recipe_that_changes_nothing_has_ratios_of_exactly_one(net: str) -> None:
    study, applied = studied(*NETS[net], Recipe())
    found = stability(study, applied)
    ratios = found.table[["variance_ratio", "gradient_ratio", "gain_ratio"]].to_numpy()
    assert ((ratios == 1) | np.isnan(ratios)).all()
    assert (found.table["dead"] == found.table["dead_dense"]).fillna(True).all()
    assert found.images == 60


@pytest.mark.parametrize("net", NETS)
def test_nothing_is_left_behind(net: str) -> None:
    study, applied = studied(*NETS[net], HALVED)
    stability(study, applied)
    model = study.loaded.model
    assert fingerprint(model) == study.loaded.sha256
    assert not any(m._forward_hooks or m._backward_hooks or m.training for m in model.modules())
    assert all(p.grad is None and not p.requires_grad for p in model.parameters())
    assert not any(tensor.requires_grad for tensor in applied.change.tensors.values())


def test_the_figures_are_those_of_plain_passes() -> None:
    study, applied = studied(*NETS["plain"], HALVED)
    row = stability(study, applied).table.set_index("layer")
    net, x, y = study.loaded.model, study.bench.inputs.clone(), study.bench.targets
    net.requires_grad_(True)
    first = net.relu(net.norm(net.conv1(x)) + net.shift)
    kept = {"conv1": net.norm(net.conv1(x)), "conv2": net.conv2(first), "fc": net(x)}
    for name, values in kept.items():
        channels = values.detach().transpose(0, 1).flatten(1)
        assert row.loc[name, "variance_dense"] == pytest.approx(float(channels.var(1, correction=0).mean()), rel=1e-4)
    loss = functional.cross_entropy(net(x), y)
    for name in kept:
        (own,) = torch.autograd.grad(loss, net.get_parameter(f"{name}.weight"), retain_graph=True)
        assert row.loc[name, "gradient_dense"] == pytest.approx(float(own.norm()), rel=1e-4)
    second = net.conv2(first)
    logits = net.fc((first + second).flatten(1))
    back, last = torch.autograd.grad(functional.cross_entropy(logits, y), [second, logits])
    assert row.loc["conv2", "gain_dense"] == pytest.approx(float(back.norm() / last.norm()), rel=1e-4)
    assert row.loc["fc", "gain_dense"] == pytest.approx(1)


@pytest.mark.parametrize(("scale", "word"), [(8.0, "explode"), (0.1, "vanish")])
def test_a_net_whose_signals_grow_or_shrink_with_depth_is_said_to(scale: float, word: str) -> None:
    found = stability(*studied(chain(scale), (32,), Recipe()))
    for what in ("signals", "gradients"):
        for model in ("dense", "compressed"):
            assert any(note.startswith(f"{what} {word} along the {model} model") for note in found.notes)
    assert not any("neither" in note for note in found.notes)


def test_a_net_that_keeps_its_signals_is_calm() -> None:
    found = stability(*studied(chain(1.0), (32,), Recipe()))
    assert len(found.notes) == 1
    assert found.notes[0].startswith("neither signals nor gradients vanish or explode")
    assert "1/10 to 10 times" in found.notes[0]
    assert "60 images" in found.notes[0]


@pytest.mark.parametrize(("scale", "word"), [(8.0, "explode"), (1 / 8, "vanish")])
def test_a_layer_that_compression_scales_is_named(scale: float, word: str) -> None:
    net = chain(1.0)
    found = changed(net, (32,), "4.weight", net[4].weight.detach() * scale)
    row = found.table.set_index("layer")
    assert row.loc["2", "variance_ratio"] == 1
    # a chain without biases is homogeneous: all later variances scale by the square, earlier gains with the layer
    assert row.loc[["4", "6", "8", "10"], "variance_ratio"].to_numpy() == pytest.approx(scale**2, rel=1e-3)
    assert any(note.startswith(f"signals {word}, activation variance") and "'4' " in note for note in found.notes)


def test_logits_that_overflow_are_said_to_explode() -> None:
    net = chain(1.0)
    found = changed(net, (32,), "10.weight", net[10].weight.detach() * 3e38)
    assert any("no finite number" in note and "'10'" in note for note in found.notes)


@pytest.mark.parametrize("after", [nn.ReLU(), nn.ReLU(inplace=True), nn.Sigmoid(), nn.Identity()])
def test_a_row_of_zeros_is_a_dead_channel(after: nn.Module) -> None:
    net = nn.Sequential(nn.Linear(6, 5), after, nn.Linear(5, 3))
    net[0].weight.data[:] = torch.linspace(0.01, 0.1, 30).view(5, 6)  # inputs are positive: every channel is alive
    net[0].bias.data[:] = 0.1
    weight = net[0].weight.detach().clone()
    weight[3] = 0
    found = changed(net, (6,), "0.weight", weight)
    assert found.table["dead_dense"].tolist() == [0, 0]
    assert found.table["dead"].tolist() == [1, 0]
    assert any("1 of 5 in '0' (0 dense)" in note for note in found.notes)


def test_a_channel_that_relu_never_lets_through_is_dead() -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Flatten(), nn.LazyLinear(3))
    net[1].bias.data[2] = -1e4
    found = stability(*studied(net, (1, 8, 8), Recipe()))
    assert found.table["dead"].tolist()[0] >= 1
    net[2] = nn.Identity()
    assert stability(*studied(net, (1, 8, 8), Recipe())).table["dead"].tolist()[0] == 0


def test_a_weight_that_is_taken_otherwise_has_its_gradient_and_no_more() -> None:
    class Reads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.last = nn.Linear(6, 6), nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(x @ self.fc.weight.mT)

    row = stability(*studied(Reads(), (6,), HALVED)).table.set_index("layer").loc["fc"]
    assert row["gradient"] > 0
    assert row[["variance", "gain", "dead", "channels"]].isna().all()


def test_a_model_without_gradients_still_has_signals() -> None:
    class Closed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(6, 3)

        @torch.no_grad()
        def forward(self, x: Tensor) -> Tensor:
            return self.fc(x)

    row = stability(*studied(Closed(), (6,), HALVED)).table.iloc[0]
    assert row["variance"] > 0
    assert np.isnan(row["gain"])
    assert np.isnan(row["gradient"])


def test_a_loss_that_cannot_be_followed_back_is_one_sentence() -> None:
    class Overwrites(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.last = nn.Linear(6, 6), nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            y = self.fc(x).sigmoid()
            out = self.last(y)
            y.zero_()
            return out

    with pytest.raises(ValueError, match="its loss has no gradient"):
        stability(*studied(Overwrites(), (6,), HALVED))


def test_batches_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = stability(*studied(*NETS["plain"], HALVED)).table
    monkeypatch.setattr(of, "BATCH", 7)
    parts = stability(*studied(*NETS["plain"], HALVED)).table
    for column in ("variance", "gradient", "gain"):
        assert np.allclose(whole[column], parts[column], rtol=1e-4)  # sums of float32 in another order
    assert whole["dead"].equals(parts["dead"])


def test_inputs_on_grids_let_gradients_pass_straight_through() -> None:
    study, applied = studied(*NETS["plain"], Recipe(Settings(inputs_bits=8)))
    table = stability(study, applied).table
    ratios = table[["variance_ratio", "gradient_ratio", "gain_ratio"]].to_numpy()
    assert (ratios != 1).any()
    assert ((ratios > 0.8) & (ratios < 1.25)).all()  # 8 bits are close to none lost


def test_channels_that_a_shrunk_model_lacks_are_dead_ones() -> None:
    rows = Settings(sparsity=0.5, pattern="row")
    whole = stability(*studied(*NETS["plain"], Recipe(layers={"conv1": {"sparsity": 0.5, "pattern": "row"}})))
    small = stability(*studied(*NETS["plain"], Recipe(rows, shrink="remove")))
    assert small.table["dead"].tolist()[0] == whole.table["dead"].tolist()[0] == 2
