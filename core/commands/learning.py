"""`lessons`: what each lesson of the page measures of a model."""

import argparse
import json

from core import lessons as learn
from core.commands import given, texts
from core.lessons import handout, plans
from core.lessons.filling import Figure
from core.lessons.format import Lesson
from core.lessons.plans import Plan
from core.pipeline import Study


def lessons(options: argparse.Namespace) -> str:
    """List the lessons with what each measures of a model, or why the model cannot have it."""
    plan = _planned(options)
    chosen = [learn.lesson(name, options.language) for name in plan.lessons]
    named = _named(options, plan)
    loaded = given.model(named)
    subject = learn.study(loaded, given.data(named, loaded))
    if options.handout is not None:
        texts.write(options.handout, handout.page(subject, plan, options.language))
        return f"wrote {options.handout}: {len(chosen)} lessons on {loaded.name}"
    found = [_found(lesson, subject) for lesson in chosen]
    if options.json:
        return json.dumps(found, indent=1)
    rows = [{"lesson": each["lesson"], "measured": each["why_not"] or _said(each["figures"])} for each in found]
    return texts.aligned([{"lesson": "lesson", "measured": f"measured of {loaded.name}"}, *rows])


def _planned(options: argparse.Namespace) -> Plan:
    """The lessons of `--plan`, the one of `--lesson`, or all."""
    if options.plan is None:
        names = tuple(each.name for each in learn.lessons(options.language))
        return Plan(names if options.lesson is None else (options.lesson,))
    if options.lesson is not None:
        raise ValueError(f"--lesson is {options.lesson!r} and --plan is {options.plan!r}, expected one of the two")
    return plans.read(texts.read(options.plan, "plan"))


def _named(options: argparse.Namespace, plan: Plan) -> argparse.Namespace:
    """The options with the plan's model and data where they name no model."""
    if options.model is not None:
        return options
    named = {"model": plan.model or USUAL, "data": options.data or plan.data or None}
    return argparse.Namespace(**{**vars(options), **named})


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


USUAL = "digits_cnn"
OPENING = ("model", "images", "layers", "weights", "largest", "dense", "start", "value")
OPTIONS = {
    "lesson": (("--lesson",), {"help": "the name of one lesson"}),
    "language": (("--language",), {"default": "en", "help": "of the texts; default: en"}),
    "learner": (("--model",), {"help": f"as elsewhere; default: the plan's, or {USUAL}"}),
    "plan": (("--plan",), {"help": "a teacher's plan: which lessons, in which order, on which model"}),
    "handout": (("--handout",), {"metavar": "FILE", "help": "write a hand-out to print, an HTML file"}),
}
NAMED = ("learner", "weights", "data", "preprocess", "device")
COMMANDS = {"lessons": (lessons, (*NAMED, "lesson", "plan", "language", "handout", "json"))}
