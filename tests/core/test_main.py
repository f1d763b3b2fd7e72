import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch

from core import container
from core.__main__ import main
from core.commands import COMMANDS
from tests.core import zoo

MODEL = ["--model", "tests.core.plain:model"]
ON = [*MODEL, "--data", "tests.core.plain:data"]


@pytest.fixture
def recipe(tmp_path) -> Path:
    path = tmp_path / "recipe.json"
    assert main(["plan", *MODEL, "--planner", "uniform", "sparsity=0.5", "bits=4", "-o", str(path)]) == 0
    return path


@pytest.fixture
def applied(tmp_path, recipe) -> Path:
    folder = tmp_path / "out"
    assert main(["apply", *ON, "--recipe", str(recipe), "-o", str(folder)]) == 0
    return folder


def refused(capsys, *arguments: str) -> str:
    """The one line on stderr of a command that must end with status 2."""
    capsys.readouterr()
    assert main(list(arguments)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


def test_the_report_promises_what_the_folder_holds(applied):
    report = json.loads((applied / "report.json").read_text())
    assert report["bytes"] == (applied / "model.safetensors").stat().st_size
    assert report["images"] == 600
    assert report["accuracy"] == pytest.approx(report["accuracy_dense"] - report["drop"] / 100)
    assert report["sparsity"] == pytest.approx(0.5, abs=0.01)
    assert report["ratio"] == report["bytes_dense"] / report["bytes"]
    fields = "drop_ci95 weights entropy_bits_per_weight macs macs_dense layers seed versions"
    assert not set(fields.split()) - set(report)


def test_verify_runs_in_a_process_of_its_own(applied):
    done = subprocess.run(
        [sys.executable, "-m", "core", "verify", str(applied), *ON], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "every figure of report.json holds" in done.stdout


@pytest.mark.parametrize(
    "field", ["accuracy", "images", "bytes", "sparsity", "entropy_bits_per_weight", "macs", "drop"]
)
def test_verify_names_the_figure_that_does_not_hold(capsys, applied, field):
    path = applied / "report.json"
    report = json.loads(path.read_text())
    report[field] = report[field] * 1.001 + 1
    path.write_text(json.dumps(report))
    assert field in refused(capsys, "verify", str(applied), *ON)


@pytest.mark.parametrize(
    "edit",
    [
        lambda report: report.update(extra=1.0),
        lambda report: report.pop("ratio"),
        lambda report: report.update(calibration_images=999),
        lambda report: report.update(images=600.0),
        lambda report: report["layers"][0].update(extra=1),
    ],
)
def test_verify_promises_no_more_and_no_less_than_it_measures(capsys, applied, edit):
    path = applied / "report.json"
    report = json.loads(path.read_text())
    edit(report)
    path.write_text(json.dumps(report))
    assert "report.json: " in refused(capsys, "verify", str(applied), *ON)


def test_verify_notices_a_recipe_that_the_weights_do_not_follow(capsys, applied):
    (applied / "recipe.json").write_text('{"format": "prunescope/recipe/1", "default": {"sparsity": 0.9, "bits": 4}}')
    assert "another form than recipe.json asks for" in refused(capsys, "verify", str(applied), *ON)


@pytest.mark.parametrize("arguments", [["apply"], ["bogus"], ["plan", "--nope"], []])
def test_a_call_that_is_off_is_one_line(capsys, arguments):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert capsys.readouterr().err.count("\n") == 1


def test_verify_holds_the_layers_too(capsys, applied):
    path = applied / "report.json"
    report = json.loads(path.read_text())
    report["layers"][2]["removed"] += 1
    path.write_text(json.dumps(report))
    assert "layers[2].removed" in refused(capsys, "verify", str(applied), *ON)


def test_verify_notices_a_changed_weight(capsys, applied):
    path = applied / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-40] ^= 0x7F
    path.write_bytes(data)
    assert refused(capsys, "verify", str(applied), *ON)


def test_batch_norm_recalibration_is_measured_on_images_it_never_saw(tmp_path, recipe):
    document = json.loads(recipe.read_text()) | {"batchnorm": "recalibrate"}
    recipe.write_text(json.dumps(document))
    folder = tmp_path / "recalibrated"
    assert main(["apply", *ON, "--recipe", str(recipe), "-o", str(folder)]) == 0
    report = json.loads((folder / "report.json").read_text())
    assert (report["calibration_images"], report["images"]) == (120, 480)
    stored = container.opened((folder / "model.safetensors").read_bytes())[0]
    assert not np.allclose(stored["norm.running_mean"], zoo.net().norm.running_mean)
    assert main(["verify", str(folder), *ON]) == 0


def test_a_model_that_shrinks_says_what_each_layer_keeps(capsys, tmp_path, recipe):
    document = json.loads(recipe.read_text())
    document |= {"default": {"sparsity": 0.5, "pattern": "row"}, "shrink": "remove"}
    recipe.write_text(json.dumps(document))
    folder = tmp_path / "shrunk"
    assert main(["apply", *ON, "--recipe", str(recipe), "-o", str(folder)]) == 0
    said = capsys.readouterr().out
    for row in json.loads((folder / "report.json").read_text())["shrink"]["layers"]:
        assert f"{row['layer']}: {row['outputs'][0]} of {row['outputs'][1]} channels stay" in said
    assert main(["verify", str(folder), *ON]) == 0


def test_the_identity_changes_nothing(tmp_path):
    recipe, folder = tmp_path / "r.json", tmp_path / "out"
    assert main(["plan", *MODEL, "--planner", "uniform", "-o", str(recipe)]) == 0
    assert main(["apply", *ON, "--recipe", str(recipe), "-o", str(folder)]) == 0
    report = json.loads((folder / "report.json").read_text())
    assert (report["drop"], report["ratio"], report["accuracy"]) == (0.0, 1.0, 1.0)


def test_inspect_names_every_parameter(capsys):
    assert main(["inspect", *MODEL, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [layer["name"] for layer in found["layers"]] == ["conv1", "conv2", "fc"]
    named = {layer["name"] + ".weight" for layer in found["layers"]} | {other["name"] for other in found["left_as_is"]}
    assert named == set(zoo.net().state_dict())
    assert main(["inspect", *ON]) == 0
    out = capsys.readouterr().out
    assert "left as it is: shift: a parameter of Net, which is none of Linear, Conv" in out
    assert "left as it is: conv1.bias, norm.bias, conv2.bias, fc.bias: a bias" in out


def test_inspect_counts_multiplications(capsys):
    assert main(["inspect", *ON, "--json"]) == 0
    macs = {layer["name"]: layer["macs"] for layer in json.loads(capsys.readouterr().out)["layers"]}
    assert macs == {"conv1": 64 * 36, "conv2": 64 * 144, "fc": 768}


def test_methods_lists_every_table(capsys):
    assert main(["methods"]) == 0
    out = capsys.readouterr().out
    for name in ("magnitude", "element", "symmetric", "affine", "svd", "uniform", "global_magnitude"):
        assert name in out


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ({"surprise": 1}, "surprise"),
        ({"default": {"bits": 77}}, "bits is 77"),
        ({"layers": {"fc9": {"bits": 4}}}, "fc9"),
        ({"default": {"coder": "magic"}}, "magic"),
    ],
)
def test_a_bad_recipe_writes_nothing(capsys, tmp_path, edit, said):
    recipe, folder = tmp_path / "r.json", tmp_path / "out"
    recipe.write_text(json.dumps({"format": "prunescope/recipe/1", **edit}))
    assert said in refused(capsys, "apply", *ON, "--recipe", str(recipe), "-o", str(folder))
    assert [entry.name for entry in tmp_path.iterdir()] == ["r.json"]


def test_a_missing_recipe_is_one_sentence(capsys, tmp_path):
    assert "nowhere.json" in refused(capsys, "apply", *ON, "--recipe", "nowhere.json", "-o", str(tmp_path / "out"))


def test_a_model_without_data_asks_for_it(capsys, tmp_path, recipe):
    assert "--data" in refused(capsys, "apply", *MODEL, "--recipe", str(recipe), "-o", str(tmp_path / "out"))


@pytest.mark.parametrize("goal", ["sparsity=2", "sparsity", "speed=9", "bits=x"])
def test_a_bad_goal_is_one_sentence_and_writes_nothing(capsys, tmp_path, goal):
    refused(capsys, "plan", *MODEL, "--planner", "uniform", goal, "-o", str(tmp_path / "r.json"))
    assert not list(tmp_path.iterdir())


def test_a_plan_for_nowhere_is_one_sentence(capsys):
    refused(capsys, "plan", *MODEL, "--planner", "uniform", "-o", "/no/such/folder/r.json")


@pytest.mark.parametrize("missing", ["report.json", "model.safetensors", "recipe.json"])
def test_an_incomplete_folder_is_named(capsys, applied, missing):
    (applied / missing).unlink()
    assert missing in refused(capsys, "verify", str(applied), *ON)


def test_a_folder_of_another_model_is_refused(capsys, applied, tmp_path):
    other = str(tmp_path / "w.safetensors")
    safetensors.torch.save_file(zoo.net(seed=3).state_dict(), other)
    assert "another model" in refused(capsys, "verify", str(applied), *ON, "--weights", other)


def test_every_command_explains_itself():
    for function, _ in COMMANDS.values():
        assert function.__doc__


@pytest.mark.parametrize(
    ("device", "said"),
    [
        ("cuda:99", "device 'cuda:99' is not there, torch sees"),
        ("tpu", "device is 'tpu', expected one of cpu, cuda, mps"),
        ("cpu:x", "device is 'cpu:x'"),
    ],
)
def test_a_device_that_is_not_there_is_one_sentence(capsys, tmp_path, device, said):
    assert said in refused(capsys, "verify", str(tmp_path), *ON, "--device", device)


def test_an_interrupt_is_one_line(capsys, monkeypatch, tmp_path):
    def stopped(options):
        raise KeyboardInterrupt

    monkeypatch.setitem(COMMANDS, "inspect", (stopped, COMMANDS["inspect"][1]))
    assert refused(capsys, "inspect", "--model", "digits_cnn") == "inspect was interrupted\n"
