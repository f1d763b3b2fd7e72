import json

import pytest
import safetensors.torch
import torch

import sample_models
from core import exporting, slabs, streaming
from core.__main__ import main
from core.compress import compress, weights
from core.layer import layers
from core.recipe import Recipe, Settings
from tests.core import zoo

RECIPE = Recipe(Settings(sparsity=0.5, bits=4, group="8"), layers={"fc": {"bits": 8}})
KEPT = {
    "norm.scale": torch.ones(6, 4),
    "ids": torch.arange(12).reshape(3, 4),
    "fc.bias": torch.zeros(6),
    "none.weight": torch.zeros(0, 4),
}


@pytest.fixture
def file(tmp_path) -> str:
    path = tmp_path / "own.safetensors"
    half = {f"layer{i}.weight": zoo.random(24, 16, seed=i).bfloat16() for i in range(3)}
    safetensors.torch.save_file(KEPT | half | {"fc.weight": zoo.random(6, 24)}, path)
    return str(path)


def recipe_at(tmp_path, recipe: dict[str, object]) -> str:
    (tmp_path / "r.json").write_text(json.dumps({"format": "prunescope/recipe/1", **recipe}))
    return str(tmp_path / "r.json")


def test_a_file_is_listed_by_its_head_with_why_a_tensor_stays(file, capsys):
    assert main(["inspect", "--model", file, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in found["layers"]] == ["fc", "layer0", "layer1", "layer2"]
    assert {row["name"]: row["why"].partition(",")[0] for row in found["left_as_is"]} == {
        "fc.bias": "a vector: too few numbers to gain from",
        "ids": "it holds I64",
        "none.weight": "it is empty",
        "norm.scale": "its name does not say that it is a weight",
    }


def test_the_file_written_is_the_one_that_the_network_would_give(tmp_path, monkeypatch):
    model = zoo.net()
    path = tmp_path / "net.safetensors"
    safetensors.torch.save_file(dict(model.state_dict()), path)
    monkeypatch.setattr(slabs, "ROWS", 64)
    recipe = Recipe(Settings(sparsity=0.5, bits=4))
    figures = streaming.write(str(path), recipe, tmp_path / "out")
    data = (tmp_path / "out" / "model.safetensors").read_bytes()
    known = layers(model)
    _, decoded = exporting.deserialize(data, model, known)
    expected = weights(known, compress(known, recipe))
    assert all(torch.equal(decoded[name], tensor) for name, tensor in expected.items())
    assert figures["bytes"] == len(data)
    assert figures["sparsity"] == pytest.approx(0.5, abs=0.01)


def test_what_is_not_compressed_is_written_as_it_was(file, tmp_path, capsys):
    recipe = recipe_at(tmp_path, {"layers": {"layer1": {"bits": 4}}})
    assert main(["apply", "--model", file, "--recipe", recipe, "-o", str(tmp_path / "out")]) == 0
    before = safetensors.torch.load_file(file)
    after = safetensors.torch.load_file(tmp_path / "out" / "model.safetensors")
    assert {name for name in before if name not in after} == {"layer1.weight"}
    assert all(torch.equal(before[name], tensor) for name, tensor in after.items() if ":" not in name)
    assert "accuracy, drop and MACs are not measured" in capsys.readouterr().err


def test_every_form_is_written(file, tmp_path):
    for i, stored in enumerate(({"bits": 3, "coder": "kmeans"}, {"rank": 0.3}, {"sparsity": 0.9, "pattern": "row"})):
        streaming.write(file, Recipe(Settings(**stored)), tmp_path / f"{i}")
        assert safetensors.torch.load_file(tmp_path / f"{i}" / "model.safetensors")


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"layers": {"layer9": {"bits": 4}}}, "layer 'layer9' is not in the model, its layers are fc, layer0"),
        ({"default": {"sparsity": 0.5, "criterion": "wanda"}}, "its settings need calibration images; accuracy, drop"),
        ({"batchnorm": "recalibrate"}, "batchnorm needs the network, which a weights file alone is not"),
    ],
)
def test_what_a_file_alone_cannot_have_is_one_sentence_and_leaves_nothing(file, tmp_path, capsys, recipe, said):
    assert main(["apply", "--model", file, "--recipe", recipe_at(tmp_path, recipe), "-o", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own.safetensors", "r.json"]


def test_a_folder_that_is_there_is_not_written_over(file, tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(ValueError, match="is there already"):
        streaming.write(file, RECIPE, tmp_path / "out")


def test_a_sample_s_weights_are_not_alone():
    assert not streaming.is_alone(str(sample_models.weights_path("lenet5")))


def test_a_type_that_the_file_format_lacks_is_named_and_nothing_is_written(tmp_path):
    tensors = {"a.weight": zoo.random(4, 4), "b.weight": zoo.random(4, 4).to(torch.float8_e5m2)}
    safetensors.torch.save_file(tensors, tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match=r"^tensor 'b.weight' holds torch.float8_e5m2, expected one of"):
        streaming.write(str(tmp_path / "w.safetensors"), Recipe(Settings(bits=4)), tmp_path / "out")
    assert [each.name for each in tmp_path.iterdir()] == ["w.safetensors"]


def test_a_name_that_reads_as_a_part_is_refused(tmp_path):
    tensors = {"a.weight": zoo.random(4, 4), "a.weight:scale": zoo.random(4)}
    safetensors.torch.save_file(tensors, tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match=r"^tensor 'a.weight:scale' has a ':' in its name"):
        streaming.write(str(tmp_path / "w.safetensors"), Recipe(Settings(bits=4)), tmp_path / "out")
    assert [each.name for each in tmp_path.iterdir()] == ["w.safetensors"]


def test_a_file_is_opened_once_for_many_small_tensors(tmp_path, monkeypatch):
    safetensors.torch.save_file({f"l{i}.weight": zoo.random(4, 4) for i in range(50)}, tmp_path / "w.safetensors")
    opened, own = [], safetensors.safe_open
    monkeypatch.setattr(safetensors, "safe_open", lambda *given: opened.append(given) or own(*given))
    streaming.write(str(tmp_path / "w.safetensors"), Recipe(Settings(bits=4)), tmp_path / "out")
    assert len(opened) == 2  # to list them, and to read them
    monkeypatch.setattr(streaming, "SPAN", 64)
    streaming.write(str(tmp_path / "w.safetensors"), Recipe(Settings(bits=4)), tmp_path / "other")
    assert len(opened) == 2 + 1 + 50
