"""The plain file and its reader of a page: every form decodes as the engine decodes it, and damage is a sentence."""

import json
import math
import random
import subprocess
import sys
import tracemalloc
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings

from core.compress import compress
from core.encoding import Encoded
from core.exporters import read_plain, read_prunescope
from core.exporters.plain_files import READER, written
from core.layer import Layer
from core.recipe import Recipe, Settings
from tests.core.exporters.test_reader import CHANGES
from tests.core.test_everything import KNOWN, MODEL, SEEN, any_settings

LINES = 40  # of the reader, without blank ones
OF_LAYERS = {layer.name: SEEN.at(layer.name) for layer in KNOWN}
SPOILED = 1000


def encoded_by(asked: Settings) -> dict[str, Encoded]:
    return compress(KNOWN, Recipe(asked), OF_LAYERS)


def file_of(encoded: dict[str, Encoded], known: tuple[Layer, ...] = KNOWN) -> bytes:
    return written(MODEL.state_dict(), known, encoded)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=any_settings())
def test_any_settings_decode_to_the_engine_s_numbers_in_the_model_s_own_shapes(tmp_path: Path, asked: Settings) -> None:
    try:
        encoded = encoded_by(asked)
    except ValueError:
        return  # what a layer cannot have
    path = tmp_path / "plain.safetensors"
    path.write_bytes(file_of(encoded))
    found = read_plain.load(str(path))
    assert {name: array.shape for name, array in found.items()} == {
        name: tuple(tensor.shape) for name, tensor in MODEL.state_dict().items()
    }
    for layer in KNOWN:
        meant = layer.parameter_of(encoded[layer.name].decode()).numpy()
        # a product may sum in another order: some ulps of the largest
        atol = 1e-6 * float(np.abs(meant).max()) if asked.factors else 0
        np.testing.assert_allclose(found[layer.parameter], meant, rtol=0, atol=atol, err_msg=layer.name)


def test_the_reader_is_a_page() -> None:
    lines = [line for line in READER.read_text().splitlines() if line.strip()]
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= 120
    assert not [line for line in lines if ";" in line.split("#")[0].split('"""')[0]]


