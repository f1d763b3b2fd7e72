import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some

from core.latency import Fastest
from core.recipe import Recipe, Settings, to_json
from core.search import AXES, Goal, Point, Told, best, front, front_of, holds, surety, table, worth


def point(size: int, accuracy: float, divergence: float = 0.1, macs: int | None = 1000) -> Point:
    drop = 100 * (0.99 - accuracy)
    return Point(
        Recipe(Settings(bits=4), seed(size)), size, macs, accuracy, drop, drop - 0.3, drop + 0.3, divergence, 2000
    )


def seed(size: int) -> dict[str, dict[str, float]]:
    return {"fc": {"sparsity": size / 1e7}}


DENSE = Point(Recipe(), 10_000, 4000, 0.99, 0.0, -0.1, 0.1, 0.0, 2000)
POINTS = some.lists(
    some.builds(point, some.integers(1, 9_999), some.floats(0, 0.98).map(lambda a: round(a, 3))), max_size=12
)


@given(POINTS)
def test_the_front_of_a_table_is_the_front_of_its_points(points):
    points = [DENSE, *points]
    found = table(points, Goal(drop=1.0))
    kept = front_of(found, "bytes", "accuracy")
    assert list(kept["bytes"]) == [each.bytes for each in front(points)]
    assert list(kept["accuracy"]) == [each.accuracy for each in front(points)]


@given(POINTS, some.permutations(list(AXES)))
def test_whatever_is_not_on_the_front_is_beaten_in_both_axes(points, axes):
    across, up = axes[:2]
    found = table([DENSE, *points], Goal(drop=1.0))
    found["milliseconds"] = np.arange(len(found)) % 3 + 1.0
    kept = front_of(found, across, up)
    signs = [-1 if AXES[name].more else 1 for name in (across, up)]
    costs = found[[across, up]].to_numpy(float) * signs
    held = kept[[across, up]].to_numpy(float) * signs
    assert all((held <= each).all(1).any() for each in costs)
    assert not any(((held <= each).all(1) & (held < each).any(1)).any() for each in held)


def test_points_without_macs_are_on_no_front_of_macs():
    found = table([DENSE, point(500, 0.98, macs=None)], Goal(drop=1.0))
    assert list(front_of(found, "macs", "accuracy")["number"]) == [0]
    assert math.isnan(found.loc[1, "fewer"])


def test_no_points_make_an_empty_table():
    assert table([], Goal(drop=1.0)).empty


def test_the_best_is_marked_until_there_is_a_result():
    points = [DENSE, point(500, 0.985), point(700, 0.986)]
    goal = Goal(drop=1.0)
    assert table(points, goal)["best"].tolist() == [False, True, False]
    assert table(points, goal, Told(points[2].recipe))["best"].tolist() == [False, False, True]


def test_of_two_files_of_one_size_the_nearer_to_dense_is_best():
    nearer, other = point(500, 0.986, divergence=0.01), point(500, 0.988, divergence=0.02)
    goal = Goal(drop=1.0)
    assert best([DENSE, other, nearer], goal) is nearer
    assert worth(nearer, goal) < worth(other, goal)


def test_times_stand_beside_the_recipe_and_the_dense_model():
    points = [DENSE, point(500, 0.985), point(700, 0.986)]
    timed = Fastest("int8", 0.5, 0.25, True, 2.0, ())
    found = table(points, Goal(drop=1.0), Told(times={to_json(points[1].recipe, indent=None): timed}))
    assert found["milliseconds"].tolist()[:2] == [2.0, 0.5]
    assert found.loc[1, "faster"] == 4.0
    assert found.loc[1, "saves"]
    assert pd.isna(found.loc[2, "milliseconds"])


@pytest.mark.parametrize(("drop", "sure"), [(0.5, 0.5), (0.2, 0.975), (0.8, 0.025)])
def test_how_sure_the_drop_is_within_the_goal_is_the_normal_curves(drop, sure):
    found = DENSE._replace(drop=drop, low=drop - 0.3, high=drop + 0.3)  # 0.3 is 1.96 standard errors
    assert surety(found, Goal(drop=0.5)) == pytest.approx(sure, abs=1e-3)


def test_a_drop_without_any_doubt_is_sure_or_not():
    certain = DENSE._replace(low=0.0, high=0.0)
    for goal in (Goal(drop=0.0), Goal(bytes=20_000), Goal(bytes=1)):
        assert surety(certain, goal) == float(holds(certain, goal))
