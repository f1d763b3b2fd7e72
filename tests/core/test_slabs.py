import numpy as np
import pytest
import torch

from core import slabs
from core.compress import encode
from core.encoding import Sparse
from core.layer import Layer
from core.recipe import Settings
from tests.core import zoo

WEIGHTS = {
    "float32": zoo.random(37, 24),
    "bfloat16": zoo.random(37, 24).bfloat16(),
    "float16": zoo.random(37, 24).half(),
    "ties": torch.randint(-2, 3, (37, 24), generator=torch.Generator().manual_seed(0)).float(),
    "zeros": torch.zeros(37, 24),
    "convolution": zoo.random(37, 4, 3, 2),
}


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("sparsity", [0.0, 0.01, 0.5, 0.93])
@pytest.mark.parametrize(
    "stored",
    [{}, *({"bits": 4, "group": group, "coder": c} for group in ("channel", "8", "tensor") for c in slabs.EVEN)],
    ids=str,
)
def test_rows_at_a_time_give_what_all_at_once_give(monkeypatch, name, sparsity, stored):
    monkeypatch.setattr(slabs, "ROWS", 5 * 24)
    layer, settings = Layer("w", "w", "Weight", WEIGHTS[name], 1), Settings(sparsity=sparsity, **stored)
    whole, made = encode(layer, settings), slabs.encoded(layer, settings)
    assert whole.form() == made.form()
    assert torch.equal(whole.decode(), made.decode())
    if isinstance(whole, Sparse):
        assert torch.equal(whole.mask, made.mask)
    assert all(torch.equal(made.tensors()[part], values) for part, values in whole.tensors().items())


def test_weights_that_are_no_numbers_are_named(monkeypatch):
    monkeypatch.setattr(slabs, "ROWS", 5 * 24)
    weight = WEIGHTS["float32"].clone()
    weight[3, 3] = np.nan
    with pytest.raises(ValueError, match="layer 'w': 1 of 888 weights are NaN"):
        slabs.encoded(Layer("w", "w", "Weight", weight, 1), Settings(sparsity=0.5))
