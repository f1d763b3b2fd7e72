"""The steps of a lesson as parts of the board: idea, prediction, measurement, control, code, mistake, questions."""

import importlib
import inspect
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

from core import lessons
from core.lessons import Lesson, Measured
from core.lessons.filling import Figure
from core.live import Studio
from dashboard.lessons import drawing, measuring, standing, telling, verdicts
from dashboard.lessons.measuring import Found
from dashboard.lessons.standing import Sitting, Stand
from dashboard.live import chart, contents, predict, prose, quiz, slider
from dashboard.live.board import Part
from dashboard.live.predict import Field, Guess, Told
from dashboard.live.prose import Block, Run
from dashboard.live.row import Item
from dashboard.live.slider import Scale
from dashboard.state import Position

ROOT = Path(__file__).resolve().parents[2]
CONTENTS, PREDICT, CONTROL, RUN, FOOT = "learn-contents", "learn-predict", "learn-control", "learn-run", "learn-foot"
KEPT_HERE = "✓ answered · • measured. Kept in this browser alone."
FIRST = "Measure first: the answers are this model's own."


class Scene(NamedTuple):
    """A lesson as it stands for one session. known: the figures that texts may name before anything is measured."""

    lesson: Lesson
    position: Position
    studio: Studio
    sitting: Sitting
    known: dict[str, Figure]

    @property
    def subject(self) -> str:
        """What a prediction and its answers are of."""
        return f"{self.position.model} {self.position.data} {self.lesson.name}"


def scene(position: Position, stand: Stand) -> Scene:
    """The open lesson of a session. ValueError or OSError where there is no such model."""
    lesson, studio = lessons.lesson(stand.lesson), measuring.studio_of(position)
    known = {} if measuring.why_not(studio, lesson.name) else measuring.opening(studio, lesson.name)
    return Scene(lesson, position, studio, standing.sitting(position, lesson.name), known)


def listed(studio: Studio, stand: Stand) -> Part:
    """The list of lessons."""
    entries = [
        contents.Entry(each.name, number, each.title, measuring.why_not(studio, each.name))
        for number, each in enumerate(standing.listed(), 1)
    ]
    title = "Lessons in your teacher's order" if stand.order else "Lessons"
    return contents.part(entries, stand.lesson, (title, KEPT_HERE))


def without(on: Scene, stand: Stand) -> Part:
    """A lesson that the model cannot have."""
    why = measuring.why_not(on.studio, on.lesson.name)
    blocks = [_title(on.lesson), Block("p", telling.runs(f"{why[0].upper()}{why[1:]}."), "lead")]
    return prose.part(blocks, turned=f"{stand.turned}")


def intro(on: Scene, stand: Stand) -> Part:
    """The title and the idea."""
    idea = [Block("p", telling.runs(each, on.known), "lead") for each in (" ".join(on.lesson.idea),)]
    return prose.part([_title(on.lesson), *idea], turned=f"{stand.turned}")


def _title(lesson: Lesson) -> Block:
    return Block("h1", telling.runs(lesson.title, explains=False))


def field(on: Scene) -> Field:
    """What is to be predicted."""
    asked = on.lesson.predict
    return Field(
        asked.kind,
        on.subject,
        on.lesson.name,
        telling.plain(asked.axis, on.known),
        asked.unit,
        asked.low,
        asked.high,
        lessons.choices(on.lesson, on.studio.study),
        telling.plain(asked.along, on.known),
        tuple(f"{asked.points[place]:g}" for place in _places(on.lesson)),
    )


def _places(lesson: Lesson) -> list[int]:
    """The points of a curve from left to right, as the plot has them."""
    points = lesson.predict.points
    return sorted(range(len(points)), key=points.__getitem__)


def answer_of(lesson: Lesson, found: Measured) -> Guess:
    """What a prediction is held against, a curve's from left to right."""
    answer = found.answer
    return tuple(answer[place] for place in _places(lesson)) if lesson.predict.kind == "curve" else answer


def prediction(on: Scene, found: Found) -> Part:
    """The prediction, and the measurement beside it."""
    wanted, guess = field(on), on.sitting.guess
    answer = answer_of(on.lesson, found.start) if found.start else None
    said = verdicts.verdict(wanted, guess, answer) if answer is not None and guess is not None else ""
    if found.running:
        said = f"{said} Measuring in the background, which takes a few seconds …".strip()
    question = telling.runs(on.lesson.predict.question, on.known)
    told = Told(
        guess, answer, f"This could not be measured: {found.trouble}." if found.trouble else said, found.running
    )
    return predict.part(wanted, question, told)


def scale(on: Scene) -> Scale:
    """What the control runs over, as it is shown."""
    control = on.lesson.control
    measured = on.sitting.guess is not None
    hint = telling.plain(control.hint, on.known) if measured else "Predict and measure first, then play with this."
    low, high, step = (control.times * each for each in (control.low, control.high, control.step))
    label, unit = telling.plain(control.label, on.known), control.unit
    named = {"stops": control.stops, "subject": on.subject, "hint": hint, "disabled": not measured}
    return Scale(label, low, high, step, control.digits, unit, **named)


def value_of(on: Scene) -> float:
    """The control's value."""
    return on.lesson.control.start if on.sitting.value is None else on.sitting.value


