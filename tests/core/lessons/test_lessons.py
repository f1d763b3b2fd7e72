"""Every lesson, held to what it is made from: the model that is loaded."""

import importlib
import inspect
import re
import sys
import threading
from itertools import pairwise
from types import FrameType

import pandas as pd
import pytest
import torch

import sample_models
from core import lessons as learn
from core import loading
from core.lessons.claims import claims
from core.lessons.filling import named, names
from core.lessons.format import Lesson
from core.pipeline import Study
from core.recipe import FIELDS

LESSONS = learn.lessons()
SAMPLES = list(sample_models.SAMPLES)
SENTENCE = re.compile(r"(?<=[.!?])\s+")
CHOSEN = re.compile(r"\{[^{}?]*\?([^{}:]*):[^{}]*\}")
SMALL = "lenet5"  # the smallest sample that every lesson can have
each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda each: each.name)


def fresh(sample: str) -> Study:
    """A sample on its data that nothing was measured of."""
    loaded = loading.load_model(sample)
    return learn.study(loaded, loading.load_data(loaded.data))


@pytest.fixture(scope="module")
def subjects() -> dict[str, Study]:
    return {name: fresh(name) for name in SAMPLES}


@pytest.fixture(scope="module")
def found(subjects) -> dict[tuple[str, str], learn.Measured]:
    """What every lesson measured of every sample that can have it."""
    return {
        (lesson.name, name): learn.measured(lesson, subject)
        for name, subject in subjects.items()
        for lesson in LESSONS
        if not learn.why_not(lesson, subject)
    }


def before(lesson: Lesson) -> list[str]:
    """The texts that are read before anything is measured."""
    control, predict = lesson.control, lesson.predict
    return [
        *(lesson.title, *lesson.idea, predict.question, predict.axis, predict.along, *predict.choices),
        *(control.label, control.hint, *control.stops, lesson.plot.x_label, lesson.plot.y_label),
        *(symbol.meaning for symbol in lesson.symbols),
    ]


def after(lesson: Lesson) -> list[str]:
    """The texts that speak of what was measured."""
    return [text for question in lesson.questions for text in (question.asks, *question.choices, question.explains)]


def run(lesson: Lesson) -> list[str]:
    """The texts that speak of the wrong version."""
    return [] if lesson.wrong is None else [lesson.wrong.what]


def stated(lesson: Lesson) -> list[str]:
    """All texts that may hold a claim: labels of axes and choices, right and wrong ones, state nothing."""
    asked = [text for question in lesson.questions for text in (question.asks, question.explains)]
    control = (lesson.control.label, lesson.control.hint)
    meanings = [symbol.meaning for symbol in lesson.symbols]
    return [lesson.title, *lesson.idea, lesson.predict.question, *control, *meanings, *asked, *run(lesson)]


@each_lesson
def test_a_text_states_no_number_and_no_comparison_by_itself(lesson):
    assert {text: claims(text) for text in stated(lesson) if claims(text)} == {}


@each_lesson
def test_sentences_are_short(lesson):
    """What holds up a young reader is the length of sentences: 40 words at most, 18 on average."""
    texts = [CHOSEN.sub(r"\1", text) for text in stated(lesson)]
    lengths = [len(sentence.split()) for text in texts for sentence in SENTENCE.split(text)]
    assert max(lengths) <= 40
    assert sum(lengths) / len(lengths) <= 18


@each_lesson
def test_every_figure_that_a_text_names_is_measured(lesson, subjects, found):
    asked = [question.right for question in lesson.questions if isinstance(question.right, str)]
    for name, subject in subjects.items():
        if (lesson.name, name) not in found:
            continue
        opening = learn.opening(lesson, subject)
        measured = found[lesson.name, name].figures
        assert set().union(*map(names, before(lesson))) <= opening.keys()
        assert set().union(*map(names, after(lesson)), *map(named, asked)) <= measured.keys()
        if lesson.wrong is not None:
            assert set().union(*map(names, run(lesson))) <= learn.ran_wrong(lesson, subject).figures.keys()


