"""A folder made from a weights file alone is proved, or refused by the name of what does not hold."""

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch
from safetensors import safe_open

from core import rereading, streaming
from core.__main__ import main
from core.recipe import Recipe, Settings, to_json
from tests.core import zoo

RECIPES = {
    "pruned and coded": Recipe(Settings(sparsity=0.5, bits=4, group="8"), {"fc": {"bits": 8}}),
    "shared": Recipe(Settings(bits=3, coder="kmeans")),
    "factored": Recipe(Settings(rank=0.4)),
    "one layer": Recipe(layers={"layer1": {"sparsity": 0.25}}),
    "nothing": Recipe(),
}


@pytest.fixture
def source(tmp_path) -> str:
    path = tmp_path / "own.safetensors"
    half = {f"layer{i}.weight": zoo.random(24, 16, seed=i).bfloat16() for i in range(3)}
    rest = {"fc.weight": zoo.random(6, 24), "fc.bias": torch.full((6,), torch.nan), "ids": torch.arange(12)}
    safetensors.torch.save_file(half | rest, path)
    return str(path)


@pytest.fixture
def folder(source, tmp_path) -> Path:
    streaming.write(source, RECIPES["pruned and coded"], tmp_path / "out")
    return tmp_path / "out"


def edited(folder: Path, change) -> None:
    """Writes the folder's weights anew with other tensors or forms."""
    path = folder / "model.safetensors"
    with safe_open(path, "pt") as file:
        said = json.loads(file.metadata()["prunescope"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(tensors, said)
    safetensors.torch.save_file(tensors, path, {"prunescope": json.dumps(said)})


@pytest.mark.parametrize("name", RECIPES)
def test_what_the_command_wrote_holds(source, tmp_path, capsys, name):
    (tmp_path / "r.json").write_text(to_json(RECIPES[name]))
    assert main(["apply", "--model", source, "--recipe", str(tmp_path / "r.json"), "-o", str(tmp_path / "out")]) == 0
    assert main(["verify", str(tmp_path / "out"), "--model", source]) == 0
    assert "every figure of report.json holds" in capsys.readouterr().out


@pytest.mark.parametrize("figure", ["sparsity", "bytes", "bytes_dense", "ratio", "weights"])
def test_a_figure_that_does_not_hold_is_named(source, folder, figure):
    report = json.loads((folder / "report.json").read_text())
    report[figure] += 1
    (folder / "report.json").write_text(json.dumps(report))
    with pytest.raises(ValueError, match=f"report.json: {figure} is"):
        rereading.verify(folder, source)


def test_a_figure_of_a_layer_or_one_too_many_is_named(source, folder):
    report = json.loads((folder / "report.json").read_text())
    report["layers"][1]["removed"] -= 1
    (folder / "report.json").write_text(json.dumps(report))
    with pytest.raises(ValueError, match=r"report.json: layers\[1\].removed is"):
        rereading.verify(folder, source)
    (folder / "report.json").write_text(json.dumps(report | {"accuracy": 0.99}))
    with pytest.raises(ValueError, match="its keys"):
        rereading.verify(folder, source)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tensors, forms: tensors.update({"ids": tensors["ids"] + 1}), "ids in model.safetensors is not as it"),
        (lambda tensors, forms: tensors.update({"more": torch.ones(2)}), "holds more, which the weights file does not"),
        (lambda tensors, forms: forms["forms"].pop("fc.weight"), "layer 'fc': model.safetensors holds it in another"),
        (lambda tensors, forms: forms.update(format="x/2"), "its format is 'x/2'"),
        (lambda tensors, forms: forms.update(forms=3), "not a file that Prunescope wrote"),
        (
            lambda tensors, forms: tensors.update({n: 1.5 * t for n, t in tensors.items() if n.endswith("scale")}),
            "its squared error is",
        ),
    ],
)
def test_other_weights_than_the_recipe_leaves_are_refused(source, folder, change, said):
    edited(folder, change)
    with pytest.raises(ValueError, match=said):
        rereading.verify(folder, source)


def test_another_source_is_refused_in_one_line(source, folder, tmp_path, capsys):
    other = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"a.weight": zoo.random(4, 4)}, other)
    assert main(["verify", str(folder), "--model", str(other)]) == 2
    error = capsys.readouterr().err
    assert "was made from another model" in error
    assert error.count("\n") == 1
