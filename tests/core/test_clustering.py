import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from core.clustering import Sorted, boundaries, distinct_first, in_order, kmeans
from core.clustering.rows import MANY, summed

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


def runs(values: np.ndarray, count: int) -> Sorted:
    """Values in runs that are sorted apart and clustered as one."""
    return sorted_rows(*np.array_split(values, count))._replace(together=True)


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


FAR = SHAPES | {"one far value": lambda random, size: np.append(random.normal(size=size - 1), 100)}
ORDERS = {"as drawn": lambda values: values, "each run of its own range": np.sort}


@pytest.mark.parametrize("shape", FAR)
@pytest.mark.parametrize("order", ORDERS)
def test_two_runs_cost_no_more_than_one_row(shape, order):
    for size in (4, 16, 64):
        values = ORDERS[order](FAR[shape](np.random.default_rng(size), 10_000).astype(np.float32))
        apart, one = (squared_error(values, kmeans(held, size)[0]) for held in (runs(values, 2), sorted_rows(values)))
        assert apart <= 1.015 * one  # both are local optima: each within 1.5 % of the best one


@pytest.mark.parametrize("linear", [False, True])
@settings(max_examples=100, deadline=None)
@given(values=FEW, count=st.integers(1, 9), size=st.sampled_from([2, 4, 16]))
def test_few_values_in_runs_have_the_levels_of_one_row(values, count, size, linear):
    assert np.array_equal(kmeans(runs(values, count), size, linear), kmeans(sorted_rows(values), size, linear))


@pytest.mark.parametrize("distinct", [16, 17, 40])
def test_ties_in_runs_cost_no_more_than_in_one_row(distinct):
    values = np.random.default_rng(distinct).binomial(distinct - 1, 0.5, 20_000).astype(np.float32)
    values[:distinct] = np.arange(distinct)
    apart, one = (squared_error(values, kmeans(held, 16)[0]) for held in (runs(values, 2), sorted_rows(values)))
    assert apart <= 1.015 * one  # 0 where every value has a level


@pytest.mark.parametrize("count", [0, 1, 100, MANY - 1, MANY, MANY + 3])
def test_values_in_order_are_those_that_are_finite(count):
    values = np.random.default_rng(2).normal(size=count).astype(np.float32)
    values[::3] = np.inf
    held = in_order(values)
    kept = np.concatenate([row[:most] for row, most in zip(held.values, held.counts, strict=True)])
    assert np.array_equal(np.sort(kept), np.sort(values[np.isfinite(values)]))
    assert all((np.diff(row[:most]) >= 0).all() for row, most in zip(held.values, held.counts, strict=True))
    assert np.isinf(held.values).sum() + kept.size == held.values.size
    again = summed(held._replace(sums=None))
    assert np.array_equal(again.before, held.sums.before)
    assert np.array_equal(again.squares, held.sums.squares)


def test_levels_of_runs_stay_within_values_whose_ties_leave_some_empty():
    random = np.random.default_rng(38)
    often = random.random(20) ** 6
    values = random.choice(np.cumsum(random.random(20) ** 3), 10_000, p=often / often.sum()).astype(np.float32)
    levels = kmeans(runs(values, 2), 16)
    assert levels.min() >= values.min()
    assert levels.max() <= values.max()


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("scale", [2.0**-120, 2.0**-60, 1.0, 2.0**60, 2.0**120])
def test_the_scale_of_the_values_does_not_matter(count, scale):
    values = np.random.default_rng(0).normal(size=10_000).astype(np.float32)
    levels, scaled = (kmeans(runs(own, count), 16)[0] for own in (values, values * np.float32(scale)))
    # a block's last bit may send a value at a cut to the other side: one of hundreds at a level
    assert scaled / scale == pytest.approx(levels, abs=1e-3)


@pytest.mark.parametrize("middle", [0.0, 1.0, 1000.0])
def test_sums_of_blocks_are_float64s(middle):
    values = np.random.default_rng(1).normal(middle, size=100_000).astype(np.float32)
    held = sorted_rows(values)
    sums, wide = summed(held), held.values[0].astype(np.float64)
    exact = np.concatenate([[0.0], np.cumsum(wide)])[:: sums.step]
    # a block's sum in float32 is off by a few 2^-24 of it, either way: those of many add up as the root of their number
    assert np.abs(sums.before[0] - exact).max() <= 4 * 2.0**-24 * np.abs(wide).sum() / np.sqrt(len(exact))
    assert sums.squares[0] == pytest.approx((wide**2).sum(), rel=1e-8)


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
