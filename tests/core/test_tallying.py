"""Batches counted together give what they give one by one."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core import tallying, tracing
from core.compress import compress, weights
from core.evaluation import BATCH, Bench, Change, bench, tallies
from core.layer import layers
from core.recipe import Recipe, Settings
from core.tallying import tallied
from tests.core import zoo

INPUTS = zoo.random(3 * BATCH + 30, 1, 8, 8).numpy()
TARGETS = np.random.default_rng(0).integers(0, 3, len(INPUTS))
NUMBERS = np.random.default_rng(0).normal(size=(len(INPUTS), 3)).astype(np.float32)


class Twice(nn.Module):
    """A sum of two paths before its last layer."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.fc = nn.Linear(64, 16), nn.Linear(16, 16), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.one(x.flatten(1)).relu()
        return self.fc(x + self.two(x))


def sequential(*modules: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Flatten(), *modules)


def model_of(make) -> nn.Module:
    torch.manual_seed(0)
    return make().eval().requires_grad_(False)


MODELS = {  # and the name of the step from which batches run as one
    "convolutions": (zoo.net, "output"),
    "perceptron": (
        lambda: sequential(nn.Linear(64, 16), nn.ReLU(inplace=True), nn.Linear(16, 9), nn.ReLU(), nn.Linear(9, 3)),
        "_2",
    ),
    "one layer": (lambda: sequential(nn.Linear(64, 3)), "output"),
    "shares": (lambda: sequential(nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(1)), "output"),
    "norm between": (lambda: sequential(nn.Linear(64, 8), nn.LayerNorm(8), nn.Linear(8, 8), nn.Linear(8, 3)), "_4"),
    "two paths": (Twice, "output"),
}


def changes(model: nn.Module) -> list[Change]:
    known = layers(model)
    recipes = [Recipe(), *(Recipe(layers={layer.name: {"bits": bits}}) for layer in known for bits in (1, 3))]
    recipes += [Recipe(Settings(sparsity=0.5)), Recipe()]
    names = {layer.parameter: layer.name for layer in known}
    found = []
    for recipe in recipes:
        changed = weights(known, compress(known, recipe))
        found.append(Change(changed, {name: recipe.settings(names[name]) for name in changed}))
    return found


def one_by_one(one: Bench, change: Change, images: int):
    return next(tally for tally in tallies(one, change) if tally.images >= min(images, len(one.targets)))


@pytest.mark.parametrize("kind", MODELS)
def test_batches_run_as_one_behind_the_last_wide_layer(kind):
    make, step = MODELS[kind]
    one = bench(model_of(make), INPUTS, TARGETS)
    assert one.steps.nodes[one.steps.joins].name == step


@pytest.mark.parametrize("targets", [TARGETS, NUMBERS])
@pytest.mark.parametrize("kind", MODELS)
def test_together_they_come_to_what_they_come_to_one_by_one(kind, targets):
    model = model_of(MODELS[kind][0])
    one, other = (bench(model, INPUTS, targets) for _ in range(2))
    for change in changes(model):
        for images in (1, BATCH, 2 * BATCH + 1, 10**6):
            found, wanted = tallied(one, change, images), one_by_one(other, change, images)
            assert found[:4] == wanted[:4]
            assert found.divergence == pytest.approx(wanted.divergence, rel=1e-4, abs=1e-5)
            for mine, theirs in zip(found.pairs, wanted.pairs, strict=True):
                assert mine[1:] == pytest.approx(theirs[1:])


@pytest.mark.parametrize("numbers", [1, 2000, 2**24])
def test_few_numbers_meet_at_a_time_where_memory_is_short(monkeypatch, numbers):
    monkeypatch.setattr(tallying, "NUMBERS", numbers)
    model = model_of(MODELS["perceptron"][0])
    one, other = (bench(model, INPUTS, TARGETS) for _ in range(2))
    for change in changes(model):
        assert tallied(one, change, 350)[:4] == one_by_one(other, change, 350)[:4]


def test_small_layers_run_once_for_all_batches(monkeypatch):
    model = model_of(MODELS["perceptron"][0])
    one = bench(model, INPUTS, TARGETS)
    rows = []
    linear = tracing.linear

    def noted(x: Tensor, *rest: object) -> Tensor:
        rows.append((x.shape[1], len(x)))
        return linear(x, *rest)

    monkeypatch.setattr(tracing, "linear", noted)
    tallied(one, changes(model)[1], len(INPUTS))
    first = [(64, BATCH)] * 3 + [(64, 30)]
    assert [row for row in rows if row[1] > BATCH or row[0] == 64][: len(first)] == first
    assert [row for row in rows if row[1] > BATCH] == [(16, len(INPUTS)), (9, len(INPUTS))]


def test_how_sure_the_model_is_is_left_out_where_answers_alone_are_counted():
    model = model_of(zoo.net)
    change = changes(model)[1]
    assert tallied(bench(model, INPUTS, TARGETS), change, 100).sure is None
    assert next(tallies(bench(model, INPUTS, TARGETS), change)).sure is not None
