"""What a training does round by round: the rate and the decay that each phase learns at."""

from dataclasses import replace

import pytest

from core.recipe import Recipe, Settings
from core.training import Options
from core.training.options import WARM
from core.training.rounds import phases, planned

CODED = Recipe(Settings(sparsity=0.5, bits=4))


@pytest.mark.parametrize("rewind", ["rate", "none"])
def test_the_round_with_codes_learns_at_its_own_share_of_the_rate(rewind: str) -> None:
    options = Options(steps=100, rounds=2, custom=(0.5, 1.0), rewind=rewind, codes_rate=0.25)
    *before, last = phases(CODED, options)
    assert [phase.height for phase in before] == [1.0, 1.0]
    assert last.coded
    assert last.height == 0.25
    rates = {True: [], False: []}
    for plan in planned(CODED, options):
        rates[plan.step > 2 * options.steps].append(plan.rate)
    assert max(rates[False]) > 1 - WARM
    assert 0.25 * (1 - WARM) < max(rates[True]) <= 0.25


def test_codes_come_at_once_or_at_a_lower_rate_after_all_else() -> None:
    (only,) = phases(CODED, Options())
    assert (only.coded, only.height) == (True, 1.0)
    first, then = phases(CODED, Options(codes_rate=0.25))
    assert (first.coded, first.share, first.height) == (False, 1.0, 1.0)
    assert (then.coded, then.share, then.height) == (True, 1.0, 0.25)


def test_the_round_with_codes_has_its_own_share_of_the_decay() -> None:
    plain = Recipe(Settings(sparsity=0.5))
    half = Options(codes_decay=0.5)
    for given in (half, replace(half, rounds=3), replace(half, codes_rate=0.1)):
        assert [phase.decay for phase in phases(CODED, given) if phase.coded] == [0.5]
        assert {phase.decay for phase in phases(CODED, given) if not phase.coded} <= {1.0}
        assert {phase.decay for phase in phases(plain, given)} == {1.0}