@each_lesson
@pytest.mark.parametrize("sample", SAMPLES)
def test_a_lesson_works_with_a_sample_or_says_why_not(lesson, sample, subjects, found):
    subject = subjects[sample]
    why = learn.why_not(lesson, subject)
    if why:
        assert f"'{sample}'" in why
        with pytest.raises(ValueError, match=sample):
            learn.measured(lesson, subject)
        return
    measured = found[lesson.name, sample]
    texts = [learn.filled(text, measured.figures) for text in (*before(lesson), *after(lesson))]
    texts += [learn.filled(text, learn.ran_wrong(lesson, subject).figures) for text in run(lesson)]
    assert not [text for text in texts if "{" in text or "}" in text or "nan" in text.lower().split()]
    for question in lesson.questions:
        assert 0 <= learn.right(question, measured.figures) < len(question.choices)


@each_lesson
def test_the_table_has_what_the_plot_draws_and_the_answer_fits_the_prediction(lesson, subjects, found):
    plot = lesson.plot
    for sample, subject in subjects.items():
        if (lesson.name, sample) in found:
            measured = found[lesson.name, sample]
            assert isinstance(measured.table, pd.DataFrame)
            assert {plot.x, plot.y, *([plot.series] if plot.series else [])} <= set(measured.table)
            assert len(measured.table)
            assert FITS[lesson.predict.kind](measured.answer, lesson, subject), (sample, measured.answer)


def _on_the_axis(answer: object, lesson: Lesson, subject: Study) -> bool:
    return lesson.predict.low <= answer <= lesson.predict.high


def _a_height_a_point(answer: object, lesson: Lesson, subject: Study) -> bool:
    inside = all(_on_the_axis(height, lesson, subject) for height in answer)
    return inside and len(answer) == len(lesson.predict.points)


def _a_choice(answer: object, lesson: Lesson, subject: Study) -> bool:
    return answer in learn.choices(lesson, subject)


FITS = {"mark": _on_the_axis, "curve": _a_height_a_point, "pick": _a_choice}


@each_lesson
def test_another_model_gives_other_figures(lesson, found):
    """Of two samples some figure that a text names differs, or it was not measured."""
    own = [found[lesson.name, name].figures for name in SAMPLES if (lesson.name, name) in found]
    spoken = set().union(*map(names, after(lesson))) - {
        "value",
        "start",
        "images",
        "model",
        "largest",
        "weights",
        "dense",
    }
    assert spoken
    assert all(any(first[name] != second[name] for name in spoken) for first, second in pairwise(own))


@each_lesson
def test_no_measure_changes_the_model(lesson):
    subject = fresh(SMALL)
    model = subject.loaded.model
    held = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    if not learn.why_not(lesson, subject):
        learn.measured(lesson, subject, lesson.control.high if not lesson.control.stops else None)
        if lesson.wrong is not None:
            learn.ran_wrong(lesson, subject)
    assert all(torch.equal(held[name], tensor) for name, tensor in model.state_dict().items())


@each_lesson
def test_the_code_that_is_shown_is_what_measures(lesson):
    """The function whose source a lesson shows runs while its figures are made, for a study that nobody looked at."""
    module, _, function = lesson.code.partition(":")
    shown = inspect.unwrap(getattr(importlib.import_module(module), function))
    ran = set()

    def note(frame: FrameType, event: str, argument: object) -> None:
        ran.add(frame.f_code)

    subject = fresh(SMALL)
    assert not learn.why_not(lesson, subject)
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        learn.measured(lesson, subject)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    assert shown.__code__ in ran


@each_lesson
def test_the_control_is_a_field_or_says_what_it_is_and_starts_within_its_ends(lesson):
    control = lesson.control
    assert control.field in FIELDS or control.label
    low, high = (0, len(control.stops) - 1) if control.stops else (control.low, control.high)
    assert low <= control.start <= high


@each_lesson
def test_every_symbol_stands_in_the_formula(lesson):
    assert [each.symbol for each in lesson.symbols if each.symbol not in lesson.formula] == []


def test_a_name_is_used_once():
    assert len({lesson.name for lesson in LESSONS}) == len(LESSONS)


def test_the_glossary_has_no_digits_and_at_most_forty_terms():
    terms = learn.glossary()
    assert 0 < len(terms) <= 40
    assert not [meaning for meaning in terms.values() if any(character.isdigit() for character in meaning)]
