"""The commands that say what else a compressed model does: latency, stability, compare."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from core import pipeline, promises
from core.__main__ import main
from core.compress import run
from core.loading import load_data, load_model
from core.recipe import from_json
from core.variants import VARIANTS
from tests.core.test_main import MODEL, ON, refused


def written(folder: Path, *goal: str, **more: str) -> Path:
    """A folder that `apply` wrote for a uniform goal."""
    recipe = folder.with_suffix(".json")
    assert main(["plan", *MODEL, "--planner", "uniform", *goal, "-o", str(recipe)]) == 0
    recipe.write_text(json.dumps(json.loads(recipe.read_text()) | more))
    assert main(["apply", *ON, "--recipe", str(recipe), "-o", str(folder)]) == 0
    return folder


def printed(capsys, *arguments: str) -> str:
    capsys.readouterr()
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def predicted(folder: Path, left_out: int = 0) -> np.ndarray:
    """What the model of a folder answers, without the memos and the resuming of a bench."""
    loaded, data = load_model(MODEL[1]), load_data(ON[3])
    _, recipe, weights = promises.read(folder, loaded)
    study = pipeline.study(loaded, data, recipe)
    change = pipeline.written_applied(study, folder, recipe, weights).change
    return run(loaded.model, change.tensors, torch.from_numpy(data.inputs[left_out:])).argmax(1).numpy()


def test_compare_of_one_folder_is_with_the_dense_model(capsys, tmp_path):
    folder = written(tmp_path / "a", "bits=2")
    found = json.loads(printed(capsys, "compare", str(folder), *ON, "--json"))
    report = json.loads((folder / "report.json").read_text())
    assert (found["accuracy_before"], found["accuracy_after"]) == (report["accuracy_dense"], report["accuracy"])
    assert found["drop_ci95"] == pytest.approx(report["drop_ci95"])
    assert found["calibration_error_after"] == pytest.approx(report["calibration_error"], abs=2 / 600)
    answers, labels = predicted(folder), load_data(ON[3]).targets
    assert [row["image"] for row in found["flips"]] == np.flatnonzero(answers != labels).tolist()  # dense is all right
    text = printed(capsys, "compare", str(folder), *ON)
    assert f"{found['lost']} lost, {found['gained']} gained" in text


def test_compare_rounds_inputs_as_the_report_did(capsys, tmp_path):
    folder = written(tmp_path / "a", "inputs_bits=2")
    report = json.loads((folder / "report.json").read_text())
    found = json.loads(printed(capsys, "compare", str(folder), *ON, "--json"))
    assert report["accuracy"] < 1
    assert (found["images"], found["accuracy_after"]) == (report["images"], report["accuracy"])


def test_compare_of_a_shrunk_model_is_that_of_its_report(capsys, tmp_path):
    folder = written(tmp_path / "a", "sparsity=0.4", "pattern=row", shrink="remove")
    report = json.loads((folder / "report.json").read_text())
    found = json.loads(printed(capsys, "compare", str(folder), *ON, "--json"))
    assert found["accuracy_after"] == report["accuracy"] < 1


def test_compare_of_two_folders(capsys, tmp_path):
    one, other = written(tmp_path / "a", "bits=2"), written(tmp_path / "b", "sparsity=0.6")
    found = json.loads(printed(capsys, "compare", str(one), str(other), *ON, "--json"))
    assert found["agreement"] == pytest.approx((predicted(one) == predicted(other)).mean())
    same = json.loads(printed(capsys, "compare", str(one), str(one), *ON, "--json"))
    assert (same["agreement"], same["flips"], same["confusions"]) == (1.0, [], [])


def test_compare_leaves_out_what_calibrated_either(capsys, tmp_path):
    one, other = written(tmp_path / "a", "bits=2"), written(tmp_path / "b", "bits=3", batchnorm="recalibrate")
    for folders in ((one, other), (other, one)):
        found = json.loads(printed(capsys, "compare", *map(str, folders), *ON, "--json"))
        assert found["images"] == 480
    assert found["agreement"] == pytest.approx((predicted(one, 120) == predicted(other, 120)).mean())


def test_compare_refuses_what_it_cannot_hold_side_by_side(capsys, tmp_path):
    folder = str(written(tmp_path / "a", "bits=2"))
    assert "3 folders" in refused(capsys, "compare", folder, folder, folder, *ON)
    assert "report.json" in refused(capsys, "compare", str(tmp_path / "none"), *ON)
    assert "another model" in refused(capsys, "compare", folder, "--model", "lenet5")


def test_latency_says_what_ran_and_what_did_not(capsys, tmp_path):
    folder = written(tmp_path / "a", "rank=0.3", "bits=4")
    how = ["latency", *ON, "--recipe", str(folder / "recipe.json"), "--rounds", "5", "--threads", "1"]
    found = json.loads(printed(capsys, *how, "--json"))
    ran = [name for name in VARIANTS if name != "shrunk"]
    assert [(row["variant"], row["batch"]) for row in found["variants"]] == [(v, b) for b in (1, 100) for v in ran]
    assert (found["threads"], list(found["left_out"])) == (1, ["shrunk"])
    text = printed(capsys, *how)
    assert text.startswith("1 thread, 5 rounds")
    assert "thin float32 layers" in text
    assert "int8 kernel" in text
    assert "rounds is 0" in refused(capsys, *how[:-4], "--rounds", "0")


def test_stability_names_every_layer(capsys, tmp_path):
    recipe = written(tmp_path / "a", "sparsity=0.5") / "recipe.json"
    found = json.loads(printed(capsys, "stability", *ON, "--recipe", str(recipe), "--json"))
    assert [row["layer"] for row in found["layers"]] == ["conv1", "conv2", "fc"]
    assert found["images"] == 200
    assert from_json(recipe.read_text()).default.sparsity == 0.5
    text = printed(capsys, "stability", *ON, "--recipe", str(recipe))
    assert all(note in text for note in found["notes"])
