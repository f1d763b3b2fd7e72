"""Model by export: what a tool reads back says what the format can express, and what it cannot is said before."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from torch import nn
from torch.nn.utils import prune

from core.exporters import EXPORTERS, FACETS, Checked, export, facets, said
from core.exporters.format import FLOAT, put
from core.exporters.states import filled, state
from core.loading import Data, Loaded, fingerprint
from sample_models import SAMPLES
from tests.core import kinds
from tests.core.exporters.subjects import RECIPES, carried_out, of_kinds, subject

QUICK = ("safetensors", "torch", "torch_safetensors", "torch_prune")


def holds(name: str, checked: Checked) -> None:
    assert checked.images == 200
    assert checked.left <= FLOAT * checked.largest
    assert checked.agreement > 0.95


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("model", ["lenet_300_100", "digits_resnet"])
def test_state_dicts_say_what_was_measured(model: str, recipe: str, name: str) -> None:
    given = subject(model, recipe)
    before = fingerprint(given.study.loaded.model)
    files, checked = export(EXPORTERS[name], given)
    assert checked.bytes == sum(map(len, files.values()))
    if "inputs" not in facets(given):
        assert checked.difference == checked.left
        holds(name, checked)
    assert fingerprint(given.study.loaded.model) == before


@pytest.mark.parametrize("name", [*QUICK, "script", "gguf", "safetensors_plain"])
@pytest.mark.parametrize("net", kinds.NETS)
def test_layers_of_every_kind_go_out(net: str, name: str) -> None:
    _, checked = export(EXPORTERS[name], of_kinds(net))
    assert checked.left <= FLOAT * checked.largest


@pytest.mark.parametrize("name", [name for name in EXPORTERS if name not in QUICK])
def test_inputs_on_grids_go_out_or_are_said_to_be_lost(name: str) -> None:
    given = subject("lenet_300_100", "inputs")
    _, checked = export(EXPORTERS[name], given)
    assert checked.agreement > 0.95
    if not EXPORTERS[name].keeps["inputs"].kept:
        assert any("inputs" in each and "lost" in each for each in said(EXPORTERS[name], given))
        assert checked.left <= FLOAT * checked.largest
        assert checked.left < checked.difference


@pytest.mark.parametrize("name", EXPORTERS)
def test_every_format_says_what_becomes_of_every_facet(name: str) -> None:
    assert tuple(EXPORTERS[name].keeps) == FACETS


def test_the_recipes_of_these_tests_have_every_facet() -> None:
    assert {facet for recipe in RECIPES for facet in facets(subject("lenet_300_100", recipe))} == set(FACETS)


@pytest.mark.parametrize("model", SAMPLES)
def test_the_weights_of_a_state_dict_are_those_measured_to_the_bit(model: str) -> None:
    given = subject(model, "pruned, 4 bits")
    own = filled(given, state(given)).state_dict()
    assert all(torch.equal(own[name], tensor) for name, tensor in given.applied.change.tensors.items())


def test_torch_takes_the_masks_for_its_own(tmp_path: Path) -> None:
    given = subject("lenet_300_100", "pruned, 4 bits")
    export(EXPORTERS["torch_prune"], given, tmp_path / "model.pt")
    tensors = torch.load(tmp_path / "model.pt", weights_only=True)
    model = filled(given, state(given))
    for module in model.modules():
        if isinstance(module, nn.Linear):
            prune.identity(module, "weight")
    model.load_state_dict(tensors)
    assert prune.is_pruned(model)
    assert float((model.fc1.weight == 0).float().mean()) >= 0.5
    gone = tensors["fc1.weight_mask"] == 0
    assert torch.equal(tensors["fc1.weight_orig"][gone], given.study.model.fc1.weight[gone])
    for module in (model.fc1, model.fc2, model.fc3):
        prune.remove(module, "weight")
    assert not prune.is_pruned(model)
    assert torch.equal(model.fc1.weight, given.applied.change.tensors["fc1.weight"])


def test_a_script_that_computes_every_weight_brings_no_values() -> None:
    assert list(EXPORTERS["script"].write(subject("lenet_300_100", "pruned, 4 bits"))) == ["compress.py"]
    assert "values.pt" in EXPORTERS["script"].write(subject("lenet_300_100", "shared"))


def test_a_file_is_put_in_one_step_and_never_over_a_folder(tmp_path: Path) -> None:
    put({"model.pt": b"1"}, tmp_path / "a.pt")
    put({"model.pt": b"2"}, tmp_path / "a.pt")
    assert (tmp_path / "a.pt").read_bytes() == b"2"
    assert [each.name for each in tmp_path.iterdir()] == ["a.pt"]
    with pytest.raises(ValueError, match="is a folder"):
        put({"model.pt": b"3"}, tmp_path)
    with pytest.raises(ValueError, match="lies in no folder"):
        put({"model.pt": b"3"}, tmp_path / "no" / "a.pt")


def test_what_is_no_plain_file_is_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="is no plain file"):
        put({"model.pt": b"1"}, tmp_path / "pipe")
    assert (tmp_path / "pipe").is_fifo()
    assert [each.name for each in tmp_path.iterdir()] == ["pipe"]


class Turned(nn.Module):
    """A square weight held with inputs first, and an embedding whose weight is the last layer's too."""

    def __init__(self) -> None:
        super().__init__()
        self.look, self.last = nn.Embedding(9, 8), nn.Linear(8, 9, bias=False)
        self.turned = transformers.pytorch_utils.Conv1D(8, 8)
        self.last.weight = self.look.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.turned(self.look(x.long())).mean(1))


@pytest.mark.parametrize("name", [*QUICK, "torchao", "onnx", "gguf", "safetensors_plain"])
def test_weights_that_lie_otherwise_or_have_two_names_go_out(name: str) -> None:
    torch.manual_seed(0)
    model = Turned().eval().requires_grad_(False)
    data = Data("data", np.arange(90, dtype=np.float32).reshape(30, 3) % 9, np.arange(30) % 3)
    given = carried_out(Loaded("turned", model, fingerprint(model), ""), data, RECIPES["pruned, 4 bits"])
    _, checked = export(EXPORTERS[name], given)
    assert checked.left <= FLOAT * checked.largest
