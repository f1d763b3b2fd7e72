from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from core import encoding
from core.compress import compress
from core.layer import Layer, layers
from core.planning import PLANNERS, global_scores, sensitivity_split
from core.recipe import Recipe, Settings
from tests.core import zoo

SHARED = [name for name in PLANNERS if name != "uniform"]  # those that count the weights of all layers together
shapes = st.lists(
    st.one_of(
        st.tuples(*[st.integers(1, 12)] * 2), st.tuples(st.integers(1, 8), st.integers(1, 4), *[st.integers(1, 3)] * 2)
    ),
    min_size=1,
    max_size=5,
)


def model_of(shapes: list[tuple[int, ...]], seed: int = 0, decimals: int = 2) -> tuple[Layer, ...]:
    """Layers with weights of these shapes, some of them tied, each layer of another size of weights."""
    parts = []
    for i, shape in enumerate(shapes):
        part = nn.Linear(*shape[::-1]) if len(shape) == 2 else nn.Conv2d(shape[1], shape[0], shape[2:])
        weight = (zoo.random(*shape, seed=seed + i) * 4.0 ** -(i % 3)).round(decimals=decimals)
        part.weight = nn.Parameter(weight, requires_grad=False)
        parts.append(part)
    return layers(nn.Sequential(*parts))


def shares(known: tuple[Layer, ...], recipe: Recipe) -> list[int]:
    """How many weights each layer loses."""
    return list(map(encoding.removed_values, compress(known, recipe).values()))


def removed(known, recipe) -> int:
    return sum(map(encoding.removed_values, compress(known, recipe).values()))


@pytest.mark.parametrize("planner", PLANNERS)
def test_an_empty_goal_is_the_identity(planner):
    recipe = PLANNERS[planner](layers(zoo.net()), {})
    assert not any(recipe.settings(name).prunes for name in ("conv1", "conv2", "fc"))


@pytest.mark.parametrize("sparsity", [0.001, 0.1, 0.5, 0.77, 0.9, 0.999])
def test_global_magnitude_removes_the_smallest_of_all_layers(sparsity):
    known = layers(zoo.net())
    recipe = PLANNERS["global_magnitude"](known, {"sparsity": sparsity})
    sizes = torch.cat([layer.matrix.abs().flatten() for layer in known])
    assert removed(known, recipe) == round(sparsity * len(sizes))
    threshold = sizes.sort().values[round(sparsity * len(sizes))]
    assert recipe.default.threshold == float(threshold)


def test_the_strict_count_is_that_of_the_papers():
    known = layers(zoo.net())
    n = sum(layer.matrix.numel() for layer in known)
    recipe = PLANNERS["global_magnitude"](known, {"sparsity": 0.5, "count": "strict"})
    assert removed(known, recipe) == n - -(-n // 2) + 1


@pytest.mark.parametrize("sparsity", [0.1, 0.5, 0.9, 0.999])
def test_tied_weights_still_give_the_exact_count(sparsity):
    model = nn.Sequential(nn.Linear(10, 10), nn.Linear(10, 5)).requires_grad_(False)
    for part in model:
        part.weight.fill_(0.5)
    known = layers(model)
    recipe = PLANNERS["global_magnitude"](known, {"sparsity": sparsity})
    assert removed(known, recipe) == round(sparsity * 150)


def test_other_settings_travel_along():
    recipe = PLANNERS["global_magnitude"](layers(zoo.net()), {"sparsity": 0.5, "bits": 4, "group": "tensor"})
    assert (recipe.default.bits, recipe.default.group) == (4, "tensor")


@pytest.mark.parametrize(
    ("goal", "said"),
    [
        ({"count": "most"}, "count is 'most'"),
        ({"threshold": 0.1}, "threshold is 0.1"),
        ({"spread": 1}, "unknown key 'spread'"),
    ],
)
def test_a_goal_it_does_not_know_is_refused(goal, said):
    with pytest.raises(ValueError, match=said):
        PLANNERS["global_magnitude"](layers(zoo.net()), goal)


def test_weights_that_are_not_finite_name_their_layer():
    model = zoo.net()
    model.fc.weight[0, 0] = float("nan")
    with pytest.raises(ValueError, match="layer 'fc'"):
        PLANNERS["global_magnitude"](layers(model), {"sparsity": 0.5})


@settings(max_examples=60, deadline=None)
@given(shapes, st.floats(0, 0.999), st.integers(0, 10**6), st.sampled_from(SHARED))
def test_the_total_is_met_to_the_weight(shapes, sparsity, seed, planner):
    known = model_of(shapes, seed)
    total = sum(layer.matrix.numel() for layer in known)
    assert removed(known, PLANNERS[planner](known, {"sparsity": sparsity})) == round(sparsity * total)


@pytest.mark.parametrize("planner", SHARED)
def test_what_stays_travels_along_and_a_threshold_is_refused(planner):
    known = layers(zoo.net())
    assert PLANNERS[planner](known, {"sparsity": 0.5, "bits": 4}).default.bits == 4
    with pytest.raises(ValueError, match=r"threshold is 0\.1, expected a sparsity"):
        PLANNERS[planner](known, {"threshold": 0.1})
    with pytest.raises(ValueError, match="no layer with a weight that can be compressed"):
        PLANNERS[planner]((), {"sparsity": 0.5})


@settings(max_examples=60, deadline=None)
@given(shapes, st.floats(0.01, 0.99))
def test_erk_keeps_one_scale_of_the_sums_of_dimensions_below_the_cap(shapes, sparsity):
    known = model_of(shapes)
    gone = shares(known, PLANNERS["erk"](known, {"sparsity": sparsity}))
    sizes = [layer.matrix.numel() for layer in known]
    sums = [sum(layer.weight.shape) for layer in known]
    total = sum(sizes) - round(sparsity * sum(sizes))
    scale = bisected(lambda eps: sum(min(n, eps * s) for n, s in zip(sizes, sums, strict=True)), total)
    for size, width, lost in zip(sizes, sums, gone, strict=True):
        assert abs(size - lost - min(size, scale * width)) < 1 + 1e-6  # a whole number of weights


def bisected(rising, wanted: float) -> float:
    low, high = 0.0, 1e6
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) >= wanted else (middle, high)
    return high


