"""Several runs' figures and recipes, side by side."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from core import runs
from core.recipe import Recipe, Settings
from core.runs import Run
from core.runs.contrasts import DIMENSIONS
from core.statistics import Tally, estimate
from tests.core.runs.example import SUBJECT

LAYERS = [{"layer": "a", "bytes": 100}, {"layer": "b", "bytes": 25}]


def made(number: int, recipe: Recipe, **figures: object) -> Run:
    report = {"accuracy": 0.9, "images": 1000, "bytes": 500, "weights": 250, "layers": LAYERS} | figures
    return replace(runs.asked(SUBJECT, recipe), number=number, report=report)


def test_figures_are_those_of_the_reports_with_the_interval_of_the_accuracy() -> None:
    table = runs.figures([made(3, Recipe(), sparsity=0.5), made(4, Recipe(), macs=None)])
    assert table["number"].tolist() == [3, 4]
    assert table["bits_per_weight"].tolist() == [4.0, 4.0]
    assert (table["low"][0], table["high"][0]) == estimate(Tally(1000, 900), 1000).accuracy_ci95
    assert table["sparsity"][0] == 0.5
    assert math.isnan(table["macs"][1])


def test_a_run_without_figures_is_a_row_of_nothing_and_no_run_is_no_row() -> None:
    table = runs.figures([replace(runs.asked(SUBJECT, Recipe()), number=1)])
    assert table[list(DIMENSIONS)].isna().all(axis=None)
    assert runs.placed(table).empty
    assert runs.figures([]).empty


@given(some.lists(some.floats(0, 1e9), min_size=1, max_size=6))
def test_places_keep_the_order_and_span_the_row(sizes: list[float]) -> None:
    table = runs.placed(runs.figures([made(i, Recipe(), bytes=size) for i, size in enumerate(sizes)]))
    own = table[table["dimension"] == "bytes"]
    assert own["value"].tolist() == sizes
    if len(set(sizes)) == 1:
        assert set(own["place"]) == {0.5}
    else:
        assert (own["place"].min(), own["place"].max()) == (0.0, 1.0)
        assert own.sort_values("value", kind="stable")["place"].is_monotonic_increasing


def test_only_what_differs_is_a_row_and_a_layer_only_where_it_departs() -> None:
    one = Recipe(Settings(bits=4, sparsity=0.5), {"fc": {"bits": 8}}, bias="correct")
    other = Recipe(Settings(bits=3, sparsity=0.5), {"fc": {"rank": 0.5}})
    table = runs.differing([made(1, one), made(2, other)])
    assert list(table.itertuples(index=False, name=None)) == [
        ("all layers", "bits", 4, 3),
        ("fc", "bits", 8, 3),
        ("fc", "rank", 1.0, 0.5),
        ("afterwards", "bias", "correct", "keep"),
    ]


@pytest.mark.parametrize("recipes", [(Recipe(),), (Recipe(), Recipe()), (Recipe(layers={"a": {"bits": 4}}),) * 3])
def test_equal_recipes_differ_in_nothing(recipes: tuple[Recipe, ...]) -> None:
    assert runs.differing([made(i, recipe) for i, recipe in enumerate(recipes)]).empty
