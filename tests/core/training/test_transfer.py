from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from core import runs, training
from core.compress import weights
from core.layer import layers
from core.loading import Data
from core.recipe import Recipe, Settings
from core.training import WAYS, Move, Options
from core.training.transfer import _apart, head
from tests.core import zoo
from tests.core.training import small

FEW = Options(steps=8, batch=32, looks=2, rounds=3)
PRUNED = Recipe(Settings(sparsity=0.6))


def move(classes: int = 2) -> Move:
    loaded = small.loaded()
    x = zoo.random(200, 1, 8, 8, seed=9)
    labels = (x.mean((1, 2, 3)) > 0).long() if classes == 2 else torch.arange(200) % classes
    return Move(loaded, small.data(loaded.model), Data("new", x.numpy(), labels.numpy()), PRUNED, FEW)


def test_a_new_head_has_an_output_for_each_class_and_the_trunk_is_the_old_one():
    given = move(classes=5)
    before = {name: tensor.clone() for name, tensor in given.loaded.model.state_dict().items()}
    made = training.retargeted(given.loaded, given.new)
    assert made.model(torch.from_numpy(given.new.inputs[:3])).shape == (3, 5)
    for name, tensor in made.model.state_dict().items():
        assert name.startswith("fc.") or torch.equal(tensor, before[name])
    assert all(torch.equal(tensor, before[name]) for name, tensor in given.loaded.model.state_dict().items())
    assert made.sha256 != given.loaded.sha256


def test_the_same_seed_gives_the_same_head():
    given = move()
    one, two, other = (training.retargeted(given.loaded, given.new, seed) for seed in (4, 4, 5))
    assert one.sha256 == two.sha256 != other.sha256


def test_a_model_without_a_linear_head_is_refused():
    model = nn.Sequential(nn.Conv2d(1, 3, 8), nn.Flatten()).eval().requires_grad_(False)
    with pytest.raises(ValueError, match="its last layer is no Linear one"):
        head(model, zoo.random(1, 1, 8, 8))


def test_every_way_arrives_at_the_same_sparsity_on_the_same_images():
    given = move()
    found = {arrival.way: arrival for arrival in training.arrivals(given)}
    assert list(found) == list(WAYS)
    assert found.pop("dense, transfer").sparsity == 0
    sizes = {layer.name: layer.matrix.numel() for layer in layers(given.loaded.model)}
    sizes["fc"] = 2 * 256
    expected = sum(round(0.6 * size) for name, size in sizes.items() if name != "fc") / sum(sizes.values())
    images = {arrival.task.study.bench.inputs.numpy().tobytes() for arrival in found.values()}
    assert len(images) == 1
    for arrival in found.values():
        assert arrival.sparsity == pytest.approx(expected)
        assert 0 <= arrival.accuracy <= 1


def test_ways_are_kept_as_runs_without_figures_of_a_model_that_has_not_learned_the_task(tmp_path):
    given, store = move(), runs.open_store(tmp_path / "runs.sqlite")
    ways = list(training.arrivals(given))
    numbers = [training.keep_moved(store, (way.task, way.outcome), way.way, given.new) for way in ways]
    kept = [runs.one(store, number) for number in numbers]
    assert len(set(numbers)) == len(WAYS)
    for run, way in zip(kept, ways, strict=True):
        assert (run.kind, run.name, run.subject.data) == ("transferred", way.way, "new")
        assert (run.report["accuracy"], run.report["bytes"]) == (way.accuracy, way.bytes)
        assert not {"drop", "accuracy_dense", "loss_dense"} & run.report.keys()
    images = runs.pair(store, kept[0], kept[-1]).images
    assert len(images) == len(ways[0].task.study.bench.targets)
    again = [training.keep_moved(store, (way.task, way.outcome), way.way, given.new) for way in ways]
    assert again == numbers
    with pytest.raises(ValueError, match="keeps no trained weights"):
        runs.origin(store, numbers[0])


def test_masks_of_the_old_task_are_held_on_the_new_one():
    given = move()
    once = replace(FEW, rounds=1)
    recipe = Recipe(Settings(sparsity=0.6), {"fc": {"sparsity": 0.0}})
    task = training.task(given.loaded, given.old, recipe, once)
    kept = training.Kept()
    list(training.recover(task, once, kept))
    old = {name: form.mask for name, form in kept.best[0].encoded.items() if name != "fc"}
    (arrival,) = (each for each in training.arrivals(replace(given, options=once)) if each.way == "prune, transfer")
    new = arrival.outcome.encoded
    assert all(torch.equal(new[name].mask, mask) for name, mask in old.items())


def test_a_carried_network_is_what_was_learned():
    given = move()
    once = replace(FEW, rounds=1)
    task = training.task(given.loaded, given.old, given.recipe, once)
    kept = training.Kept()
    list(training.recover(task, once, kept))
    made = training.carried(given.loaded, kept.best[0]).model.state_dict()
    for name, tensor in weights(task.study.known, kept.best[0].encoded).items():
        assert torch.equal(made[name], tensor)


def test_no_image_of_the_new_task_is_learned_from_on_the_old_one():
    x = np.arange(20, dtype=np.float32)[:, None]
    old, new = Data("old", x, np.arange(20)), Data("new", x[3:9], np.arange(6))
    assert _apart(old, new).targets.tolist() == [0, 1, 2, *range(9, 20)]
