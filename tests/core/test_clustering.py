import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from core.clustering import Sorted, boundaries, distinct_first, kmeans

MAX_1960 = {1: 0.3634, 2: 0.1175, 3: 0.03454, 4: 0.009497}  # of the variance of a Gaussian, by bits
SHAPES = {
    "normal": lambda random, size: random.normal(size=size),
    "laplace": lambda random, size: random.laplace(size=size),
    "heavy tails": lambda random, size: random.standard_t(3, size=size),
    "uniform": lambda random, size: random.random(size),
    "two humps": lambda random, size: np.concatenate(
        [random.normal(-3, 1, size // 2), random.normal(0, 0.1, size // 2)]
    ),
}


def sorted_rows(*rows: np.ndarray) -> Sorted:
    """Rows of any lengths, each sorted and filled up."""
    counts = np.array([len(row) for row in rows])
    values = np.full((len(rows), max(1, counts.max())), np.inf, np.float32)
    for held, row in zip(values, rows, strict=True):
        held[: len(row)] = np.sort(row)
    return Sorted(values, counts)


def squared_error(values: np.ndarray, levels: np.ndarray) -> float:
    """Of each value to the level next to it, the plain way."""
    return float(((values.astype(np.float64)[:, None] - levels.astype(np.float64)) ** 2).min(1).sum())


def optimum(values: np.ndarray, size: int) -> float:
    """The least squared error of `size` levels, by dynamic programming over all ways to cut the sorted values."""
    wide = np.sort(values).astype(np.float64)
    sums, squares = (np.concatenate([[0.0], np.cumsum(wide**power)]) for power in (1, 2))
    count = np.arange(len(wide) + 1)
    widths = np.maximum(count[None] - count[:, None], 1)
    costs = squares[None] - squares[:, None] - (sums[None] - sums[:, None]) ** 2 / widths  # (from, to)
    costs[count[:, None] > count[None]] = np.inf
    best = costs[0]
    for _ in range(size - 1):
        best = (best[:, None] + costs).min(0)
    return float(best[-1])


@pytest.mark.parametrize("bits", MAX_1960)
def test_a_gaussian_costs_what_max_found(bits):
    values = np.random.default_rng(bits).normal(size=200_000).astype(np.float32)
    found = squared_error(values, kmeans(sorted_rows(values), 2**bits)[0]) / values.size
    # the published figure within 1 %, and three standard deviations of a squared error's mean over this many samples
    assert found == pytest.approx(MAX_1960[bits], rel=0.01 + 3 * np.sqrt(2 / values.size))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [2, 3, 4, 8, 16])
@pytest.mark.parametrize("count", [20, 150, 700])
def test_the_error_is_within_a_hundredth_and_a_half_of_the_optimum(shape, size, count):
    values = SHAPES[shape](np.random.default_rng(count + size), count).astype(np.float32)
    best = optimum(values, size)
    assert squared_error(values, kmeans(sorted_rows(values), size)[0]) <= 1.015 * best + 1e-9 * values.var() * count


FEW = arrays.arrays(np.float32, st.integers(1, 40), elements=st.floats(-4, 4, width=16))


@settings(max_examples=150, deadline=None)
@given(FEW, st.sampled_from([2, 4, 8, 16]))
def test_few_values_are_clustered_at_the_optimum(values, size):
    levels = kmeans(sorted_rows(values), size)[0]
    # prefix sums of 40 values up to 4 are exact to 1e-14, levels to half a float32's last bit
    assert squared_error(values, levels) <= optimum(values, size) + 1e-9


@settings(max_examples=100, deadline=None)
@given(st.lists(FEW, min_size=1, max_size=4), st.sampled_from([2, 4, 16]), st.booleans())
def test_a_row_does_not_depend_on_the_others(rows, size, linear):
    together = kmeans(sorted_rows(*rows), size, linear)
    for levels, row in zip(together, rows, strict=True):
        assert squared_error(row, levels) == pytest.approx(
            squared_error(row, kmeans(sorted_rows(row), size, linear)[0]), rel=1e-6, abs=1e-9
        )


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("scale", [1e-42, 1e-30, 1.0, 1e37])
@pytest.mark.parametrize("values", [[0.0] * 5, [0.1] * 7, [-2.0], [], [1, 1, 2, 3], [-1, 0, 0, 1]], ids=str)
def test_no_more_values_than_levels_are_kept_exactly(values, scale, linear):
    row = np.array(values, np.float32) * np.float32(scale)
    levels = kmeans(sorted_rows(row), 4, linear)
    assert levels.shape == (1, 4)
    assert np.isfinite(levels).all()
    assert set(row.tolist()) <= set(levels[0].tolist())
    assert (np.diff(levels) >= 0).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_the_companded_start_is_never_worse_than_the_linear_one(shape):
    for size in (4, 16, 64, 256):
        values = SHAPES[shape](np.random.default_rng(size), 20_000).astype(np.float32)
        ours, linear = (squared_error(values, kmeans(sorted_rows(values), size, which)[0]) for which in (False, True))
        assert ours <= 1.015 * linear  # both are local optima: ours within 1.5 % of the best one


def test_more_levels_never_raise_the_error():
    for shape, make in SHAPES.items():
        values = make(np.random.default_rng(7), 3000).astype(np.float32)
        errors = [squared_error(values, kmeans(sorted_rows(values), 2**bits)[0]) for bits in range(9)]
        assert errors == sorted(errors, reverse=True), shape


@settings(max_examples=200, deadline=None)
@given(arrays.arrays(np.float32, (2, 8), elements=st.floats(-(2.0**126), 2.0**126, width=32)), FEW)
def test_boundaries_send_a_value_to_its_nearest_level(levels, values):
    levels = distinct_first(levels)
    for row, edges in zip(levels, boundaries(levels), strict=True):
        tested = np.concatenate([values, row])
        chosen = row[np.searchsorted(edges, tested)].astype(np.float64)
        distance = np.abs(tested.astype(np.float64)[:, None] - row.astype(np.float64)).min(1)
        assert (np.abs(chosen - tested) <= distance).all()
        assert np.array_equal(row[np.searchsorted(edges, row)], row)
