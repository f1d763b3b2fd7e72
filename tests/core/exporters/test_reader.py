"""The reader that goes out with a file decodes every form as the engine does, without the engine and without torch."""

import json
import random
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from core import container, exporting
from core.compress import compress
from core.encoding import Dense, Kept
from core.exporters import read_prunescope
from core.layer import layers
from core.recipe import Recipe, Settings
from core.seen import Calibration
from tests.core import zoo
from tests.core.test_compress import MIXES

FORMS = [
    Recipe(),
    *map(Recipe, MIXES),
    Recipe(Settings(rank=0.5, factorizer="tucker2", bits=8)),
    Recipe(Settings(inputs_bits=4, bits=4, sparsity=0.3)),
    Recipe(Settings(inputs_bits=16, rank=0.5)),
    Recipe(Settings(sparsity=0.98)),  # positions
    Recipe(Settings(sparsity=0.02)),
    Recipe(Settings(bits=16, coder="float16", group="tensor")),
]
ALONE = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] not in {*sys.stdlib_module_names, 'numpy', 'read_prunescope'}:
            raise ImportError(f'{name} is not here')
sys.meta_path.insert(0, Refuse())
sys.path.insert(0, sys.argv[1])
import numpy, read_prunescope
for path in sys.argv[2:]:
    numpy.savez(path + '.npz', **read_prunescope.load(path))
assert 'torch' not in sys.modules
"""


class Net(nn.Module):
    """A convolution of three sizes, a grouped one, and linear layers, one of them large enough for lanes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.grouped = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 6, 3, padding=1, groups=2)
        self.wide, self.last = nn.Linear(6 * 64, 400), nn.Linear(400, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.wide(self.grouped(self.conv(x).relu()).relu().flatten(1)))


def net() -> nn.Module:
    torch.manual_seed(0)
    return Net().eval().requires_grad_(False)


def written(model: nn.Module, recipe: Recipe) -> tuple[bytes, dict[str, torch.Tensor]]:
    known = layers(model)
    seen = Calibration(model, known, zoo.random(12, 1, 8, 8), torch.arange(12) % 3)
    encoded = compress(known, recipe, {layer.name: seen.at(layer.name) for layer in known})
    data = exporting.serialize(model, known, encoded, {})
    return data, exporting.deserialize(data, model, known)[1]


