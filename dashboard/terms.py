"""The words of the glossary wherever they occur: what they mean, for whatever shows a text."""

import html
import re
from collections.abc import Iterator
from functools import cache

from core.lessons.format import forms, glossary


def split(text: str) -> Iterator[tuple[str, str]]:
    """The text in pieces, each with what it means: '' but for a term of the glossary."""
    done = 0
    for word in _pattern().finditer(text):
        yield text[done : word.start()], ""
        yield word[0], meaning(word[1])
        done = word.end()
    yield text[done:], ""


def meaning(term: str) -> str:
    """What a term means, in whatever letters."""
    return _meanings()[term.lower()]


def explained(text: str) -> str:
    """What the glossary says of the terms in a text, a line each, for a hover; '' where none is in it."""
    found = dict.fromkeys(forms().get(word[1].lower(), word[1].lower()) for word in _pattern().finditer(text))
    return "\n".join(f"{term}: {_meanings()[term]}" for term in found)


def marked(text: str, known: set[str] | None = None) -> str:
    """The text as HTML, its terms with their meanings for the pointer and, where they first come, for the Tab key.

    known: the meanings that were told before on the page, to which those of the text are added.
    """
    known = set() if known is None else known
    return "".join(_span(words, means, known) if means else html.escape(words) for words, means in split(text))


def _span(words: str, means: str, known: set[str]) -> str:
    kind = 'class="ps-again"' if means in known else 'class="ps-term" tabindex="0"'
    known.add(means)
    return f'<span {kind} data-meaning="{html.escape(means)}">{html.escape(words)}</span>'


def rule() -> tuple[str, dict[str, str]]:
    """A regular expression that finds terms, for the browser too, and term -> meaning in small letters."""
    return _pattern().pattern, _meanings()


@cache
def _meanings() -> dict[str, str]:
    known = glossary() | {form: glossary()[term] for form, term in forms().items()}
    return {term.lower(): means for term, means in known.items()}


@cache
def _pattern() -> re.Pattern[str]:
    """The terms, in one or many, the longest first."""
    known = "|".join(re.escape(term) for term in sorted(_meanings(), key=len, reverse=True))
    return re.compile(rf"\b({known})(?:s|es)?\b", re.IGNORECASE)
