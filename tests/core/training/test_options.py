from itertools import pairwise

import pytest

from core.training import SCHEDULES, Options, shares
from core.training.options import CHECKS, FIELDS, rate_at


@pytest.mark.parametrize("rounds", [1, 2, 7])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules_never_fall_and_end_at_the_goal(schedule, rounds):
    found = shares(Options(rounds=rounds, schedule=schedule))
    assert len(found) == rounds
    assert found[-1] == 1
    assert all(0 < a <= b for a, b in pairwise((found[0], *found)))


def test_the_cubic_schedule_is_that_of_its_paper():
    goal, rounds = 0.9, 5
    for number, share in enumerate(shares(Options(rounds=rounds)), 1):
        assert goal * share == pytest.approx(goal + (0 - goal) * (1 - number / rounds) ** 3)


def test_custom_shares_must_rise_to_the_goal():
    assert shares(Options(rounds=2, custom=(0.4, 1.0))) == (0.4, 1.0)
    for wrong in ((0.5, 0.4), (0.5, 0.9), (0.2, 0.5, 1.0)):
        with pytest.raises(ValueError, match="expected 2 shares, one a round, that never fall and end at 1"):
            Options(rounds=2, custom=wrong)


def test_the_learning_rate_rises_and_falls_to_nothing():
    found = [rate_at(step / 1000) for step in range(1000)]
    top = found.index(max(found))
    assert 0 < found[0] < 0.2
    assert all(a <= b for a, b in pairwise(found[:top]))
    assert all(a >= b for a, b in pairwise(found[top:]))
    assert max(found) <= 1
    assert found[-1] < 1e-4


def test_every_option_is_checked():
    assert set(CHECKS) == set(FIELDS)
    for name in FIELDS:
        with pytest.raises(ValueError, match=f"{name} is "):
            Options(**{name: "nonsense"})
