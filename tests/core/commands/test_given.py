"""What names a model and its data is named alike by every command."""

import json

import numpy as np
import pytest

from core.__main__ import main
from core.commands import COMMANDS, given

ON = ["--model", "tests.core.plain:model", "--data", "tests.core.plain:data"]
PREPARED = ["--preprocess", "mean=0.25", "std=2", "--device", "cpu"]
TAKES_DATA = [name for name, (_, options) in COMMANDS.items() if "data" in options]


@pytest.fixture
def recipe(tmp_path) -> str:
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps({"format": "prunescope/recipe/1", "default": {"sparsity": 0.5, "bits": 4}}))
    return str(path)


@pytest.mark.parametrize("name", TAKES_DATA)
def test_a_command_that_takes_data_can_prepare_it(name):
    assert "preprocess" in COMMANDS[name][1]


@pytest.mark.parametrize("name", sorted(set(TAKES_DATA) - {"inspect"}))
def test_a_command_that_measures_can_be_told_where(name):
    assert "device" in COMMANDS[name][1]


@pytest.mark.parametrize("name", ["apply", "verify", "sweep", "recover", "search", "export", "report"])
def test_a_command_whose_figures_go_into_a_report_takes_a_metric(name):
    assert set(given.MEASURED) - {"calibration"} <= set(COMMANDS[name][1])


def test_a_folder_of_prepared_data_is_exported_and_reported(tmp_path, recipe, capsys):
    named = [*ON, *PREPARED, "--metric", "top5"]
    assert main(["apply", *named, "--recipe", recipe, "-o", str(tmp_path / "out"), "--runs", str(tmp_path / "r")]) == 0
    assert main(["export", "torch", str(tmp_path / "out"), *named, "-o", str(tmp_path / "exported")]) == 0
    assert main(["report", str(tmp_path / "out"), *named, "-o", str(tmp_path / "told")]) == 0
    assert "answered alike" in capsys.readouterr().out


def test_a_recovery_learns_from_prepared_images(tmp_path, recipe):
    named = [*ON, *PREPARED, "--metric", "top5", "--steps", "2", "--looks", "1"]
    out, store = tmp_path / "out", str(tmp_path / "r")
    assert main(["recover", *named, "--recipe", recipe, "-o", str(out), "--runs", store]) == 0
    assert json.loads((out / "report.json").read_text())["metric"]["name"] == "top5"
    assert main(["verify", str(out), *ON, *PREPARED]) == 0


def test_images_to_learn_from_are_prepared_as_those_measured_on(tmp_path, recipe, capsys):
    np.savez(tmp_path / "more.npz", x=np.zeros((40, 3), np.float32), y=np.zeros(40, np.int64))
    named = [*ON, "--preprocess", "mean=a", "--train", str(tmp_path / "more.npz")]
    assert main(["recover", *named, "--recipe", recipe, "-o", str(tmp_path / "out")]) == 2
    assert "data 'more': mean is 'a', expected numbers" in capsys.readouterr().err
