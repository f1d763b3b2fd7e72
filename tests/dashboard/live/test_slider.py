"""What Python makes of a slider's values, without a browser."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dashboard.live.slider import Scale, Thumb, clamp, follows, read, text

PRUNE = Scale("Prune", 0.0, 99.0, 0.1, 1, "%", off_at=0, off_text="0 %")
BITS = Scale("Bits", stops=("1", "2", "4", "8", "off"))


def sample(value: object, **more: object) -> dict[str, object]:
    return {"value": value, "seq": 1, "final": False, "rev": 0, "subject": ""} | more


@given(some.floats())
def test_any_number_is_clamped_into_the_scale(value: float) -> None:
    assert 0 <= clamp(PRUNE, value) <= 99
    assert clamp(BITS, value) in range(5)


@pytest.mark.parametrize(
    ("scale", "value", "words"),
    [(PRUNE, 80, "80.0 %"), (PRUNE, 0, "0 %"), (BITS, 0, "1"), (BITS, 4, "off"), (Scale("Rank", 1, 9), 3.0, "3")],
)
def test_a_value_reads_as_text(scale: Scale, value: float, words: str) -> None:
    assert text(scale, value) == words


def test_a_new_sample_is_taken_once() -> None:
    thumb, first = read(Thumb(), sample(40.0), PRUNE, 30.0)
    _, second = read(thumb, sample(40.0), PRUNE, 55.0)
    assert (first.value, first.final, first.seq) == (40.0, False, 1)
    assert (second.value, second.final, second.seq) == (55.0, False, 1)


@pytest.mark.parametrize("value", [None, "7", True, math.nan, math.inf, [], {}])
def test_what_is_no_number_falls_back_to_pythons_value(value: object) -> None:
    thumb, reading = read(Thumb(), sample(value), PRUNE, 30.0)
    assert reading.value == 30.0
    assert thumb.seq == 1


@pytest.mark.parametrize("garbage", [None, 3, "x", [], {}, {"seq": "1"}, {"seq": True, "value": 3}])
def test_what_is_no_sample_is_not_seen(garbage: object) -> None:
    assert read(Thumb(), garbage, PRUNE, 30.0)[1].value == 30.0


def test_a_value_out_of_range_is_clamped() -> None:
    assert read(Thumb(), sample(1e9), PRUNE, 30.0)[1].value == 99.0
    assert read(Thumb(), sample(-3), BITS, 2.0)[1].value == 0.0
    assert read(Thumb(), None, PRUNE, 300.0)[1].value == 99.0


def test_a_value_sent_before_python_moved_the_thumb_is_dropped() -> None:
    assert read(Thumb(rev=2), sample(40.0, rev=1), PRUNE, 30.0)[1].value == 30.0


def test_a_value_for_another_subject_is_dropped() -> None:
    scale = Scale("Prune", 0.0, 99.0, 0.1, subject="fc2")
    assert read(Thumb(), sample(40.0, subject="fc1"), scale, 30.0)[1].value == 30.0


def test_rounding_does_not_move_the_thumb_but_another_subject_does() -> None:
    thumb = Thumb(value=80.3)
    assert follows(thumb, PRUNE, 80.3 / 100 * 100 + 1e-12)
    assert not follows(thumb, PRUNE, 80.4)
    assert not follows(thumb, Scale("Prune", 0.0, 99.0, 0.1, subject="fc2"), 80.3)


@pytest.mark.parametrize(("low", "high", "step"), [(1, 0, 1), (0, 1, 0), (0, math.inf, 1), (math.nan, 1, 1)])
def test_an_impossible_scale_is_refused_by_name(low: float, high: float, step: float) -> None:
    with pytest.raises(ValueError, match="slider 'Prune'"):
        Scale("Prune", low, high, step)
