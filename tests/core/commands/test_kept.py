import json
import re
from pathlib import Path

import pytest

from core import runs
from core.__main__ import main

ON = ["--model", "tests.core.plain:model", "--data", "tests.core.plain:data"]


@pytest.fixture
def kept(tmp_path) -> list[str]:
    return ["--runs", str(tmp_path / "runs.sqlite")]


@pytest.fixture
def recipe(tmp_path) -> str:
    path = tmp_path / "recipe.json"
    path.write_text('{"format": "prunescope/recipe/1", "default": {"sparsity": 0.5, "bits": 4}}')
    return str(path)


@pytest.fixture
def grid(tmp_path) -> str:
    path = tmp_path / "grid.json"
    path.write_text('{"format": "prunescope/grid/1", "grid": {"sparsity": [0.5, 0.8], "bits": [4]}}')
    return str(path)


def said(capsys, *arguments: str) -> str:
    capsys.readouterr()
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def refused(capsys, *arguments: str) -> str:
    capsys.readouterr()
    assert main(list(arguments)) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    return err


def test_apply_keeps_its_run_and_a_sweep_does_not_measure_it_again(capsys, tmp_path, kept, recipe, grid):
    out = said(capsys, "apply", *ON, "--recipe", recipe, "-o", str(tmp_path / "out"), *kept)
    assert out.endswith("kept as run 1\n")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    shown = json.loads(said(capsys, "runs", "show", "1", *kept))
    assert shown["runs"][0]["report"] == report
    assert len(runs.arrays(runs.open_store(kept[1]), 1)["predicted"]) == report["images"]
    out = said(capsys, "sweep", *ON, "--grid", grid, "--workers", "1", *kept)
    assert "1 measured, 1 kept from before" in out
    assert re.search(r"^1 of 2: run 1, sparsity=0.5 bits=4: accuracy 0.\d+, \d+ bytes, kept from before$", out, re.M)


def test_apply_without_a_place_for_its_run_says_so_and_goes_on(capsys, tmp_path, recipe):
    (tmp_path / "text").write_text("no database")
    arguments = ["apply", *ON, "--recipe", recipe, "-o", str(tmp_path / "out"), "--runs", str(tmp_path / "text")]
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert out.endswith(f"wrote {tmp_path / 'out'}\n")
    assert err.count("\n") == 1
    assert "the run is not kept, runs" in err
    assert (tmp_path / "text").read_text() == "no database"


def test_runs_are_listed_named_noted_exported_and_deleted(capsys, tmp_path, kept, recipe):
    assert said(capsys, "runs", "list", *kept).startswith("no runs yet")
    said(capsys, "apply", *ON, "--recipe", recipe, "-o", str(tmp_path / "out"), *kept)
    said(capsys, "runs", "name", "1", "the first", *kept)
    said(capsys, "runs", "note", "1", "half of it", *kept)
    header, row = said(capsys, "runs", "list", *kept).splitlines()
    assert header.split()[:2] == ["number", "kind"]
    assert row.endswith("sparsity=0.5 bits=4  the first")
    for flag in ([], ["--csv"]):
        said(capsys, "runs", "export", *flag, "-o", str(tmp_path / "export"), *kept)
        text = (tmp_path / "export").read_text()
        assert "the first" in text
        assert "half of it" in text
    said(capsys, "runs", "delete", "1", *kept)
    assert said(capsys, "runs", "list", *kept).startswith("no runs yet")


@pytest.mark.parametrize("command", [["show", "7"], ["delete", "7"], ["name", "7", "x"], ["note", "7", "x"]])
def test_a_run_that_is_not_there_is_named(capsys, kept, command):
    assert "run 7 is not in" in refused(capsys, "runs", *command, *kept)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"format": "prunescope/grid/1", "grid": {"speed": [1]}}', "unknown key 'speed'"),
        ('{"format": "prunescope/grid/1", "grid": {"layers.fc9.bits": [4]}}', "recipe 1 of 1: recipe: layer 'fc9'"),
        ('{"format": "prunescope/grid/1", "grid": {"coder": ["symmetric", "magic"]}}', "recipe 2 of 2"),
    ],
)
def test_a_grid_that_is_off_measures_nothing(capsys, tmp_path, kept, text, said):
    (tmp_path / "grid.json").write_text(text)
    assert said in refused(capsys, "sweep", *ON, "--grid", str(tmp_path / "grid.json"), "--workers", "1", *kept)
    assert not Path(kept[1]).exists()


@pytest.mark.parametrize(
    ("workers", "said"),
    [
        (["--workers", "0"], "workers is 0"),
        (["--workers", "2", "--scheduler", "tcp://127.0.0.1:1"], "expected one of the two"),
    ],
)
def test_workers_that_cannot_be_are_one_sentence(capsys, kept, grid, workers, said):
    assert said in refused(capsys, "sweep", *ON, "--grid", grid, *workers, *kept)


def test_the_commands_of_a_group_are_complained_about_in_one_line(capsys):
    for arguments in (["runs"], ["runs", "bogus"], ["runs", "show", "x"]):
        with pytest.raises(SystemExit, match="2"):
            main(arguments)
        assert capsys.readouterr().err.count("\n") == 1


def test_compare_of_kept_runs_is_that_of_their_folders(capsys, tmp_path, kept, recipe):
    dense = tmp_path / "dense.json"
    dense.write_text('{"format": "prunescope/recipe/1"}')
    for name, path in {"one": recipe, "dense": str(dense)}.items():
        said(capsys, "apply", *ON, "--recipe", path, "-o", str(tmp_path / name), *kept)
    folder = said(capsys, "compare", str(tmp_path / "one"), *ON, "--json")
    assert said(capsys, "compare", "1", *kept, "--json") == folder
    assert said(capsys, "compare", "2", "1", *kept, "--json") == folder
    said(capsys, "runs", "delete", "2", *kept)
    assert "the dense model is not kept beside it" in refused(capsys, "compare", "1", *kept)
    assert "run 7 is not in" in refused(capsys, "compare", "1", "7", *kept)
    assert "--model is missing" in refused(capsys, "compare", str(tmp_path / "one"))
