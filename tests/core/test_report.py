import numpy as np
import pytest
import torch

from core import encoding, report
from core.coding import CODERS, WIDTHS
from core.compress import encode, matrices
from core.recipe import Settings
from tests.core import zoo
from tests.core.test_compress import AWKWARD, MIXES


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("settings", MIXES, ids=str)
def test_the_histogram_is_that_of_the_stored_numbers(name, settings):
    layer = AWKWARD[name]
    encoded = encode(layer, settings)
    edges = report.bin_edges(layer, layer.spectrum if isinstance(encoded, encoding.LowRank) else None)
    table = report.histogram(zoo.held(layer, settings), edges)
    kept = removed = 0
    for values, leaf in zip(matrices(layer, settings), encoding.leaves(encoded), strict=True):
        mask = leaf.mask if isinstance(leaf, encoding.Sparse) else torch.ones_like(values, dtype=torch.bool)
        kept = kept + np.histogram(values[mask].numpy(), edges)[0]
        removed = removed + np.histogram(values[~mask].numpy(), edges)[0]
    assert np.array_equal(table["kept"], kept)
    assert np.array_equal(table["removed"], removed)


@pytest.mark.parametrize("sparsity", np.linspace(0.05, 0.95, 19))
def test_ties_of_either_sign_are_counted_where_they_are_removed(sparsity):
    layer = zoo.linear(zoo.random(30, 40).round(decimals=1))
    settings = Settings(sparsity=float(sparsity))
    encoded = encode(layer, settings)
    edges = np.linspace(-3, 3, 62, dtype=np.float32)
    table = report.histogram(zoo.held(layer, settings), edges)
    assert np.array_equal(table["removed"], np.histogram(layer.matrix[~encoded.mask].numpy(), edges)[0])
    assert report.thresholds(zoo.held(layer, settings)) == (float(layer.matrix[~encoded.mask].abs().max()),)


def test_the_spectrum_keeps_all_its_energy_at_full_rank():
    table = report.spectrum(zoo.linear(zoo.random(8, 20)).spectrum)
    assert table["energy"].iloc[-1] == pytest.approx(1.0)
    assert table["value"].is_monotonic_decreasing


@pytest.mark.parametrize("coder", ["symmetric", "affine"])
@pytest.mark.parametrize("bits", range(1, 9))
def test_levels_are_values_that_codes_take(coder, bits):
    encoded = encode(zoo.linear(zoo.random(5, 300)), Settings(bits=bits, coder=coder, group="tensor"))
    levels = report.levels(encoded)
    assert len(levels) == (2**bits - 1 if coder == "symmetric" and bits > 1 else 2**bits)
    assert set(encoded.decode().unique().tolist()) <= set(levels.tolist())


@pytest.mark.parametrize(("coder", "bits"), [(coder, bits) for coder in CODERS for bits in WIDTHS[coder] if bits < 16])
def test_levels_of_a_book_are_values_that_codes_take(coder, bits):
    encoded = encode(zoo.linear(zoo.random(5, 300)), Settings(bits=bits, coder=coder, group="tensor"))
    levels = report.levels(encoded)
    taken = set(encoded.decode().unique().tolist())
    assert levels.tolist() == sorted(set(levels.tolist()))
    assert taken <= set(levels.tolist()) if coder != "float8_e4m3" else not levels.size
