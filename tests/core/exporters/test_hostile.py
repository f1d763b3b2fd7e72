"""Names and reports that somebody else chose: they are text wherever they go, or one sentence refuses them."""

import ast
import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from core.exporters import EXPORTERS, Subject, export, report_files
from core.exporters.format import FLOAT
from core.loading import Data, Loaded, fingerprint
from tests.core.exporters.subjects import RECIPES, carried_out, subject

NAMES = (
    "<img src=x onerror=alert(1)>",
    "a'b\"c",
    'x\n"""\n__import__(\'os\')\n"""',
    "{0}{name}",
    "%2e%2e/etc",
    "LAYERS = {}",
    "né|`]( ) \\",
    "=1+1",
    "file",
)
TITLE = "<script>alert(1)</script>|`\n---\n# more {x}"


class Named(nn.Module):
    """A layer under each name."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        for name in names:
            self.add_module(name, nn.Linear(8, 8))
        self.last = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for module in self._modules.values():
            x = module(x.relu())
        return x


def named(names: tuple[str, ...] = NAMES) -> Subject:
    torch.manual_seed(0)
    model = Named(names).eval().requires_grad_(False)
    inputs = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    data = Data("<b>data</b>|\n# x", inputs, np.arange(60) % 3)
    return carried_out(Loaded(TITLE, model, fingerprint(model), ""), data, RECIPES["pruned, 4 bits"])


@pytest.mark.parametrize("name", ["safetensors", "safetensors_plain", "torch_prune", "script", "gguf"])
def test_any_name_of_a_layer_goes_out_and_comes_back(name: str) -> None:
    _, checked = export(EXPORTERS[name], named())
    assert checked.left <= FLOAT * checked.largest


def test_a_script_names_layers_as_texts_alone() -> None:
    tree = ast.parse(EXPORTERS["script"].write(named())["compress.py"])
    (layers,) = [node for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "LAYERS"]
    assert set(ast.literal_eval(layers.value)) == {*(f"{name}.weight" for name in NAMES), "last.weight"}
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert "__import__" not in calls


def test_names_are_no_tags_in_the_report_and_no_markdown_in_the_card() -> None:
    given = named()
    page = report_files(given)["report.html"].decode()
    assert "<img" not in page
    assert "<script" not in page
    card = EXPORTERS["huggingface"].write(given)["README.md"].decode()
    assert card.count("\n---\n") == 1  # of the card's own head
    assert not [line for line in card.splitlines() if line.startswith("# more")]
    lines = [line for line in card.splitlines() if "64" in line or "8x8" in line]
    assert len([line for line in lines if line.replace("\\|", "").count("|") == 6]) == len(NAMES)
    assert "\\<img" in card


@pytest.mark.parametrize("name", ["safetensors", "safetensors_plain", "compressed_tensors", "gguf"])
def test_a_name_that_an_archive_cuts_short_is_a_sentence(name: str) -> None:
    with pytest.raises(ValueError, match="read back, .*; nothing is written"):
        export(EXPORTERS[name], named(("\x00cut",)))


WRONG = (None, [], {}, "<script>", [1, 2, 3], 10**400)
PLACES = (
    ("model",),
    ("model", "name"),
    ("accuracy",),
    ("drop_ci95",),
    ("bytes",),
    ("ratio",),
    ("layers",),
    ("versions",),
)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: str(wrong)[:10])
def test_a_report_that_somebody_else_wrote_is_told_or_refused_in_a_sentence(
    place: tuple[str, ...], wrong: object
) -> None:
    given = subject("lenet_300_100", "pruned, 4 bits")
    report = json.loads(given.files["report.json"])
    holder = report
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = wrong
    spoiled = replace(given, files={**given.files, "report.json": json.dumps(report).encode()})
    for write in (report_files, EXPORTERS["huggingface"].write):
        sentence, files = told(write, spoiled)
        assert not sentence or ("report.json is not as 'apply' writes it" in sentence and len(sentence) < 300)
        pages = [data for name, data in files.items() if name.endswith((".html", ".md"))]
        assert not [page for page in pages if b"<script" in page.replace(b"\\<", b"")]


def told(write: Callable[[Subject], dict[str, bytes]], given: Subject) -> tuple[str, dict[str, bytes]]:
    """The sentence that refuses, or the files."""
    try:
        return "", write(given)
    except ValueError as error:
        return str(error), {}