def test_erk_on_lenet_300_100_is_what_a_hand_works_out():
    known = model_of([(300, 784), (100, 300), (10, 100)])
    gone = shares(known, PLANNERS["erk"](known, {"sparsity": 0.9}))
    # LeNet-300-100: the sums 1084 and 400 share what the 1000 weights of the last layer, kept whole, leave
    assert gone[2] == 0
    kept = [235200 - gone[0], 30000 - gone[1]]
    assert sum(kept) == 26620 - 1000
    assert kept[0] / kept[1] == pytest.approx(1084 / 400, rel=1e-3)


@settings(max_examples=40, deadline=None)
@given(shapes, st.floats(0.01, 0.99), st.integers(0, 10**6))
def test_lamp_is_its_formula_ranked_over_all_layers(shapes, sparsity, seed):
    known = model_of(shapes, seed, decimals=6)
    scores = [by_formula(layer) for layer in known]
    pooled = np.concatenate(scores)
    count = round(sparsity * pooled.size)
    gone = shares(known, PLANNERS["lamp"](known, {"sparsity": sparsity}))
    owner = np.repeat(np.arange(len(known)), [each.size for each in scores])
    ordered = np.sort(pooled)
    if 0 < count < len(ordered) and ordered[count] - ordered[count - 1] > 1e-12:  # no tie decides
        assert gone == np.bincount(owner[np.argsort(pooled)[:count]], minlength=len(known)).tolist()
    assert sum(gone) == count


def by_formula(layer: Layer) -> np.ndarray:
    """Lee 2021, eq. 4, one weight at a time; ties by position."""
    squares = layer.matrix.double().square().flatten().tolist()
    order = sorted(range(len(squares)), key=lambda i: squares[i])
    found = np.empty(len(squares))
    for place, i in enumerate(order):
        rest = sum(squares[j] for j in order[place:])
        found[i] = squares[i] / rest if rest else 0.0
    return found


def test_lamp_leaves_every_layer_a_weight_while_weights_are_as_many_as_layers():
    known = model_of([(9, 9), (9, 9), (9, 9)], decimals=6)
    sizes = [layer.matrix.numel() for layer in known]
    gone = shares(known, PLANNERS["lamp"](known, {"sparsity": 1 - 3 / sum(sizes)}))
    assert gone == [size - 1 for size in sizes]  # the largest of each layer scores 1


@settings(max_examples=60, deadline=None)
@given(shapes, st.integers(0, 10**6), st.data())
def test_any_scores_are_ranked_over_all_layers_with_ties_in_order(shapes, seed, data):
    known = model_of(shapes, seed)
    scores = {layer.name: zoo.random(*layer.matrix.shape, seed=seed).round(decimals=1) for layer in known}
    pooled = torch.cat([scores[layer.name].flatten() for layer in known])
    count = data.draw(st.integers(0, len(pooled)))
    owner = torch.repeat_interleave(torch.tensor([layer.matrix.numel() for layer in known]))
    first = pooled.argsort(stable=True)[:count]
    expected = torch.bincount(owner[first], minlength=len(known)).tolist()
    assert shares(known, global_scores(known, Settings(), scores, count)) == expected


def test_magnitudes_as_scores_are_global_magnitude():
    known = layers(zoo.net())
    sizes = {layer.name: layer.matrix.abs() for layer in known}
    total = sum(layer.matrix.numel() for layer in known)
    by_scores = compress(known, global_scores(known, Settings(), sizes, round(0.7 * total)))
    by_threshold = compress(known, PLANNERS["global_magnitude"](known, {"sparsity": 0.7}))
    for name, encoded in by_scores.items():
        assert torch.equal(encoded.decode(), by_threshold[name].decode())


