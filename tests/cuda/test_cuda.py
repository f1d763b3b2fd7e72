"""What is measured on a CUDA device is what is measured on the CPU: a few answers in ten thousand may differ.

Sums come in another order there, so an answer close to a tie may fall to the other side.
"""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from core import pipeline
from core.__main__ import main
from core.evaluation import Change, outputs
from core.live import look, opened
from core.loading import load_data, load_model
from core.recipe import Recipe, Settings
from core.statistics import Tally
from sample_models.catalog import SAMPLES

CLOSE = 0.0005  # of accuracy: sums in another order may decide two answers in 5,000
RECIPES = {
    "dense": Recipe(Settings()),
    "sparse codes": Recipe(Settings(sparsity=0.5, bits=4)),
    "calibrated": Recipe(Settings(sparsity=0.5, criterion="wanda")),
    "low rank": Recipe(Settings(factorizer="svd", rank=0.5)),
    "rounded inputs": Recipe(Settings(bits=8, inputs_bits=8)),
    "thinner": Recipe(Settings(sparsity=0.3, pattern="row"), shrink="remove"),
}


def on(name: str, device: str, recipe: Recipe) -> pipeline.Study:
    loaded = replace(load_model(name), device=device)
    return pipeline.study(loaded, load_data(loaded.data), recipe)


def measured(name: str, device: str, recipe: Recipe) -> Tally:
    study = on(name, device, recipe)
    return pipeline.measure(study, pipeline.apply(study, recipe))


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("name", SAMPLES)
def test_a_recipe_measures_as_on_the_cpu(name, recipe):
    there, here = (measured(name, device, RECIPES[recipe]) for device in ("cuda", "cpu"))
    assert there.images == here.images
    assert there.correct / there.images == pytest.approx(here.correct / here.images, abs=CLOSE)


@pytest.mark.parametrize("name", SAMPLES)
def test_logits_come_back_to_the_cpu_and_are_the_same(name):
    there, here = (on(name, device, Recipe(Settings())).bench for device in ("cuda", "cpu"))
    ours, theirs = (next(iter(outputs(bench, Change({}, {})))) for bench in (there, here))
    assert ours.device.type == "cpu"
    assert float((ours - theirs).abs().max()) < 0.05 * float(theirs.abs().max())


def test_a_live_look_rests_on_all_images_as_on_the_cpu():
    there, here = (look(opened(on("digits_cnn", d, Recipe())), RECIPES["sparse codes"], None) for d in ("cuda", "cpu"))
    assert there.tally.images == here.tally.images
    assert there.tally.correct / there.tally.images == pytest.approx(here.tally.correct / here.tally.images, abs=CLOSE)


def run(capsys, *arguments: str) -> str:
    """What a command prints that must end well."""
    capsys.readouterr()
    assert main(list(arguments)) == 0, capsys.readouterr().err
    return capsys.readouterr().out


@pytest.fixture
def folder(tmp_path, capsys) -> Path:
    recipe = tmp_path / "recipe.json"
    model = ["--model", "lenet5"]
    run(capsys, "plan", *model, "--planner", "uniform", "sparsity=0.5", "bits=4", "-o", str(recipe))
    run(capsys, "apply", *model, "--device", "cuda", "--recipe", str(recipe), "-o", str(tmp_path / "out"))
    return tmp_path


def test_a_folder_made_there_is_verified_there_and_here(folder, capsys):
    for device in ("cuda", "cpu"):
        said = run(capsys, "verify", str(folder / "out"), "--model", "lenet5", "--device", device)
        assert "every figure of report.json holds" in said


COMMANDS = {
    "latency": ["latency", "--recipe", "RECIPE"],
    "sensitivity": ["sensitivity", "--images", "200", "-o", "TABLE"],
    "search": ["search", "--drop", "0.5", "--seconds", "10", "--runs", "RUNS", "-o", "OUT"],
    "sweep": ["sweep", "--grid", "GRID", "--workers", "1", "--runs", "RUNS"],
    "recover": ["recover", "--recipe", "RECIPE", "--steps", "20", "--looks", "2", "--runs", "RUNS", "-o", "OUT"],
    "compare": ["compare", "FOLDER"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_runs_there(folder, capsys, command):
    (folder / "grid.json").write_text(
        json.dumps({"format": "prunescope/grid/1", "base": {}, "grid": {"sparsity": [0.2, 0.5]}})
    )
    names = {
        "RECIPE": "recipe.json", "TABLE": "table.csv", "RUNS": "runs.sqlite",
        "OUT": f"{command}-out", "GRID": "grid.json", "FOLDER": "out",
    }  # fmt: skip
    given = [str(folder / names[word]) if word in names else word for word in COMMANDS[command]]
    said = run(capsys, *given, "--model", "lenet5", "--device", "cuda")
    assert not re.search(r"\bnan\b", said)
