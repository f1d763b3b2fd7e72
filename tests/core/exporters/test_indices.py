"""The index that a weights file begins with: what it leaves out is read, and what it forges is refused."""

import json
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch

from core import container, exporting
from core.encoding import Dense, Kept, Sparse
from core.exporters import read_prunescope
from core.layer import layers
from tests.core.exporters.test_reader import complaint, net


def forged(index: bytes, tensors: bytes = b"") -> bytes:
    """A weights file with any index, and any bytes after it."""
    deflate = zlib.compressobj(1, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, container.COMMON)
    text = deflate.compress(index) + deflate.flush()
    held = np.frombuffer(len(text).to_bytes(4, "little") + text + tensors, np.uint8)
    return safetensors.numpy.save({container.NAME: held})


def test_channels_that_are_gone_are_told_once(tmp_path: Path) -> None:
    model, path = net(), tmp_path / "model.safetensors"
    known, rows = layers(model), torch.arange(400) % 3 == 0
    encoded = {layer.name: Dense(layer.matrix) for layer in known}
    encoded["wide"] = Kept(rows, torch.ones(6 * 64, dtype=torch.bool), Dense(model.wide.weight[rows].contiguous()))
    bias = model.wide.bias.detach()[None]
    encoded["wide.bias"] = Sparse(rows[None], Dense(bias))
    data = exporting.serialize(model, known, encoded, {})
    assert len(data) == exporting.file_bytes(model, known, encoded)
    twice = container.packed(exporting.stored(model, known, encoded), container.opened(data)[1])
    assert len(twice) - len(data) >= 40  # 400 bits, less what the index says of them
    path.write_bytes(data)
    read, tensors = exporting.deserialize(data, model, known)
    assert torch.equal(read["wide.bias"].mask[0], rows)
    assert torch.equal(tensors["wide.bias"], torch.where(rows, bias[0], 0))
    for name, found in read_prunescope.load(str(path)).items():
        np.testing.assert_array_equal(found.ravel(), tensors[name].numpy().ravel())


@pytest.mark.parametrize("place", [-2, -3, -(2**40)])
def test_a_tensor_that_is_as_one_not_before_it_is_refused_in_a_sentence(tmp_path: Path, place: int) -> None:
    index = {"format": exporting.FORMAT, "forms": {}, "tensors": [["a", 1], ["b", place]]}
    data = forged(json.dumps(index).encode(), b"a")
    (tmp_path / "forged").write_bytes(data)
    assert "damaged" in complaint(str(tmp_path / "forged"))
    with pytest.raises(ValueError, match="expected one of the 1 before it"):
        container.opened(data)


def test_an_index_that_inflates_to_more_than_any_is_refused_without_memory(tmp_path: Path) -> None:
    (tmp_path / "bomb").write_bytes(forged(b" " * 2**27))
    tracemalloc.start()
    assert complaint(str(tmp_path / "bomb"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**26
