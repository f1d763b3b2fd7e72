"""A hand-out to print: sheets to predict on, and behind them what was measured; one HTML file that needs no network."""

import html
from collections.abc import Callable, Iterator, Sequence

from core import lessons as learn
from core.lessons import plotting
from core.lessons.filling import MARK, Figure
from core.lessons.format import Lesson, Question
from core.lessons.looking import Measured
from core.lessons.plans import Plan
from core.pipeline import Study

LINES = 3  # to write a prediction's reason on
STYLE = """
:root { color-scheme: light }
body { font: 16px/1.5 system-ui, sans-serif; color: #1c1e21; background: #fff; max-width: 46rem; margin: 2rem auto;
  padding: 0 1rem }
section { break-inside: avoid-page; margin-bottom: 2.5rem } h1.part { break-before: page }
h2 { border-bottom: 2px solid #1c1e21; margin-bottom: .4rem } h3 { margin: 1.2rem 0 .3rem } svg { max-width: 100%;
  height: auto } svg text { fill: #1c1e21; font: 13px system-ui, sans-serif }
ul.boxes { list-style: none; padding-left: 0 } ul.boxes li::before { content: "\\2610\\00a0\\00a0" }
ul.boxes li.right::before { content: "\\2611\\00a0\\00a0" } li.right { font-weight: 600 }
p.line { border-bottom: 1px solid #6e7781; height: 1.9rem; margin: 0 } code { font-family: ui-monospace, monospace }
blockquote { border-left: 4px solid #6e7781; margin-left: 0; padding-left: 1rem } dl { display: grid;
  grid-template-columns: max-content 1fr; gap: .1rem 1rem } dt { font-weight: 600 } dd { margin: 0 }
@media print { body { margin: 0; max-width: none; font-size: 11pt } a { color: inherit } }
"""


Section = tuple[str, str]  # of a lesson: its sheet, and what was measured


def page(subject: Study, plan: Plan, language: str = "en") -> str:
    """The hand-out of a plan's lessons with the model's own figures, as the text of an HTML file.

    Where the plan sets a control, what is shown is measured there; predictions are held against its start.
    """
    return bound(subject, tuple(sections(subject, plan, language)), language)


def sections(subject: Study, plan: Plan, language: str = "en") -> Iterator[Section]:
    """Each lesson of the plan as soon as it is measured, as parts of an HTML page."""
    for number, name in enumerate(plan.lessons, 1):
        lesson = learn.lesson(name, language)
        found = _found(number, lesson, (subject, plan.values.get(name)))
        yield _sheet(number, lesson, subject), found


def bound(subject: Study, made: Sequence[Section], language: str = "en") -> str:
    """The page of the sections: all sheets first, then all that was measured, then what the words mean."""
    head = f"Lessons on {subject.loaded.name}"
    sheets, found = ("".join(side) for side in zip(*made, strict=True))
    words = "".join(
        f"<dt>{_plain(term)}</dt><dd>{_marked(meaning, {})}</dd>" for term, meaning in learn.glossary(language).items()
    )
    parts = (
        f"<h1>{_plain(head)}</h1>{_about(subject)}{sheets}",
        f'<h1 class="part">{WORDS["measured"]}</h1>{found}',
        f'<h1 class="part">{WORDS["terms"]}</h1><dl>{words}</dl>',
    )
    title = f'<meta charset="utf-8"><title>{_plain(head)}</title><style>{STYLE}</style>'
    return f'<!doctype html>\n<html lang="{_plain(language)}">\n{title}\n<body>{"".join(parts)}</body></html>\n'


def _about(subject: Study) -> str:
    name, images = _plain(subject.data), len(subject.bench.targets)
    weights = sum(layer.matrix.numel() for layer in subject.known)
    return (
        f"<p>{WORDS['name']} ______________________________</p>"
        f"<p>Model {_plain(subject.loaded.name)}: {weights:,} weights in {len(subject.known)} layers. "
        f"Data {name}: {images:,} images to measure on, {len(subject.calibration):,} others to calibrate on.</p>"
    )


def _sheet(number: int, lesson: Lesson, subject: Study) -> str:
    """The idea, room for a prediction, and the questions with empty boxes."""
    head = f"<h2>{number}. {_plain(lesson.title)}</h2>"
    why = learn.why_not(lesson, subject)
    if why:
        return f"<section>{head}<p>{_plain(why)}.</p></section>"
    figures = learn.opening(lesson, subject)
    idea = " ".join(_marked(text, figures) for text in lesson.idea)
    question = _marked(lesson.predict.question, figures)
    room = plotting.blank(lesson.predict) or _listed(learn.choices(lesson, subject))
    lines = '<p class="line"></p>' * LINES
    guess = f"<h3>{WORDS['predict']}</h3><p>{question}</p>{room}<p>{WORDS['because']}</p>{lines}"
    return f"<section>{head}<p>{idea}</p>{guess}</section>"


