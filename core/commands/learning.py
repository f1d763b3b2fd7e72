"""`lessons`: what each lesson of the page measures of a model."""

import argparse
import json

from core import lessons as learn
from core.commands import given, texts
from core.lessons.filling import Figure
from core.lessons.format import Lesson
from core.pipeline import Study


def lessons(options: argparse.Namespace) -> str:
    """List the lessons with what each measures of a model, or why the model cannot have it."""
    chosen = learn.lessons(options.language)
    if options.lesson is not None:
        chosen = (learn.lesson(options.lesson, options.language),)
    loaded = given.model(options)
    subject = learn.study(loaded, given.data(options, loaded))
    found = [_found(lesson, subject) for lesson in chosen]
    if options.json:
        return json.dumps(found, indent=1)
    rows = [{"lesson": each["lesson"], "measured": each["why_not"] or _said(each["figures"])} for each in found]
    return texts.aligned([{"lesson": "lesson", "measured": f"measured of {loaded.name}"}, *rows])


def _found(lesson: Lesson, subject: Study) -> dict[str, object]:
    why = learn.why_not(lesson, subject)
    head = {"lesson": lesson.name, "title": lesson.title, "row": lesson.row, "why_not": why}
    if why:
        return head | {"figures": {}, "answer": None, "wrong": None}
    found = learn.measured(lesson, subject)
    wrong = None if lesson.wrong is None else _wrong(lesson, subject)
    return head | {"figures": dict(found.figures), "answer": found.answer, "wrong": wrong}


def _wrong(lesson: Lesson, subject: Study) -> str:
    return learn.plain(learn.filled(lesson.wrong.what, learn.ran_wrong(lesson, subject).figures))


def _said(figures: dict[str, Figure]) -> str:
    """The lesson's own figures, in short."""
    own = {name: value for name, value in figures.items() if name not in OPENING}
    return ", ".join(f"{name} {value if isinstance(value, str) else f'{value:.5g}'}" for name, value in own.items())


OPENING = ("model", "images", "layers", "weights", "largest", "dense", "start", "value")
OPTIONS = {
    "lesson": (("--lesson",), {"help": "the name of one lesson"}),
    "language": (("--language",), {"default": "en", "help": "of the texts; default: en"}),
    "learner": (("--model",), {"default": "digits_cnn", "help": "as elsewhere; default: digits_cnn"}),
}
COMMANDS = {"lessons": (lessons, ("learner", "weights", "data", "preprocess", "device", "lesson", "language", "json"))}
