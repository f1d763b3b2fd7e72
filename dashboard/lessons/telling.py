"""The texts of a lesson as runs: filled with figures, marks as type, the glossary's terms with what they mean."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from core import lessons
from core.lessons.filling import MARK, Figure
from core.lessons.format import Lesson
from dashboard import terms
from dashboard.live.prose import Run

Figures = Mapping[str, Figure]


def runs(text: str, figures: Figures | None = None, explains: bool = True) -> tuple[Run, ...]:
    """A text with its figures. explains: whether words of the glossary say what they mean."""
    told = lessons.filled(text, figures) if figures is not None else text
    return tuple(_once(run for run in _marked(told, explains) if run.text))


def _once(found: Iterable[Run]) -> Iterator[Run]:
    """A term that was explained before in the same text is another kind of run."""
    known = set()
    for run in found:
        yield replace(run, kind="again") if run.kind == "term" and run.meaning in known else run
        known.add(run.meaning)


def plain(text: str, figures: Figures) -> str:
    """A text with its figures and without marks."""
    return lessons.plain(lessons.filled(text, figures))


def _marked(text: str, explains: bool) -> Iterator[Run]:
    done = 0
    for mark in MARK.finditer(text):
        yield from _terms(text[done : mark.start()], explains)
        code, stressed = mark.groups()
        yield Run(code, "code") if code is not None else Run(stressed, "em")
        done = mark.end()
    yield from _terms(text[done:], explains)


def _terms(text: str, wanted: bool) -> Iterator[Run]:
    for words, means in terms.split(text) if wanted else ((text, ""),):
        yield Run(words, "term" if means else "", means)


def formula(lesson: Lesson, figures: Figures) -> tuple[Run, ...]:
    """The formula, each symbol with what it means."""
    meanings = {each.symbol: plain(each.meaning, figures) for each in lesson.symbols}
    known = "|".join(_whole(symbol) for symbol in sorted(meanings, key=len, reverse=True))
    made, done = [], 0
    for found in re.finditer(known, lesson.formula) if known else ():
        made.append(Run(lesson.formula[done : found.start()]))
        made.append(Run(found[0], "symbol", f"{found[0]}: {meanings[found[0]]}"))
        done = found.end()
    return tuple(run for run in (*made, Run(lesson.formula[done:])) if run.text)


def _whole(symbol: str) -> str:
    """A symbol where it stands alone: the 'w' of 'row' is none, that of 'w²' is."""
    before = r"(?<![A-Za-z0-9_])" if symbol[0].isalnum() else ""
    after = r"(?![A-Za-z0-9_])" if symbol[-1].isalnum() else ""
    return f"{before}{re.escape(symbol)}{after}"
