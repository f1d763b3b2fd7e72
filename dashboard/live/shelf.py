"""The kept runs as a list in which they are picked, named, annotated, opened and deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboard.live import queue
from dashboard.live.board import Part

LONGEST = 200  # letters of what is typed
WHAT = ("pick", "drop", "name", "note", "open", "delete")


@dataclass(frozen=True)
class Line:
    """A run in words. letter: what it is called in the plots, '' where it is not picked. right: its size and accuracy.

    here: whether it can be opened in Explore as it is.
    """

    number: int
    name: str
    note: str
    right: str
    about: str
    when: str
    letter: str = ""
    picked: bool = False
    full: bool = False
    dense: bool = False
    here: bool = True


@dataclass(frozen=True)
class Deed:
    """What a person did to a run. what: of WHAT. text: what was typed."""

    what: str
    number: int
    text: str
    n: int


def part(key: str, lines: Sequence[Line], words: tuple[str, str]) -> Part:
    """The list for the board. words: its title, and what stands below it."""
    title, note = words
    told = {"title": title, "note": note, "ack": queue.acknowledged(key)}
    return Part("shelf", "side", told | {"runs": [dict(vars(line)) for line in lines]})


def deeds(key: str) -> list[Deed]:
    """What was done since the last run, each once, in order; nothing that the browser could not have sent."""
    return queue.new(key, _deed)


def _deed(raw: object) -> Deed | None:
    if not isinstance(raw, Mapping) or raw.get("what") not in WHAT:
        return None
    number, text, n = raw.get("number"), raw.get("text"), raw.get("n")
    whole = all(isinstance(each, int) and not isinstance(each, bool) and abs(each) < 2**60 for each in (number, n))
    return Deed(raw["what"], number, text[:LONGEST], n) if whole and isinstance(text, str) else None
