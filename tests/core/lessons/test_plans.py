"""A teacher's plan: what is written is read, and what is none is refused in a sentence that names it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from core import lessons
from core.lessons import plans
from core.lessons.plans import FORMAT, Plan

NAMES = [lesson.name for lesson in lessons.lessons()]
VALUES = {lesson.name: plans.ends(lesson)[1] for lesson in lessons.lessons()}
PLANS = some.builds(
    Plan,
    some.lists(some.sampled_from(NAMES), min_size=1, unique=True).map(tuple),
    some.text(max_size=20),
    some.text(max_size=20),
    some.sets(some.sampled_from(NAMES)).map(lambda names: {name: VALUES[name] for name in names}),
)


@given(PLANS)
def test_what_is_written_is_read(plan: Plan) -> None:
    assert plans.read(plans.text(plan)) == plan


@given(some.text() | some.recursive(some.none() | some.integers() | some.text(), some.lists).map(json.dumps))
def test_what_is_no_plan_is_refused_in_a_sentence(written: str) -> None:
    with pytest.raises(ValueError, match=r"^(plan|recipe): .*expected") as told:
        plans.read(written)
    assert len(f"{told.value}") < 600


REFUSED = {
    "format": ({"format": "prunescope/recipe/1"}, "format is 'prunescope/recipe/1'"),
    "key": ({"lessen": []}, "unknown key 'lessen'"),
    "no list": ({"lessons": "magnitude"}, "lessons is no list of names"),
    "none": ({"lessons": []}, "0 lessons, expected 1 to 60"),
    "unknown": ({"lessons": ["magic"]}, "lesson is 'magic', expected one of"),
    "twice": ({"lessons": ["magnitude", "magnitude"]}, "'magnitude' stands in it more than once"),
    "long": ({"model": "m" * 201}, "model is no name of at most 200 characters"),
    "value": ({"values": {"magnitude": 7}}, "the control of 'magnitude' is set to 7, expected 0 to 0.99"),
    "nan": ({"values": {"magnitude": float("nan")}}, "is set to nan"),
    "true": ({"values": {"magnitude": True}}, "values is no table of numbers"),
    "stranger": ({"values": {"magic": 1}}, "lesson is 'magic'"),
}


@pytest.mark.parametrize(("change", "said"), REFUSED.values(), ids=REFUSED)
def test_a_plan_that_cannot_be_says_why(change: dict, said: str) -> None:
    with pytest.raises(ValueError, match="^plan: ") as told:
        plans.read(json.dumps({"format": FORMAT, "lessons": ["magnitude"], **change}))
    assert said in f"{told.value}"