def test_every_form_decodes_to_the_engines_numbers_in_a_process_that_has_numpy_alone(tmp_path: Path) -> None:
    model, wanted = net(), {}
    for i, recipe in enumerate(FORMS):
        data, wanted[i] = written(model, recipe)
        (tmp_path / f"{i}").write_bytes(data)
    paths = [str(tmp_path / f"{i}") for i in wanted]
    folder = str(Path(read_prunescope.__file__).parent)
    done = subprocess.run([sys.executable, "-I", "-c", ALONE, folder, *paths], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for i, recipe in enumerate(FORMS):
        found = np.load(f"{paths[i]}.npz")
        assert set(found) == set(wanted[i])
        for name, tensor in wanted[i].items():
            expected = tensor.reshape(found[name].shape).numpy()
            product = recipe.default.factors and name.endswith("weight")
            # a product may sum in another order: some ulps of the largest
            atol = 1e-6 * float(np.abs(expected).max(initial=0)) if product else 0
            np.testing.assert_allclose(found[name], expected, rtol=0, atol=atol, err_msg=f"{recipe} {name}")


def test_streams_of_one_lane_and_of_many_are_among_them() -> None:
    encoded = compress(layers(net()), Recipe(Settings(bits=8)))
    assert encoded["wide"].whole.stream.lanes > 1
    assert encoded["conv"].whole.stream.lanes == 1


def test_rows_and_columns_that_stay_are_read_from_bits_and_from_a_stream(tmp_path: Path) -> None:
    known, wide = layers(net()), net().wide.weight
    rows, columns = torch.arange(400) % 50 == 0, torch.arange(6 * 64) % 2 == 0
    columns[5] = True  # no pattern that a run could tell
    encoded = {layer.name: Dense(layer.matrix) for layer in known}
    encoded["wide"] = Kept(rows, columns, Dense(wide[rows][:, columns].contiguous()))
    data = exporting.serialize(net(), known, encoded, {})
    assert len(data) == exporting.file_bytes(net(), known, encoded)
    assert {"wide.weight:rows_ans", "wide.weight:columns"} <= container.opened(data)[0].keys()
    (tmp_path / "model.safetensors").write_bytes(data)
    expected = torch.where(rows[:, None] & columns, wide, 0)
    assert torch.equal(exporting.deserialize(data, net(), known)[1]["wide.weight"], expected)
    found = read_prunescope.load(str(tmp_path / "model.safetensors"))["wide.weight"]
    np.testing.assert_array_equal(found, expected.numpy())


def test_grids_of_inputs_are_told(tmp_path: Path) -> None:
    model = net()
    known = layers(model)
    seen = Calibration(model, known, zoo.random(12, 1, 8, 8), torch.arange(12) % 3)
    encoded = compress(known, Recipe(Settings(inputs_bits=4)), {layer.name: seen.at(layer.name) for layer in known})
    path = tmp_path / "model.safetensors"
    path.write_bytes(exporting.serialize(model, known, encoded, {}))
    found = read_prunescope.grids(str(path))
    assert found == {layer.parameter: tuple(encoded[layer.name].inputs) for layer in known}


def test_the_reader_inflates_with_the_same_beginning() -> None:
    assert read_prunescope.COMMON == container.COMMON


def complaint(path: str) -> str:
    """What the reader says of a file, '' where it reads it."""
    try:
        read_prunescope.load(path)
        read_prunescope.grids(path)
    except ValueError as error:
        return str(error)
    return ""


def enlarged(data: bytearray, chance: random.Random) -> None:
    at = data.find(b'rows\\":')
    if at > 0:
        data[at + 7 : at + 8] = b"99999999"


@pytest.mark.parametrize("plain", [False, True])
def test_damaged_files_are_refused_in_a_sentence_or_read(tmp_path: Path, plain: bool) -> None:
    """A thousand files with bytes flipped, cut out, repeated or written over: no other error, and nothing is made."""
    data = written(zoo.net(), Recipe(Settings(sparsity=0.5, bits=4)))[0]
    if plain:
        tensors, index = container.opened(data)
        data = safetensors.torch.save(tensors, {container.NAME: json.dumps(index, separators=(",", ":"))})
    chance, path = random.Random(0), tmp_path / "damaged"
    refused = 0
    for _ in range(1000):
        mutated = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            CHANGES[chance.randrange(len(CHANGES))](mutated, chance)
        path.unlink(missing_ok=True)  # a file that is cut short and written anew waits for the disk
        path.write_bytes(mutated)
        sentence = complaint(str(path))
        refused += bool(sentence)
        assert not sentence or "is damaged, or no file that Prunescope wrote" in sentence
    assert refused > 100
    assert [each.name for each in tmp_path.iterdir()] == ["damaged"]


CHANGES = (
    lambda data, chance: data.__setitem__(
        chance.randrange(len(data) or 1) if data else slice(0), chance.randrange(256)
    ),
    lambda data, chance: data.__delitem__(slice(chance.randrange(len(data) + 1), None)),
    lambda data, chance: data.__setitem__(slice(0, 8), chance.choice((0, 1, 2**40, 2**63)).to_bytes(8, "little")),
    lambda data, chance: data.__setitem__(slice(8, 8), b"[" * chance.choice((1, 100_000))),
    enlarged,
)


DENSE = {"kind": "dense", "rows": 1, "columns": 1}
KEPT = {"kind": "kept", "run": 1, "values": DENSE}
TALL, WIDE = (KEPT | {"rows": rows, "columns": columns} for rows, columns in ((2**14, 1), (1, 2**14)))
BOOK = {"kind": "codebook", "rows": 1, "columns": 2**13, "width": 1, "block": 2**13}
BITS = torch.zeros(2**11, dtype=torch.uint8)
GREEDY = torch.full((2, 2**9), 2**16 - 1, dtype=torch.uint16)
SMALL = {
    "a matrix of many rows of none": (KEPT | {"rows": 2**40, "columns": 0}, {}),
    "a product of thin factors": (
        {"kind": "low_rank", "groups": 1, "left": TALL, "right": WIDE},
        {"left.rows": BITS, "right.columns": BITS},
    ),
    "factors with rows of another number": (
        {"kind": "low_rank", "groups": 1, "left": TALL, "right": KEPT | {"rows": 2**14, "columns": 1}},
        {"left.rows": BITS, "right.rows": BITS},
    ),
    "a core between": (
        {"kind": "tucker", "groups": 1, "kernel": 1, "left": WIDE, "core": TALL, "right": WIDE},
        {"left.columns": BITS, "core.rows": BITS, "right.columns": BITS},
    ),
    "a side that is a text": (DENSE | {"rows": "9"}, {"values": torch.ones(1)}),
    "codes of many bits": (BOOK | {"width": 2**40}, {"codes_ans": BITS}),
    "levels for many rows": (BOOK, {"codes": BITS[: 2**10], "levels": torch.ones(2**13, 1)}),
    "scales for many rows": (
        BOOK,
        {"codes": BITS[: 2**10], "levels": torch.ones(1, 2), "scale": torch.ones(2**13, 1)},
    ),
    "levels of three dimensions": (BOOK, {"codes": BITS[: 2**10], "levels": torch.ones(1, 2, 2**12)}),
    "scales of three dimensions": (
        BOOK | {"block": 1},
        {"codes": BITS[: 2**10], "levels": torch.ones(1, 2), "scale": torch.ones(1, 2, 2**12)},
    ),
    "a block of many columns": (
        BOOK | {"block": 2**40},
        {"codes": BITS[: 2**10], "levels": torch.ones(1, 2), "scale": torch.ones(1, 2)},
    ),
    "frequencies of more than all": (
        BOOK | {"width": 8},
        {"codes_ans": torch.cat([torch.tensor([2, 7], dtype=torch.uint8), GREEDY.view(torch.uint8).flatten()])},
    ),
}


@pytest.mark.parametrize("name", SMALL)
def test_sizes_that_are_not_so_ask_for_no_memory(tmp_path: Path, name: str) -> None:
    form, parts = SMALL[name]
    assert asked(tmp_path, {"w": form}, parts) < 2**24


WIDE_BOOK = BOOK | {"rows": 2**13, "columns": 2**13}
STREAMS = {
    "codes": (WIDE_BOOK, "codes_ans"),
    "a mask": ({"kind": "sparse", "survivors": 1, "values": WIDE_BOOK}, "mask_ans"),
    "small floats": (WIDE_BOOK | {"kind": "rounded"}, "values_ans"),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_short_stream_of_very_many_symbols_is_refused_without_memory(tmp_path: Path, name: str) -> None:
    form, part = STREAMS[name]
    assert asked(tmp_path, {"w": form}, {part: BITS[:1000]}) < 2**27  # a bool for each weight beforehand
    assert f"a coded stream of 1000 bytes for {2**26} symbols" in complaint(str(tmp_path / "small"))


def test_a_layer_of_equal_codes_is_read(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(500, 400))
    nn.init.constant_(model[0].weight, 0.5)
    data, wanted = written_alone(model, Recipe(Settings(bits=2, coder="affine", group="tensor")))
    (tmp_path / "equal").write_bytes(data)
    assert len(data) < 3000
    found = read_prunescope.load(str(tmp_path / "equal"))
    np.testing.assert_array_equal(found["0.weight"], wanted["0.weight"].detach().numpy())


def written_alone(model: nn.Module, recipe: Recipe) -> tuple[bytes, dict[str, torch.Tensor]]:
    """A model's file without calibration, and what the engine reads from it."""
    known = layers(model)
    data = exporting.serialize(model, known, compress(known, recipe), {})
    return data, exporting.deserialize(data, model, known)[1]


def test_many_matrices_of_a_small_file_are_refused_together(tmp_path: Path) -> None:
    form = KEPT | {"rows": 2**9, "columns": 2**9}
    parts = {side: torch.zeros(2**6, dtype=torch.uint8) for side in ("rows", "columns")}
    assert asked(tmp_path, {f"w{i}": form for i in range(2000)}, parts) < 2**24
    assert "matrices have" in complaint(str(tmp_path / "small"))


def asked(folder: Path, forms: dict[str, object], parts: dict[str, torch.Tensor]) -> int:
    """Bytes that reading a small file takes at most; it must be refused, or read."""
    named = {f"{name}:{part}": tensor.clone() for name in list(forms)[:1] for part, tensor in parts.items()}
    index = json.dumps({"format": "prunescope/weights/3", "forms": forms})
    (folder / "small").write_bytes(safetensors.torch.save(named, {container.NAME: index}))
    tracemalloc.start()
    complaint(str(folder / "small"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak
