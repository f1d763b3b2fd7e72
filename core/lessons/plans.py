"""A teacher's plan: which lessons in which order, on which model, with which controls set; as a small JSON file."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from core import lessons
from core.lessons.format import Lesson
from core.recipe import parsed

FORMAT = "prunescope/lessonplan/1"
KEYS = ("format", "lessons", "model", "data", "values")
MOST = 60  # lessons of a plan
LONGEST = 200  # characters of a name


@dataclass(frozen=True)
class Plan:
    """lessons: their names in order. model, data: as the command line takes them, '' for any.

    values: where the control of a lesson stands once it is measured, by the lesson's name. ValueError where there is
    no such lesson or value.
    """

    lessons: tuple[str, ...]
    model: str = ""
    data: str = ""
    values: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 1 <= len(self.lessons) <= MOST:
            raise ValueError(f"plan: {len(self.lessons)} lessons, expected 1 to {MOST}")
        for name in self.lessons:
            if self.lessons.count(name) > 1:
                raise ValueError(f"plan: lesson '{name}' stands in it more than once; keep it in one place")
            _known(name)
        for name, value in self.values.items():
            allowed(_known(name), value)


def _known(name: str) -> Lesson:
    try:
        return lessons.lesson(name)
    except ValueError as error:
        raise ValueError(f"plan: {error}") from None


def allowed(lesson: Lesson, value: float) -> float:
    """The value; ValueError where the lesson's control cannot have it."""
    low, high = ends(lesson)
    if not math.isfinite(value) or not low <= value <= high:
        raise ValueError(f"plan: the control of '{lesson.name}' is set to {value!r}, expected {low:g} to {high:g}")
    if lesson.control.step == 1 and value != round(value):
        raise ValueError(f"plan: the control of '{lesson.name}' is set to {value!r}, expected a whole number")
    return value


def ends(lesson: Lesson) -> tuple[float, float]:
    """The lowest and the highest value of a lesson's control."""
    control = lesson.control
    return (0.0, float(len(control.stops) - 1)) if control.stops else (control.low, control.high)


def text(plan: Plan) -> str:
    """The plan as the text of a JSON file."""
    said = {"format": FORMAT, "lessons": list(plan.lessons), "model": plan.model, "data": plan.data}
    said |= {"values": dict(plan.values)}
    return json.dumps({key: value for key, value in said.items() if value}, indent=2) + "\n"


def read(written: str) -> Plan:
    """The plan of a JSON text; ValueError names what it does not know or cannot be."""
    document = parsed(written, "plan", "a file that 'For teachers' saved")
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        found = document.get("format") if isinstance(document, dict) else document
        raise ValueError(f"plan: format is {f'{found!r}'[:LONGEST]}, expected {FORMAT!r}")
    for key in document:
        if key not in KEYS:
            raise ValueError(f"plan: unknown key {key[:LONGEST]!r}, expected one of {', '.join(KEYS)}")
    order, values = document.get("lessons"), document.get("values", {})
    if not isinstance(order, list) or not all(_named(name) for name in order):
        raise ValueError('plan: lessons is no list of names, expected such as ["magnitude", "quantization"]')
    for key in ("model", "data"):
        if not _named(document.get(key, "")):
            raise ValueError(f"plan: {key} is no name of at most {LONGEST} characters")
    if not isinstance(values, dict) or not all(_number(value) for value in values.values()):
        raise ValueError('plan: values is no table of numbers, expected such as {"magnitude": 0.5}')
    return Plan(tuple(order), document.get("model", ""), document.get("data", ""), values)


def _named(value: object) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
