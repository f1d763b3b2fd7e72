import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from core import exporting, pipeline, runs
from core.__main__ import main
from core.loading import load_data, load_model
from core.recipe import from_json
from sample_models import DATA

MODEL = "lenet_300_100"


@pytest.fixture
def few(tmp_path: Path) -> str:
    """An .npz with 600 of the digits."""
    inputs, targets = DATA["digits"].load()
    np.savez(tmp_path / "few.npz", x=inputs[:600], y=targets[:600])
    return str(tmp_path / "few.npz")


def test_a_search_writes_the_recipe_that_it_confirmed_and_keeps_it_as_a_run(few, tmp_path, capsys):
    written, store = tmp_path / "found.json", str(tmp_path / "runs.sqlite")
    asked = ["search", "--model", MODEL, "--data", few, "--drop", "10", "--seconds", "4", "--runs", store]
    assert main([*asked, "-o", str(written)]) == 0
    out = capsys.readouterr().out
    assert "a drop of 10 points holds" in out
    told = re.search(r"kept as run 1, and of the front ([\d, ]+)$", out.rstrip())
    kept = runs.listed(runs.open_store(Path(store)))
    assert [run.number for run in kept][1:] == [int(number) for number in told[1].split(", ")]
    assert 1 < len(kept) <= 1 + 8
    assert {run.report["images"] for run in kept} == {600 - kept[0].report["calibration_images"]}
    assert len({run.key for run in kept}) == len(kept)
    recipe, loaded = from_json(written.read_text()), load_model(MODEL)
    study = pipeline.study(loaded, load_data(few), recipe)
    size = exporting.file_bytes(study.model, study.known, pipeline.apply(study, recipe).encoded)
    assert f"{size:,} bytes" in out
    assert size < pipeline.dense_bytes(study) / 4
    assert main(["runs", "show", "1", "--runs", store]) == 0
    assert f'"bytes": {size}' in json.dumps(json.loads(capsys.readouterr().out))
    the_recipes_it_measured_are_kept(out, store, tmp_path, capsys)


def the_recipes_it_measured_are_kept(said: str, store: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are listed, and written out with the images that each was measured on."""
    told = re.search(r"^(\d+) recipes measured on (\d+) images, kept as search (\d+);", said, re.M)
    count, images, number = map(int, told.groups())
    assert main(["runs", "searches", "--runs", store]) == 0
    line = capsys.readouterr().out.splitlines()[1]
    assert re.search(rf"^{number} .* {MODEL} .* 10.0 points .* {count} ", line)
    assert main(["runs", "points", str(number), "--csv", "-o", str(folder / "points.csv"), "--runs", store]) == 0
    assert f"wrote {count} recipes" in capsys.readouterr().out
    rows = list(csv.DictReader((folder / "points.csv").read_text().splitlines()))
    assert {row["images"] for row in rows if row["measured_on"] == "the searching images"} == {str(images)}
    assert sum(row["measured_on"] == "the searching images" for row in rows) == count
    assert main(["runs", "points", str(number), "-o", str(folder / "points.json"), "--runs", store]) == 0
    assert len(json.loads((folder / "points.json").read_text())["measured on"]["the searching images"]) == count
    assert main(["runs", "forget", str(number), "--runs", store]) == 0
    assert main(["runs", "points", str(number), "-o", str(folder / "none.json"), "--runs", store]) == 2
    assert "expected a number that 'runs searches' shows" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("goal", "said"),
    [
        (["--drop", "1", "--bytes", "100"], "drop is 1.0 and bytes is 100, expected one of the two"),
        (["--drop", "-3"], "drop is -3.0, expected points of accuracy from 0 to 100"),
        (["--drop", "1", "--keep", "-1"], "keep is -1, expected a number of recipes from 0 on"),
        (["--drop", "1", "--seed", "-1"], "seed is -1, expected a whole number from 0"),
        (["--bytes", "10", "--seconds", "0.1"], "no recipe keeps to 10 bytes"),
    ],
)
def test_a_goal_that_cannot_be_is_one_line(goal, said, few, tmp_path, capsys):
    assert main(["search", "--model", MODEL, "--data", few, *goal, "-o", str(tmp_path / "found.json")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "found.json").exists()


def test_sensitivity_prints_a_grid_a_technique_and_writes_every_cell(few, tmp_path, capsys):
    table = tmp_path / "table.csv"
    assert main(["sensitivity", "--model", MODEL, "--data", few, "--images", "100", "-o", str(table)]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^sparsity +0.3 +0.5 ", out, re.M)
    assert "the order in which they lose over 1 point" in out
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert len(rows) == 3 * 3 * 8
    assert {row["layer"] for row in rows} == {"fc1", "fc2", "fc3"}
    assert all(row["images"] == "100" for row in rows)
