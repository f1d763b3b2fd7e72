"""A smaller network that learns from a sample, by the command line."""

import json

import pytest

from core.__main__ import main
from core.recipe import Recipe, Settings, to_json


def test_a_smaller_network_is_trained_written_and_verified(tmp_path, capsys):
    folder, runs = tmp_path / "made", ["--runs", str(tmp_path / "runs.sqlite")]
    named = ["--model", "lenet_300_100", "--width", "0.1", "--steps", "40", "--looks", "2"]
    assert main(["recover", *named, "-o", str(folder), *runs]) == 0
    said = capsys.readouterr().out
    assert "teacher lenet_300_100 0." in said
    assert "times as large" in said
    assert json.loads((folder / "recipe.json").read_text())["recovered"]["teacher"] == "lenet_300_100"
    assert main(["verify", str(folder), "--model", "lenet_300_100@0.1"]) == 0


def test_the_ways_to_another_task_are_a_table_of_runs_or_a_note_says_why_not(tmp_path, capsys):
    (tmp_path / "recipe.json").write_text(to_json(Recipe(Settings(sparsity=0.5))))
    (tmp_path / "text").write_text("something else")
    data = "tests.core.plain:data"
    named = ["--model", "tests.core.plain:model", "--old", "tests.core.plain:Pairs", "--data", data]
    named += ["--recipe", str(tmp_path / "recipe.json")]
    few = ["--steps", "2", "--looks", "1"]
    assert main(["transfer", *named, *few, "--runs", str(tmp_path / "runs.sqlite")]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[-1] for row in rows[:5]] == ["run", "1", "2", "3", "4"]
    assert main(["transfer", *named, *few, "--runs", str(tmp_path / "text")]) == 0
    said = capsys.readouterr()
    assert [row.split()[-1] for row in said.out.splitlines()[1:5]] == ["-"] * 4
    assert said.err.count("note: the run is not kept, runs") == 4


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "recover: no recipe, name one with --recipe, or a smaller network with --width or --depth"),
        (["--depth", "0.5"], "depth is 0.5, but 'lenet_300_100' has no blocks to leave out"),
        (["--width", "3"], "width is 3.0, expected a factor in (0, 1]"),
    ],
)
def test_what_cannot_be_had_is_one_line(given, said, tmp_path, capsys):
    assert main(["recover", "--model", "lenet_300_100", *given, "-o", str(tmp_path / "made")]) == 2
    assert capsys.readouterr().err.startswith(said)
