"""What the pictures of a lesson show is what its control says."""

from __future__ import annotations

import pytest

from core import compress, encoding, lessons, loading
from core.lessons import shown
from core.pipeline import Study, encoded_by
from core.recipe import FIELDS, Recipe, Settings

LESSONS = lessons.lessons()


@pytest.fixture(scope="module")
def subject() -> Study:
    return lessons.study(loading.load_model("lenet5"), loading.load_data("digits"))


def test_a_control_sets_its_field_in_the_type_of_the_settings(subject: Study) -> None:
    magnitude, quantization = lessons.lesson("magnitude"), lessons.lesson("quantization")
    assert shown.recipe(magnitude, subject, 0.8) == Recipe(Settings(sparsity=0.8))
    assert shown.recipe(quantization, subject, 4.0) == Recipe(Settings(bits=4))


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda each: each.name)
def test_the_recipe_of_a_lesson_can_be_carried_out_over_its_whole_control(lesson, subject: Study) -> None:
    control = lesson.control
    for value in (control.low, control.start, control.high):
        compress.check(shown.recipe(lesson, subject, value), subject.known)


@pytest.mark.parametrize("lesson", [each for each in LESSONS if each.pictures], ids=lambda each: each.name)
def test_moving_the_control_moves_the_pictures(lesson, subject: Study) -> None:
    low, high = (shown.recipe(lesson, subject, end) for end in (lesson.control.low, lesson.control.high))
    assert low != high or (lesson.control.field not in FIELDS and lesson.name not in shown.RECIPES)


def test_the_border_of_the_distribution_removes_what_its_lesson_counts(subject: Study) -> None:
    lesson = lessons.lesson("distribution")
    below = lessons.measured(lesson, subject, 0.3).figures["below"]
    name = lessons.opening(lesson, subject)["largest"]
    form = encoded_by(subject, shown.recipe(lesson, subject, 0.3))[name]
    # percent of the same count: exact but for the last digit of a float
    assert 100 * encoding.removed_values(form) / encoding.stored_values(form) == pytest.approx(below)


def test_rows_go_whole_in_the_lesson_of_patterns(subject: Study) -> None:
    forms = encoded_by(subject, shown.recipe(lessons.lesson("patterns"), subject, 0.5))
    gone = forms["conv1"].decode() == 0
    assert gone.all(1).sum() == len(gone) // 2
    assert (gone.all(1) == gone.any(1)).all()