@pytest.mark.parametrize(
    ("change", "count", "said"),
    [
        ({"fc": torch.full((768,), torch.nan)}, 5, "layer 'fc': expected 768 scores"),
        ({"fc": torch.ones(3)}, 5, "layer 'fc': expected 768 scores"),
        ({}, -1, "count is -1"),
        ({}, 10**6, "count is 1000000"),
    ],
)
def test_scores_that_do_not_fit_are_refused(change, count, said):
    known = layers(zoo.net())
    scores = {layer.name: layer.matrix.abs() for layer in known} | change
    with pytest.raises(ValueError, match=said):
        global_scores(known, Settings(), scores, count)


def test_a_layer_without_scores_is_named():
    with pytest.raises(ValueError, match="layer 'conv1': expected 36 scores"):
        global_scores(layers(zoo.net()), Settings(), {}, 5)


curve = st.lists(st.tuples(st.integers(1, 6), st.floats(-3, 30)), min_size=1, max_size=4)


@settings(max_examples=150, deadline=None)
@given(st.lists(curve, min_size=1, max_size=3), st.data())
def test_the_split_has_the_least_summed_drop_of_all(curves, data):
    known = model_of([(2, 3)] * len(curves))
    named = {
        layer.name: [(count / 6, drop) for count, drop in points] for layer, points in zip(known, curves, strict=True)
    }
    costs = [on_hull(points) for points in curves]
    count = data.draw(st.integers(0, sum(len(cost) - 1 for cost in costs)))
    gone = shares(known, sensitivity_split(known, named, {"sparsity": min(count / (6 * len(known)), 0.9999)}))
    assert sum(gone) == count
    choices = [c for c in product(*[range(len(cost)) for cost in costs]) if sum(c) == count]
    best = min(sum(cost[n] for cost, n in zip(costs, choice, strict=True)) for choice in choices)
    assert sum(cost[n] for cost, n in zip(costs, gone, strict=True)) == pytest.approx(best, abs=1e-9)


def on_hull(points: list[tuple[int, float]]) -> list[float]:
    """The lower convex hull of (0, 0) and the points at each whole count, by trying every chord."""
    held = [(0, 0.0), *points]
    return [
        min(
            left[1] + (right[1] - left[1]) * (n - left[0]) / max(1, right[0] - left[0])
            for left, right in product(held, held)
            if left[0] <= n <= right[0] and (left[0] < right[0] or left[0] == n)
        )
        for n in range(max(n for n, _ in held) + 1)
    ]


def test_the_split_takes_from_the_layer_that_feels_it_least():
    known = model_of([(10, 10), (10, 10)])
    curves = {"0": [(0.5, 1.0), (0.9, 10.0)], "1": [(0.5, 3.0), (0.9, 4.0)]}
    recipe = sensitivity_split(known, curves, {"sparsity": 0.55, "bits": 4})
    assert shares(known, recipe) == [50, 60]
    assert recipe.default.bits == 4


def test_a_layer_without_a_curve_stays_whole():
    known = model_of([(10, 10), (10, 10)])
    assert shares(known, sensitivity_split(known, {"1": [(0.8, 1.0)]}, {"sparsity": 0.3})) == [0, 60]


@pytest.mark.parametrize(
    ("curves", "said"),
    [
        ({"1": [(0.5, 1.0)]}, r"sparsity is 0\.6, expected at most 0\.25"),
        ({"9": [(0.5, 1.0)]}, "layer '9' is not in the model"),
        ({"1": [(1.5, 1.0)]}, r"layer '1': \(1\.5, 1\.0\)"),
        ({"1": [(0.5, float("nan"))]}, "layer '1'"),
    ],
)
def test_curves_that_cannot_serve_are_refused(curves, said):
    with pytest.raises(ValueError, match=said):
        sensitivity_split(model_of([(10, 10), (10, 10)]), curves, {"sparsity": 0.6})


@pytest.mark.parametrize("planner", ["global_magnitude", "erk", "lamp"])
@pytest.mark.parametrize("extra", [{"pattern": "row"}, {"rank": 0.5}, {"threshold": 0.1}])
def test_a_planner_that_counts_weights_refuses_what_it_cannot_count(planner, extra):
    with pytest.raises(ValueError, match=next(iter(extra))):
        PLANNERS[planner]((zoo.linear(zoo.random(20, 30)),), {**extra})


def test_the_global_threshold_is_one_of_magnitudes():
    with pytest.raises(ValueError, match="criterion is 'wanda'"):
        PLANNERS["global_magnitude"]((zoo.linear(zoo.random(20, 30)),), {"sparsity": 0.5, "criterion": "wanda"})
