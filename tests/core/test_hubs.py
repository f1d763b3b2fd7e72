import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from torch import nn

from core.__main__ import main
from core.loading import load_model
from tests.core import zoo

TINY = {"num_hidden_layers": 2, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 24}
SIDE = {"hidden_sizes": [8, 12], "depths": [1, 1], "num_labels": 3}


def bert() -> nn.Module:
    config = transformers.BertConfig(vocab_size=19, max_position_embeddings=8, num_labels=3, **TINY)
    return transformers.BertForSequenceClassification(config)


def gpt2() -> nn.Module:
    return transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=19, n_positions=8, n_embd=16, n_layer=2, n_head=2)
    )


def resnet() -> nn.Module:
    return transformers.ResNetForImageClassification(
        transformers.ResNetConfig(embedding_size=6, num_channels=3, **SIDE)
    )


def convnext() -> nn.Module:
    return transformers.ConvNextForImageClassification(
        transformers.ConvNextConfig(num_channels=3, num_stages=2, patch_size=2, **SIDE)
    )


def mobilenet() -> nn.Module:
    return transformers.MobileNetV2ForImageClassification(
        transformers.MobileNetV2Config(num_channels=3, image_size=32, depth_multiplier=0.25, num_labels=3)
    )


def tokens(labelled: bool) -> dict[str, np.ndarray]:
    x = np.random.default_rng(0).integers(0, 19, (30, 8))
    return {"x": x, "y": np.arange(30) % 3} if labelled else {"x": x}


def images() -> dict[str, np.ndarray]:
    return {"x": np.random.default_rng(0).normal(size=(30, 3, 32, 32)).astype(np.float32), "y": np.arange(30) % 3}


FAMILIES = {
    "bert": (bert, lambda: tokens(True)),
    "gpt2": (gpt2, lambda: tokens(False)),
    "resnet": (resnet, images),
    "convnext": (convnext, images),
    "mobilenet": (mobilenet, images),
}
PLAIN = {
    "tests.core.zoo:resnet18": (30, 3, 32, 32),
    "tests.core.zoo:squeeze_excite": (30, 3, 32, 32),
    "tests.core.kinds:lstm": (30, 7, 6),
}


@pytest.fixture(params=FAMILIES)
def family(request, tmp_path, monkeypatch) -> tuple[str, Path]:
    """A folder as transformers saves it, and data for it beside it."""
    monkeypatch.chdir(tmp_path)
    build, data = FAMILIES[request.param]
    torch.manual_seed(0)
    build().save_pretrained(tmp_path / "net")
    np.savez(tmp_path / "data.npz", **data())
    return request.param, tmp_path


def gone_all_the_way(model: list[str], on: list[str], capsys) -> tuple[list[dict], dict]:
    """The rows of `inspect` and the report, once the compressed model is verified and onnxruntime agrees with it."""
    assert main(["inspect", *model, *on, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["layers"]
    assert main(["plan", *model, "--planner", "uniform", "sparsity=0.5", "bits=4", "-o", "r.json"]) == 0
    assert main(["apply", *model, *on, "--recipe", "r.json", "-o", "out"]) == 0
    assert main(["verify", "out", *model, *on]) == 0
    assert main(["export", "onnx", "out", *model, *on, "-o", "net.onnx"]) == 0
    assert "100.0% of 30 images answered alike" in capsys.readouterr().out
    report = json.loads(Path("out", "report.json").read_text())
    assert report["sparsity"] == pytest.approx(0.5, abs=0.01)
    assert report["bytes"] < report["bytes_dense"]
    return rows, report


def test_a_family_of_transformers_goes_all_the_way(family, capsys):
    rows, report = gone_all_the_way(["--model", "transformers:net"], ["--data", "data.npz"], capsys)
    assert all(row["macs"] is not None for row in rows)
    assert (report.get("metric") or {}).get("name") == ("perplexity" if family[0] == "gpt2" else None)


@pytest.mark.parametrize("factory", PLAIN)
def test_a_network_in_plain_torch_goes_all_the_way(tmp_path, monkeypatch, capsys, factory):
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).normal(size=PLAIN[factory]).astype(np.float32)
    np.savez("data.npz", x=x, y=np.arange(30) % 3)
    gone_all_the_way(["--model", factory], ["--data", "data.npz"], capsys)


def test_the_network_of_18_layers_is_the_published_one():
    assert sum(each.numel() for each in zoo.resnet18(1000).parameters()) == 11_689_512


def test_tied_embeddings_are_compressed_once_and_counted_once(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    gpt2().save_pretrained(tmp_path / "net")
    loaded = load_model("transformers:net")
    assert main(["inspect", "--model", "transformers:net", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["layers"]
    own = {tensor.data_ptr(): tensor.numel() for tensor in loaded.model.parameters() if tensor.dim() > 1}
    assert sum(row["weights"] for row in rows) == sum(own.values())
    assert {row["kind"] for row in rows} == {"Embedding", "Conv1D"}


def test_calibrated_methods_see_the_inputs_of_turned_linear_layers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gpt2().save_pretrained(tmp_path / "net")
    np.savez(tmp_path / "data.npz", **tokens(False))
    recipe = {"format": "prunescope/recipe/1", "default": {"sparsity": 0.5, "criterion": "wanda", "inputs_bits": 8}}
    (tmp_path / "r.json").write_text(json.dumps(recipe))
    assert main(["apply", "--model", "transformers:net", "--data", "data.npz", "--recipe", "r.json", "-o", "out"]) == 0
    rows = json.loads((tmp_path / "out" / "report.json").read_text())["layers"]
    assert all((row["removed"] > 0) == (row["kind"] == "Conv1D") for row in rows)
    assert all((row["inputs_bits"] == 8) == (row["kind"] == "Conv1D") for row in rows)


@pytest.mark.parametrize("package", ["timm", "transformers"])
def test_a_package_that_is_not_installed_is_one_sentence(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ValueError, match=f"{package} is not installed .*pip install {package}"):
        load_model(f"{package}:some")


def test_a_model_of_timm_is_asked_for_with_its_weights(monkeypatch):
    asked = {}

    def create_model(name: str, pretrained: bool) -> nn.Module:
        asked.update(name=name, pretrained=pretrained)
        if name != "small":
            raise RuntimeError(f"Unknown model ({name})")
        return nn.Sequential(nn.Linear(3, 2))

    monkeypatch.setitem(sys.modules, "timm", types.SimpleNamespace(create_model=create_model))
    loaded = load_model("timm:small")
    assert asked == {"name": "small", "pretrained": True}
    assert (loaded.name, loaded.model.training) == ("small", False)
    with pytest.raises(ValueError, match=r"model 'timm:huge': timm cannot give it \(RuntimeError: Unknown model"):
        load_model("timm:huge")


def test_a_folder_that_holds_only_a_pickle_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = bert()
    model.save_pretrained(tmp_path / "net")
    torch.save(model.state_dict(), tmp_path / "net" / "pytorch_model.bin")
    (tmp_path / "net" / "model.safetensors").unlink()
    with pytest.raises(ValueError, match="transformers cannot give it"):
        load_model("transformers:net")
