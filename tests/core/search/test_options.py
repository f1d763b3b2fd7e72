import itertools
import random

import pytest

from core.recipe import Settings
from core.search.options import Option, afforded, first, fitted, hull, neighbours


def options(count: int, seed: int) -> list[Option]:
    """The dense one, and others at random."""
    chance = random.Random(seed)
    dense = Option(Settings(), 100.0, 0.0)
    return [dense, *(Option(Settings(bits=4), chance.uniform(1, 99), chance.expovariate(1)) for _ in range(count))]


@pytest.mark.parametrize("seed", range(20))
def test_for_any_price_some_corner_of_the_hull_is_best(seed):
    all_of_them = options(12, seed)
    corners = hull(all_of_them)
    for price in (0.0, 1e-4, 1e-3, 1e-2, 0.1, 1.0):

        def worth(option, price=price):
            return option.harm + price * option.cost

        assert min(map(worth, corners)) == pytest.approx(min(map(worth, all_of_them)))
    costs = [corner.cost for corner in corners]
    assert costs == sorted(costs, reverse=True)
    assert corners[0].harm == 0


def three(seed: int) -> dict[str, list[Option]]:
    """The options of three layers."""
    return {name: options(8, seed * 10 + i) for i, name in enumerate("abc")}


@pytest.mark.parametrize("seed", range(20))
def test_the_fitted_choice_keeps_to_the_harm_and_is_near_the_best_of_all_choices(seed):
    found = three(seed)
    for harm in (0.0, 0.1, 0.5, 2.0):
        picks = fitted(found, harm)
        total = sum(option.harm for option in picks.values())
        assert total <= harm + 1e-12
        allowed = [c for c in itertools.product(*found.values()) if sum(option.harm for option in c) <= harm]
        best = min(sum(option.cost for option in choice) for choice in allowed)
        assert sum(option.cost for option in picks.values()) <= best + 100  # one layer's step from the optimum
        for name, pick in picks.items():  # what is left pays for no cheaper option of any layer
            assert all(o.cost >= pick.cost or total - pick.harm + o.harm > harm - 1e-12 for o in found[name])


@pytest.mark.parametrize("seed", range(20))
def test_the_afforded_choice_keeps_to_the_cost_where_any_does(seed):
    found = three(seed)
    least = sum(min(option.cost for option in each) for each in found.values())
    for cost in (0.0, least, least + 20, 150.0, 300.0):
        picks = afforded(found, cost)
        total = sum(option.cost for option in picks.values())
        assert total <= max(cost, least) + 1e-9
        for name, pick in picks.items():  # nor for one that harms less
            assert all(o.harm >= pick.harm or total - pick.cost + o.cost > cost - 1e-9 for o in found[name])


def test_neighbours_differ_in_one_thing_and_are_all_possible():
    for settings in first():
        for other in neighbours(settings, random.Random(0)):
            changed = [f for f in Settings.__dataclass_fields__ if getattr(other, f) != getattr(settings, f)]
            assert 1 <= len(changed) <= 2, changed
