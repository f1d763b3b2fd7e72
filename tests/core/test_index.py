import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from core import index
from core.compress import encode
from core.encoding import code_counts
from core.entropy import entropy
from core.recipe import Settings
from tests.core import zoo

floats = st.floats(-4, 4, width=32)
weights = arrays.arrays(np.float32, st.integers(1, 300), elements=floats)


@given(weights, st.data())
def test_the_magnitude_is_the_count_th_smallest(weight, data):
    count = data.draw(st.integers(1, weight.size))
    assert index.magnitude(index.build(weight), count) == np.sort(np.abs(weight))[count - 1]


@given(weights, st.floats(0, 5))
def test_a_cut_counts_what_lies_below_the_threshold(weight, threshold):
    low, high = index.cut(index.build(weight), threshold)
    assert high - low == (np.abs(weight) < np.float32(threshold)).sum()


@given(weights, st.data())
def test_sums_of_any_prefix_are_exact(weight, data):
    built = index.build(weight)
    places = np.array(data.draw(st.lists(st.integers(0, weight.size), min_size=1, max_size=5)))
    plain = [built.values[:place].astype(float).sum() for place in places]
    squares = [(built.values[:place].astype(float) ** 2).sum() for place in places]
    assert np.allclose(index.total(built, places), plain, rtol=1e-12, atol=1e-12)
    assert np.allclose(index.total(built, places, True), squares, rtol=1e-12, atol=1e-12)


def grid_of(encoded) -> index.Grid:
    """The grid of per-tensor codes, for the index."""
    held = encoded.values if hasattr(encoded, "mask") else encoded
    offset = None if held.offset is None else np.float32(held.offset.item())
    return index.Grid(np.float32(held.scale.item()), offset, held.zero, 2 * held.zero or 2**held.width - 1)


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("coder", ["symmetric", "affine"])
@pytest.mark.parametrize("threshold", [0.0, 0.3, 1.1])
def test_a_tick_equals_the_encoded_layer(bits, coder, threshold):
    layer = zoo.linear(zoo.random(70, 90))
    encoded = encode(layer, Settings(threshold=threshold or None, bits=bits, coder=coder, group="tensor"))
    held, mask = (encoded.values, encoded.mask) if threshold else (encoded, None)
    edges = np.linspace(-4.5, 4.5, 101, dtype=np.float32)
    found = index.tick(layer.index, threshold, grid_of(encoded), edges)
    counts = code_counts(held, held.survey(mask))
    assert np.array_equal(found.counts[: len(counts)], counts)
    assert found.entropy == pytest.approx(entropy(counts), rel=1e-12)
    error = (encoded.decode().double() - layer.matrix.double()).square().sum()
    assert found.squared_error == pytest.approx(float(error), rel=1e-6)
    kept = layer.matrix if mask is None else layer.matrix[mask]
    assert np.array_equal(found.kept, np.histogram(kept.numpy(), edges)[0])
    assert found.sparsity == pytest.approx(0 if mask is None else float((~mask).float().mean()), abs=1e-7)


@settings(max_examples=60)
@given(weights, st.integers(2, 8))
def test_code_counts_are_exact_to_the_last_weight(weight, bits):
    layer = zoo.linear(torch.from_numpy(weight)[None])
    encoded = encode(layer, Settings(bits=bits, group="tensor"))
    found = index.tick(layer.index, 0.0, grid_of(encoded), np.array([-5.0, 5.0]))
    assert np.array_equal(found.counts[: 2**bits - 1], code_counts(encoded, encoded.whole)[: 2**bits - 1])


def test_the_index_takes_at_most_four_and_a_half_bytes_a_weight():
    built = index.build(zoo.random(1000, 100).numpy())
    assert (built.values.nbytes + built.sums.nbytes + built.squares.nbytes) / built.values.size <= 4.5


def test_bounds_are_those_of_the_survivors():
    built = index.build(np.array([0.1, 0.2, 0.3, -0.4], np.float32))
    assert index.bounds(built, *index.cut(built, 0.25)) == (np.float32(-0.4), np.float32(0.3))
    assert index.bounds(built, *index.cut(built, 9.0)) == (0, 0)