def _found(number: int, lesson: Lesson, at: tuple[Study, float | None]) -> str:
    """What was measured, the formula, the wrong version, and the questions with their answers."""
    subject, value = at
    if learn.why_not(lesson, subject):
        return ""
    measured = learn.measured(lesson, subject, value)
    start = measured if value is None else learn.measured(lesson, subject)
    figures = measured.figures
    parts = [f"<h2>{number}. {_plain(lesson.title)}</h2>"]
    parts.append(f"<p>{_marked(lesson.predict.question, figures)} <strong>{_answer(lesson, start)}</strong></p>")
    parts.append(f"<p>{_setting(lesson, figures)}</p>{plotting.picture(lesson.plot, measured.table)}")
    symbols = "".join(
        f"<dt><code>{_plain(each.symbol)}</code></dt><dd>{_marked(each.meaning, figures)}</dd>"
        for each in lesson.symbols
    )
    parts.append(f"<h3>{WORDS['formula']}</h3><p><code>{_plain(lesson.formula)}</code></p><dl>{symbols}</dl>")
    parts.append("".join(_wrong(lesson, subject)))
    parts.append(f"<h3>{WORDS['questions']}</h3>" + "".join(_asked(each, figures) for each in lesson.questions))
    read = "".join(
        f"<li>{_plain(each.authors)}, <em>{_plain(each.title)}</em>, {each.year}"
        f"{f', {_plain(each.id)}' if each.id else ''}</li>"
        for each in lesson.reading
    )
    return f"<section>{''.join(parts)}<h3>{WORDS['reading']}</h3><ul>{read}</ul></section>"


def _answer(lesson: Lesson, found: Measured) -> str:
    return _plain(ANSWERS[lesson.predict.kind](lesson, found.answer))


def _setting(lesson: Lesson, figures: dict[str, Figure]) -> str:
    control = lesson.control
    value = figures["value"]
    shown = control.stops[int(value)] if control.stops else f"{value * control.times:.{control.digits}f} {control.unit}"
    return f"{_plain(control.label)}: {_plain(shown.strip())}"


def _wrong(lesson: Lesson, subject: Study) -> Iterator[str]:
    if lesson.wrong is not None:
        figures = learn.ran_wrong(lesson, subject).figures
        yield f"<h3>{WORDS['wrong']}</h3><blockquote>{_marked(lesson.wrong.says, figures)}</blockquote>"
        yield f"<p>{_marked(lesson.wrong.what, figures)}</p>"


def _asked(question: Question, figures: dict[str, Figure]) -> str:
    boxes = _boxes(question.choices, figures, learn.right(question, figures))
    return f"<p>{_marked(question.asks, figures)}</p>{boxes}<p>{_marked(question.explains, figures)}</p>"


def _boxes(choices: tuple[str, ...], figures: dict[str, Figure], right: int) -> str:
    items = "".join(
        f"<li{' class=right' if i == right else ''}>{_marked(choice, figures)}</li>" for i, choice in enumerate(choices)
    )
    return f'<ul class="boxes">{items}</ul>'


def _listed(names: tuple[str, ...]) -> str:
    """Names as they are, a layer's among them, with empty boxes."""
    return f'<ul class="boxes">{"".join(f"<li>{_plain(name)}</li>" for name in names)}</ul>'


def _marked(text: str, figures: dict[str, Figure]) -> str:
    """The text in figures, escaped, its formulas and what it emphasises set as such."""
    whole = learn.filled(text, figures)
    parts, end = [], 0
    for mark in MARK.finditer(whole):
        code, strong = mark.groups()
        inside = f"<code>{_plain(code)}</code>" if code is not None else f"<em>{_plain(strong)}</em>"
        parts += [_plain(whole[end : mark.start()]), inside]
        end = mark.end()
    return "".join([*parts, _plain(whole[end:])])


def _plain(text: str) -> str:
    return html.escape(str(text))


def _at_points(lesson: Lesson, answer: list[float]) -> str:
    pairs = zip(lesson.predict.points, answer, strict=True)
    return ", ".join(f"{point:g}: {height:.1f}" for point, height in pairs) + f" {lesson.predict.unit}"


ANSWERS: dict[str, Callable[[Lesson, float | list[float] | str], str]] = {
    "mark": lambda lesson, answer: f"{answer:.4g} {lesson.predict.unit}".strip(),
    "curve": _at_points,
    "pick": lambda lesson, answer: answer,
}
WORDS = {
    "name": "Name",
    "measured": "What was measured",
    "terms": "Words",
    "predict": "Before it is measured",
    "because": "Because",
    "formula": "The formula",
    "wrong": "Often taught, and run here",
    "questions": "Questions",
    "reading": "To read next",
}
