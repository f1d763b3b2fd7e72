import copy
from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from core import compress, pipeline, sensitivity
from core.evaluation import Change, tallies
from core.layer import Layer
from core.loading import Data, Loaded
from core.recipe import Recipe, Settings
from core.statistics import Tally
from tests.core.zoo import net

DENSE = Recipe()
SUMMED = 1e-4  # relative: small differences of float32 logarithms, added up in another order
LADDERS = {
    "sparsity": ({"sparsity": 0.3}, {"sparsity": 0.9}),
    "bits": ({"bits": 8}, {"bits": 1}),
    "rank": ({"rank": 0.5},),
}


def study(recipe: Recipe = DENSE, seed: int = 0) -> pipeline.Study:
    """The small network on noise, labelled by its own answers but for every seventh image."""
    model = net(seed)
    images = np.random.default_rng(seed).normal(size=(600, 1, 8, 8)).astype(np.float32)
    with torch.no_grad():
        labels = model(torch.from_numpy(images)).argmax(1).numpy()
    labels[::7] = (labels[::7] + 1) % 3
    return pipeline.study(Loaded("net", model, "0" * 64, ""), Data("noise", images, labels), recipe)


def rows(given: pipeline.Study, base: Settings = DENSE.default, images: int = 200) -> list[dict[str, object]]:
    return list(sensitivity.sensitivity(given, base, LADDERS, images))


def test_every_layer_is_measured_at_every_setting():
    given = study()
    found = [(row["layer"], row["technique"], row["setting"]) for row in rows(given)]
    steps = [(technique, float(c[technique])) for technique, changes in LADDERS.items() for c in changes]
    assert found == [(layer.name, *step) for layer in given.known for step in steps]


def test_the_figures_are_those_of_a_fresh_measurement_of_the_whole_model():
    for row in rows(study()):
        given = study()
        recipe = Recipe(layers={row["layer"]: sensitivity.differing(row["settings"])})
        changed = compress.weights(given.known, pipeline.encoded_by(given, recipe))
        measured = tallies(given.bench, Change(changed, dict.fromkeys(changed, recipe)))
        tally = next(tally for tally in measured if tally.images == 200)
        assert row["accuracy"] == tally.correct / 200
        assert row["divergence"] == pytest.approx(tally.divergence / 200, rel=SUMMED)


def test_the_model_is_untouched():
    given = study()
    before = copy.deepcopy(given.loaded.model.state_dict())
    rows(given)
    assert all(torch.equal(before[name], tensor) for name, tensor in given.loaded.model.state_dict().items())


def test_a_cell_that_cannot_be_had_gives_its_reason_and_the_others_go_on():
    given = study()
    given.loaded.model.conv2.weight[0, 0, 0, 0] = torch.nan
    found = rows(replace(given, known=pipeline.layers(given.loaded.model)))
    assert {row["layer"] for row in found if row["note"]} == {"conv2"}
    assert all("NaN" in row["note"] for row in found if row["note"])
    table = sensitivity.table(found)
    assert len(table) == len(found)
    assert table["drop"].isna().sum() == sum(bool(row["note"]) for row in found)


def test_a_calibrated_base_needs_the_study_that_calibrates_says():
    base = Settings(criterion="wanda")
    given = study(sensitivity.calibrates(base, LADDERS))
    assert given.seen is not None
    assert not any(row["note"] for row in rows(given, base))
    assert study(sensitivity.calibrates(Settings(), LADDERS)).seen is None


def test_a_rank_of_one_cannot_be_lowered_and_says_so():
    model = nn.Sequential(OrderedDict(flat=nn.Flatten(), thin=nn.Linear(4, 1), out=nn.Linear(1, 3)))
    data = Data("noise", np.random.default_rng(0).normal(size=(120, 4)).astype(np.float32), np.zeros(120, np.int64))
    study = pipeline.study(Loaded("thin", model.eval(), "", ""), data, Recipe())
    rows = list(sensitivity.sensitivity(study, Settings(), {"rank": [{"rank": 0.5}], "bits": [{"bits": 8}]}, 100))
    assert [row["note"] for row in rows] == [
        "layer 'thin': its rank stays: it is 1 already",
        "",
        "layer 'out': its rank stays: it is 1 already",
        "",
    ]
    assert list(sensitivity.breaking(rows)["technique"]) == ["bits", "bits"]


def test_the_layer_that_breaks_first_comes_first():
    found = [
        {"layer": layer, "technique": "bits", "setting": bits, "drop": drop}
        for layer, drops in {"late": (0, 0, 3), "never": (0, 0.5, 1), "early": (0, 2, 0)}.items()
        for bits, drop in zip((4, 3, 2), drops, strict=True)
    ]
    table = sensitivity.breaking(found)
    assert list(table["layer"]) == ["early", "late", "never"]
    assert list(table["setting"])[:2] == [3, 2]
    assert np.isnan(table["setting"][2])


def test_two_shares_that_keep_the_same_rank_are_measured_once(monkeypatch):
    measured, alone = [], sensitivity.alone

    def noted(study: pipeline.Study, layer: Layer, settings: Settings, wanted: tuple) -> Tally:
        measured.append((layer.name, settings.rank))
        return alone(study, layer, settings, wanted)

    monkeypatch.setattr(sensitivity, "alone", noted)
    given = study()
    found = list(sensitivity.sensitivity(given, Settings(), {"rank": ({"rank": 0.02}, {"rank": 0.01}, {"rank": 0.9})}))
    names = [layer.name for layer in given.known]
    assert measured == [(name, share) for name in names for share in (0.02, 0.9)]
    for one, other in zip(found[::3], found[1::3], strict=True):
        assert one["accuracy"] == other["accuracy"]


def test_a_low_rank_layer_runs_as_thin_ones_to_the_same_figures():
    given = study()
    for row in sensitivity.sensitivity(given, Settings(), {"rank": ({"rank": 0.2},)}, 200):
        layer = next(layer for layer in given.known if layer.name == row["layer"])
        encoded = compress.encode(layer, row["settings"])
        tensors = compress.weights((layer,), {layer.name: encoded})
        measured = tallies(study().bench, Change(tensors, dict.fromkeys(tensors, "whole")))
        tally = next(tally for tally in measured if tally.images == 200)
        assert row["accuracy"] == tally.correct / 200
        assert row["divergence"] == pytest.approx(tally.divergence / 200, rel=SUMMED)
