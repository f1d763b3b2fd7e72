"""Lessons: texts that hold no figure of their own, and what is measured of a loaded model to fill them.

A lesson is a file in `texts/LANGUAGE/`, in the order of their names; its measure is its name in MEASURES, the usual
tutorial's version a name in WRONG. A translation is a folder beside `en`.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from core.lessons import format, looking
from core.lessons.filling import Figure, filled, plain, right
from core.lessons.format import Lesson, glossary
from core.lessons.looking import Measured, study
from core.lessons.measures import MEASURES
from core.lessons.needs import NEEDS, why_not
from core.lessons.wrong import WRONG
from core.pipeline import Study

__all__ = [
    "MEASURES",
    "WRONG",
    "Lesson",
    "Measured",
    "choices",
    "filled",
    "glossary",
    "lesson",
    "lessons",
    "measured",
    "opening",
    "plain",
    "ran_wrong",
    "right",
    "study",
    "why_not",
]
LONGEST = 80  # characters of a name in a sentence


@cache
def lessons(language: str = "en") -> tuple[Lesson, ...]:
    """All lessons of a language in their order; ValueError names a file that is none."""
    found = tuple(format.read_lesson(path) for path in sorted(format.folder(language).glob("[0-9]*_*.toml")))
    for each in found:
        wrong = each.wrong and each.wrong.name
        for what, name, known in (
            ("measure", each.name, MEASURES),
            ("wrong", wrong, WRONG),
            ("needs", each.needs, NEEDS),
        ):
            if name and name not in known:
                raise ValueError(f"lesson '{each.name}': {what} is {name!r}, expected one of {', '.join(known)}")
    return found


def lesson(name: str, language: str = "en") -> Lesson:
    """The lesson of a name; ValueError where there is none."""
    for each in lessons(language):
        if each.name == name:
            return each
    raise ValueError(
        f"lesson is {name[:LONGEST]!r}, expected one of {', '.join(each.name for each in lessons(language))}"
    )


def opening(lesson: Lesson, subject: Study) -> dict[str, Figure]:
    """The figures that texts may name before anything is measured: of idea, prediction and control."""
    return {
        "model": subject.loaded.name,
        "images": looking.looked_at(subject),
        "layers": len(subject.known),
        "weights": looking.weights(subject),
        "largest": called(looking.largest(subject)),
        "dense": looking.dense(subject),
        "start": lesson.control.start,
    }


def choices(lesson: Lesson, subject: Study) -> tuple[str, ...]:
    """What a 'pick' offers, as it is shown: the lesson's choices, or the model's layers where it names none."""
    return lesson.predict.choices or tuple(called(layer.name) for layer in subject.known)


def measured(lesson: Lesson, subject: Study, value: float | None = None) -> Measured:
    """What the lesson measures of the model with its control at `value`, at its start where that is None.

    The prediction is held against the answer at the start. ValueError where the model cannot have the lesson, or the
    control the value.
    """
    _require(lesson, subject)
    control = lesson.control
    low, high = (0, len(control.stops) - 1) if control.stops else (control.low, control.high)
    value = control.start if value is None else value
    if not low <= value <= high:
        raise ValueError(f"lesson '{lesson.name}': {control.field} is {value!r}, expected {low:g} to {high:g}")
    return _told(MEASURES[lesson.name](subject, value), {**opening(lesson, subject), "value": value}, subject)


def ran_wrong(lesson: Lesson, subject: Study) -> Measured:
    """What the usual tutorial's version does to the model when it is run."""
    _require(lesson, subject)
    if lesson.wrong is None:
        raise ValueError(f"lesson '{lesson.name}' runs no wrong version")
    return _told(WRONG[lesson.wrong.name](subject), opening(lesson, subject), subject)


def _require(lesson: Lesson, subject: Study) -> None:
    why = why_not(lesson, subject)
    if why:
        raise ValueError(why)


def _told(found: Measured, beside: Mapping[str, Figure], subject: Study) -> Measured:
    layers = {layer.name: called(layer.name) for layer in subject.known}
    figures = {name: layers.get(each, each) if isinstance(each, str) else each for name, each in found.figures.items()}
    answer = layers.get(found.answer, found.answer) if isinstance(found.answer, str) else found.answer
    return replace(found, figures={**beside, **figures}, answer=answer)


def called(layer: str) -> str:
    """A layer's name in a sentence: of one that has a number alone, as in nn.Sequential, 'layer 3'."""
    return f"layer {layer}" if layer.replace(".", "").isdigit() else layer