def test_the_file_is_one_that_safetensors_reads_too(tmp_path: Path) -> None:
    tensors = safetensors.torch.load(file_of(encoded_by(Settings(sparsity=0.5, bits=4))))
    assert torch.equal(tensors["conv.bias"], MODEL.conv.bias)
    assert tensors["fc.weight:0.stored"].numel() == (9 * 64 // 2 * 4 + 7) // 8
    assert tensors["fc.weight:0.gone"].numel() == 9 * 64 // 8


def complaint(path: Path) -> str:
    """What the reader says of a file, '' where it reads it."""
    try:
        read_plain.load(str(path))
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("asked", [Settings(sparsity=0.5, bits=4), Settings(rank=0.5, factorizer="tucker2", bits=5)])
def test_damaged_files_are_refused_in_a_sentence_or_read(tmp_path: Path, asked: Settings) -> None:
    data, chance, path = file_of(encoded_by(asked)), random.Random(0), tmp_path / "damaged"
    refused = 0
    for _ in range(SPOILED // 2):
        mutated = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            CHANGES[chance.randrange(len(CHANGES))](mutated, chance)
        path.unlink(missing_ok=True)  # a file that is cut short and written anew waits for the disk
        path.write_bytes(mutated)
        sentence = complaint(path)
        refused += bool(sentence)
        assert not sentence or "is damaged, or no plain file of Prunescope" in sentence
    assert refused > SPOILED // 10
    assert [each.name for each in tmp_path.iterdir()] == ["damaged"]


WORSE = {
    "a matrix of many rows": lambda form: form["parts"][0].update(shape=[2**40, 64]),
    "many rows of none": lambda form: form["parts"][0].update(shape=[2**40, 0]),
    "a large product": lambda form: form.update(shape=[1, 2**20, 2**20, 1]),
    "sides below 0": lambda form: form.update(shape=[1, -(2**20), -(2**20), 1]),
    "sides that are no numbers": lambda form: form.update(shape=["9", 9, 9, 9]),
    "a side that is no number, and a large one": lambda form: (
        form.update(whole=[math.nan], shape=[math.nan, 1, 1, 1]),
        form["parts"][0].update(shape=[2**20, 2**20]),
    ),
    "other axes": lambda form: form["parts"][0].update(axes=[1, 64, 9, 1]),
    "another order": lambda form: form.update(order="ok"),
    "a block below 0": lambda form: form["parts"][0].update(block=-1),
    "no bits": lambda form: form["parts"][0].update(bits=0),
    "many bits": lambda form: form["parts"][0].update(bits=2**30),
    "levels of rows that are not there": lambda form: form["parts"][0].update(row_levels=2**30),
    "no parts": lambda form: form.update(parts=[]),
    "seven parts": lambda form: form.update(parts=form["parts"] * 7),
    "another shape": lambda form: form.update(whole=[3, 5]),
    "no shape": lambda form: form.pop("shape"),
}


@pytest.mark.parametrize("worse", WORSE)
def test_sizes_that_are_not_so_are_refused_without_memory(tmp_path: Path, worse: str) -> None:
    tensors = safetensors.torch.load(file_of(encoded_by(Settings(sparsity=0.5, bits=4))))
    data = file_of(encoded_by(Settings(sparsity=0.5, bits=4)))
    head = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    forms = json.loads(head["prunescope"])
    WORSE[worse](forms["fc.weight"])
    path = tmp_path / "worse"
    path.write_bytes(safetensors.torch.save(tensors, {"prunescope": json.dumps(forms)}))
    tracemalloc.start()
    sentence = complaint(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "is damaged, or no plain file of Prunescope" in sentence
    assert "\n" not in sentence
    assert peak < 2**24


def test_many_large_weights_of_a_small_file_are_refused_together(tmp_path: Path) -> None:
    packed = torch.full((2**9,), 255, dtype=torch.uint8)
    part = {"shape": [2**12, 2**12], "axes": [1, 2**12, 2**12, 1]}
    form = {"whole": [2**24], "shape": [1, 2**12, 2**12, 1], "order": "goik", "parts": [part]}
    forms = json.dumps({f"w{i}": form for i in range(1000)})
    path = tmp_path / "many"
    path.write_bytes(safetensors.torch.save({"w0:0.rows": packed}, {"prunescope": forms}))
    assert "its sizes are too large for so small a file" in complaint(path)


def test_many_tensors_in_the_same_bytes_are_refused_together(tmp_path: Path) -> None:
    half = 2**18
    entry = {"dtype": "BF16", "shape": [half], "data_offsets": [0, 2 * half]}
    head = json.dumps({f"t{i}": entry for i in range(2000)} | {"__metadata__": {"prunescope": "{}"}}).encode()
    path = tmp_path / "shared"
    path.write_bytes(len(head).to_bytes(8, "little") + head + bytes(2 * half))
    assert "its sizes are too large for so small a file" in complaint(path)


MANY = 2**13
OF_PART = {
    "stored": torch.zeros(MANY // 8, dtype=torch.uint8),
    "gone": torch.zeros(1, dtype=torch.uint8),
    "columns": torch.zeros(MANY, dtype=torch.int32),
} | {name: torch.ones(2) for name in ("levels", "scale", "offset")}


@pytest.mark.parametrize("shape", [(MANY, 1), (1, MANY), (1, 1, MANY)])
@pytest.mark.parametrize("part", ["columns", "levels", "scale", "offset"])
def test_tensors_of_another_shape_ask_for_no_memory(tmp_path: Path, part: str, shape: tuple[int, ...]) -> None:
    parts = OF_PART | {part: torch.ones(shape, dtype=OF_PART[part].dtype)}
    said = {"shape": [1, MANY], "axes": [1, 1, MANY, 1], "bits": 1, "block": MANY, "row_levels": 0, "row_scales": 0}
    said |= {name: f"w:0.{name}" for name in parts} | {"sides": [None, "w:0.columns"]}
    form = {"whole": [1, MANY], "shape": [1, 1, MANY, 1], "order": "goik", "parts": [said]}
    path = tmp_path / "tall"
    named = {f"w:0.{name}": tensor for name, tensor in parts.items()}
    path.write_bytes(safetensors.torch.save(named, {"prunescope": json.dumps({"w": form})}))
    tracemalloc.start()
    complaint(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22  # for each weight and each number of them it would be 2^26 and more


@pytest.mark.parametrize("reader", [read_plain, read_prunescope])
def test_on_the_command_line_a_damaged_file_is_a_sentence_and_nothing_is_written(
    tmp_path: Path, reader: ModuleType
) -> None:
    (tmp_path / "damaged").write_bytes(b"no file of Prunescope")
    for name in ("damaged", "nowhere"):
        command = [sys.executable, str(reader.__file__), str(tmp_path / name), str(tmp_path / "weights.npz")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode
        assert done.stderr.count("\n") == 1
        assert name in done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["damaged"]
