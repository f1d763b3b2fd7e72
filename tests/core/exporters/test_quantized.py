"""Codes of four and eight bits as torchao and compressed-tensors hold them."""

import json

import pytest
import safetensors.torch
import torch

from core.exporters import EXPORTERS, said
from core.exporters.quantized import packed
from tests.core.exporters.subjects import subject


def test_codes_of_linear_layers_take_four_bits_in_the_packed_format() -> None:
    files = EXPORTERS["compressed_tensors"].write(subject("lenet_300_100", "pruned, 4 bits"))
    tensors = safetensors.torch.load(files["model.safetensors"])
    assert tensors["fc1.weight_packed"].shape == (300, 784 * 4 // 32)
    (group,) = json.loads(files["config.json"])["quantization_config"]["config_groups"].values()
    assert group["targets"] == ["fc1", "fc2", "fc3"]
    assert group["weights"]["num_bits"] == 4


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("columns", [1, 7, 8, 33])
def test_words_hold_codes_from_the_lowest_bits_on(bits: int, columns: int) -> None:
    codes = torch.arange(2 * columns).view(2, columns).remainder(2**bits - 1).sub(2 ** (bits - 1) - 1).to(torch.int8)
    words = packed(codes, bits)
    assert words.shape == (2, -(-columns * bits // 32))
    for row, column in torch.cartesian_prod(torch.arange(2), torch.arange(columns)).tolist():
        word, place = divmod(column * bits, 32)
        found = (int(words[row, word]) >> place & 2**bits - 1) - 2 ** (bits - 1)
        assert found == int(codes[row, column])


@pytest.mark.parametrize("name", ["torchao", "compressed_tensors"])
def test_codes_that_are_not_even_around_zero_are_said_to_go_as_floats(name: str) -> None:
    given = subject("lenet_300_100", "offset, blocks")
    assert any("3 of 3 coded layers go as float32" in each for each in said(EXPORTERS[name], given))