def shown(on: Scene) -> float:
    """The control's value as its scale counts."""
    return value_of(on) if on.lesson.control.stops else on.lesson.control.times * value_of(on)


def plot(on: Scene, found: Found) -> Part:
    """What was measured, once it was."""
    plotted = on.lesson.plot
    if found.now is None:
        card = drawing.card("What is measured comes here", "first say what you think", on.subject)
        return chart.part(drawing.empty(), card)
    labels = replace(plotted, **{name: telling.plain(getattr(plotted, name), found.now.figures) for name in LABELS})
    table = found.now.table
    here = slider.text(scale(on), shown(on))
    title = f"{scale(on).label}: {here}{_answered(on, found.now)}"
    under = f"{found.now.figures['model']}, answers counted on {found.now.figures['images']:,} images"
    note = "; ".join(each for each in (under, drawing.key(table, labels)) if each)
    across = drawing.counts(labels, scale(on).label)
    at = drawing.Here(shown(on), *slider.ends(scale(on))) if across else None
    return chart.part(drawing.figure(table, labels, at), drawing.card(title, note, f"{on.subject} {here}"))


def _answered(on: Scene, now: Measured) -> str:
    if not isinstance(now.answer, int | float):
        return ""
    asked = on.lesson.predict
    return f" – {telling.plain(asked.axis, on.known)}: {now.answer:.1f} {asked.unit}".rstrip()


def working(on: Scene) -> dict[str, Part]:
    """The formula, and the lines of ours that compute it: beside each other, or one where a picture leaves a place."""
    formula, code, name = _formula(on), _code(on), f"Source of {on.lesson.code}"
    if len(on.lesson.pictures) % 2:
        return {"learn-code": prose.part([*formula, *code], name)}
    return {"learn-formula": prose.part(formula), "learn-code": prose.part(code, name)}


def _formula(on: Scene) -> list[Block]:
    return [
        Block("h2", (Run("The formula"),)),
        Block("p", telling.formula(on.lesson, on.known), "formula"),
        Block("p", (Run("Point at a symbol, or reach it with Tab, to see what it means."),), "soft"),
    ]


def _code(on: Scene) -> list[Block]:
    where, source = source_of(on.lesson.code)
    return [
        Block("h2", (Run("Our code for it"),)),
        Block("p", (Run(where, "code"),), "soft"),
        Block("pre", (Run(source),)),
    ]


@cache
def source_of(named: str) -> tuple[str, str]:
    """Where a 'module:function' stands, and its source."""
    module, _, name = named.partition(":")
    found = inspect.unwrap(getattr(importlib.import_module(module), name))
    lines, first = inspect.getsourcelines(found)
    file = Path(inspect.getsourcefile(found)).resolve().relative_to(ROOT).as_posix()
    return f"{file}, line {first}", "".join(lines).rstrip()


def mistake(on: Scene) -> Part:
    """What the usual tutorial teaches, and what came of running it."""
    wrong = on.lesson.wrong
    blocks = [
        Block("h2", (Run("What the usual tutorial gets wrong"),)),
        Block("p", telling.runs(wrong.says), "taught"),
    ]
    ran = measuring.wrong(on.position, on.lesson, on.sitting)
    if ran.now is not None:
        blocks.append(Block("p", telling.runs(wrong.what, ran.now.figures)))
    elif ran.running or ran.trouble:
        said = f"This could not be run: {ran.trouble}." if ran.trouble else "Running it in the background …"
        blocks.append(Block("p", (Run(said),), "soft"))
    return prose.part(blocks)


def questions(on: Scene, found: Found) -> Part:
    """Three questions about what was measured."""
    note = "The answers are this model's own, with the control where it stands." if found.now else FIRST
    frame = quiz.Frame("Three questions", note, on.subject, on.lesson.name)
    figures = found.now.figures if found.now else {}
    asks = [
        quiz.Ask(
            telling.runs(each.asks, figures),
            tuple(telling.runs(choice, figures, explains=False) for choice in each.choices),
            lessons.right(each, figures),
            telling.runs(each.explains, figures),
        )
        for each in (on.lesson.questions if found.now else ())
    ]
    return quiz.part(asks, frame)


def reading(on: Scene) -> Part:
    """What to read next."""
    lines = [
        Block("p", (Run(f"{each.authors}. {each.title} ({each.year}){f', {each.id}' if each.id else ''}."),), "soft")
        for each in on.lesson.reading
    ]
    return prose.part([Block("h2", (Run("Read next"),)), *lines])


def buttons(on: Scene, stand: Stand) -> dict[str, tuple[Item, ...]]:
    """Row name -> its controls."""
    names = [each.name for each in standing.listed()]
    place = names.index(stand.lesson)
    titles = {each.name: each.title for each in standing.listed()}
    before, after = names[place - 1] if place else "", names[place + 1] if place + 1 < len(names) else ""
    run = f"Was run on {on.position.model}" if on.sitting.ran else f"Run it on {on.position.model}"
    return {
        RUN: (Item("button", "run", run, disabled=on.sitting.ran),),
        FOOT: (
            Item("button", "before", f"‹ {titles.get(before, 'This is the first lesson')}", disabled=not before),
            Item("button", "after", f"{titles.get(after, 'This is the last lesson')} ›", disabled=not after, main=True),
        ),
    }


LABELS = ("x_label", "y_label")
