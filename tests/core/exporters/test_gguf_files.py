"""GGUF files: ggml-org's own package reads what was written, each value within half a step of the recipe's."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType, GGUFReader
from gguf.quants import dequantize
from torch import nn

from core.compress import compress
from core.encoding import Encoded, Sparse
from core.exporters import EXPORTERS, Subject, child, said
from core.exporters.coded import Whole
from core.exporters.gguf_files import fitted, half_step, packed
from core.layer import Layer, layers
from core.loading import Data, Loaded, fingerprint
from core.recipe import Recipe, Settings, from_json
from tests.core import zoo
from tests.core.exporters.subjects import RECIPES, carried_out, subject

BLOCKS = {"group": "256"}
TYPES = [
    (Settings(), "F32"),
    (Settings(sparsity=0.5), "F32"),
    (Settings(sparsity=0.5, bits=4), "Q4_0"),
    (Settings(bits=3, group="64"), "Q4_0"),
    (Settings(bits=5, group="tensor"), "Q5_0"),
    (Settings(bits=8), "Q8_0"),
    (Settings(bits=4, coder="affine"), "Q4_1"),
    (Settings(bits=5, coder="affine", group="32"), "Q5_1"),
    (Settings(bits=2, coder="ternary", sparsity=0.3), "TQ1_0"),
    (Settings(bits=2, coder="ternary", group="256"), "TQ1_0"),
    (Settings(bits=4, coder="affine", sparsity=0.5), "Q8_0"),  # 0 is on no code, and stays 0
    (Settings(bits=3, group="16"), "Q8_0"),
    (Settings(bits=3, coder="kmeans"), "Q8_0"),
    (Settings(bits=16, coder="bfloat16"), "BF16"),
    (Settings(bits=16, coder="float16"), "F16"),
    (Settings(rank=0.5, bits=4), "F32"),
]


def coded(settings: Settings, shape: tuple[int, ...] = (6, 512)) -> tuple[Layer, Encoded, torch.Tensor]:
    """A layer, its encoded form, and the weight that it decodes to."""
    model = nn.Linear(shape[1], shape[0], bias=False)
    model.weight = nn.Parameter(zoo.random(*shape), requires_grad=False)
    (layer,) = layers(model)
    encoded = compress((layer,), Recipe(settings))[layer.name]
    return layer, encoded, layer.parameter_of(encoded.decode())


@pytest.mark.parametrize(("settings", "name"), TYPES)
def test_a_weight_goes_in_the_smallest_type_within_half_a_step(settings: Settings, name: str) -> None:
    layer, encoded, weight = coded(settings)
    data, kind = fitted(encoded, layer, weight)
    assert kind.name == name
    found = torch.from_numpy(dequantize(data, kind))
    assert bool(((found - weight).abs() <= half_step(encoded)).all())
    if isinstance(encoded, Sparse):
        assert bool((found[~encoded.mask] == 0).all())


@pytest.mark.parametrize("columns", [1, 31, 33, 784])
def test_rows_that_are_no_multiple_of_a_block_go_as_floats(columns: int) -> None:
    layer, encoded, weight = coded(Settings(bits=4), (3, columns))
    data, kind = fitted(encoded, layer, weight)
    assert kind.name in ("F16", "BF16")
    assert dequantize(data, kind).shape == weight.shape


@pytest.mark.parametrize("size", [1e-30, 1e-7, 1.0, 1e6, 1e30])
def test_scales_that_float16_cannot_hold_are_not_rounded_to_it(size: float) -> None:
    layer, encoded, weight = coded(Settings(bits=4))
    large = nn.Linear(512, 6, bias=False)
    large.weight = nn.Parameter(size * layer.weight, requires_grad=False)
    (layer,) = layers(large)
    encoded = compress((layer,), Recipe(Settings(bits=4)))[layer.name]
    weight = encoded.decode()
    data, kind = fitted(encoded, layer, weight)
    assert bool((np.abs(dequantize(data, kind) - weight.numpy()) <= half_step(encoded).numpy()).all())
    assert (kind.name == "Q4_0") == (size in (1.0,))


@pytest.mark.parametrize("bits", [4, 5, 8])
@pytest.mark.parametrize("offset", [False, True])
@pytest.mark.parametrize("blocks", [1, 3])
def test_blocks_decode_to_their_codes_times_a_scale_in_float16(bits: int, offset: bool, blocks: int) -> None:
    if offset and bits == 8:
        return
    low, high = (0, 2**bits) if offset else (-(2 ** (bits - 1)), 2 ** (bits - 1))
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(low, high, (5, 96), generator=generator).to(torch.uint8 if offset else torch.int8)
    scale, zero = zoo.random(5, blocks).abs().half().float(), zoo.random(5, blocks, seed=1).half().float()
    held = Whole(codes, scale, zero if offset else None, 96 // blocks, bits)
    kind = GGMLQuantizationType[f"Q{bits}_{int(offset)}"]
    expected = codes.float() * scale.repeat_interleave(96 // blocks, 1)
    expected = expected + zero.repeat_interleave(96 // blocks, 1) if offset else expected
    np.testing.assert_array_equal(dequantize(packed(held, bits), kind), expected.numpy())


def opened(given: Subject, folder: Path) -> GGUFReader:
    (folder / "model.gguf").write_bytes(EXPORTERS["gguf"].write(given)["model.gguf"])
    return GGUFReader(folder / "model.gguf")


def test_the_file_holds_the_model_s_names_and_the_recipe(tmp_path: Path) -> None:
    given = subject("digits_vit", "pruned, 4 bits")
    reader = opened(given, tmp_path)
    assert {each.name for each in reader.tensors} == set(given.study.model.state_dict())
    assert from_json(reader.get_field("prunescope.recipe").contents()) == given.recipe
    assert reader.get_field("general.name").contents() == "digits_vit"
    assert {each.name: each.tensor_type.name for each in reader.tensors}["block1.fc1.weight"] == "Q4_0"


def test_a_weight_that_is_read_back_otherwise_is_not_exported(tmp_path: Path) -> None:
    given = subject("lenet_300_100", "pruned, 4 bits")
    last = opened(given, tmp_path).tensors[-1]
    data = bytearray((tmp_path / "model.gguf").read_bytes())
    data[last.data_offset + last.n_bytes - 1] ^= 64  # the largest bit of the last number
    (tmp_path / "model.gguf").write_bytes(data)
    with pytest.raises(ValueError, match=r"read back, .* is off by .*, more than half a step"):
        EXPORTERS["gguf"].answers(given, tmp_path / "model.gguf")


class Long(nn.Module):
    """A layer with a name that ggml does not read, and a tensor of each awkward shape."""

    def __init__(self) -> None:
        super().__init__()
        self.add_module("l" * 70, nn.Linear(4, 3))
        self.register_buffer("five", torch.ones(1, 2, 1, 2, 1))
        self.register_buffer("empty", torch.ones(0, 3))
        self.register_buffer("count", torch.tensor(7))
        self.register_buffer("flags", torch.tensor([True, False]))
        self.register_buffer("wide", torch.tensor([1.1], dtype=torch.float64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.get_submodule("l" * 70)(x) + self.five.sum() + self.count + self.wide.float() + self.flags.sum()


def test_names_and_shapes_that_ggml_does_not_read_are_said(tmp_path: Path) -> None:
    model = Long().eval().requires_grad_(False)
    data = Data("data", np.ones((30, 4), np.float32), np.arange(30) % 3)
    given = carried_out(Loaded("long", model, fingerprint(model), ""), data, RECIPES["as it was"])
    told = " ".join(said(EXPORTERS["gguf"], given))
    assert "2 names have more than 63 letters" in told
    assert "1 tensors of five dimensions" in told
    reader = opened(given, tmp_path)
    assert {each.name: each.tensor_type.name for each in reader.tensors if len(each.name) < 10} == {
        "five": "F32",
        "count": "I64",
        "flags": "I64",
        "wide": "F64",
    }
    EXPORTERS["gguf"].answers(given, tmp_path / "model.gguf")


def test_an_array_without_end_is_refused_where_the_file_ends(tmp_path: Path) -> None:
    array = (9, 0, 2**40)  # of so many bytes, of which none is there
    head = struct.pack("<4sIQQQ1sIIQ", b"GGUF", 3, 0, 1, 1, b"a", *array)
    (tmp_path / "endless.gguf").write_bytes(head)
    with pytest.raises(ValueError, match="gguf_weights.py, it failed: ValueError: it ends before its byte"):
        child.decoded(child.READERS / "gguf_weights.py", tmp_path / "endless.gguf")
