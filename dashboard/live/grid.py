"""A table of native controls, a row a layer: what is typed over, chosen and copied comes back as deeds, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from dashboard.live import queue
from dashboard.live.board import Part

LONGEST = 200  # letters of what is typed
DEEDS = ("edit", "copy", "choose")


@dataclass(frozen=True)
class Column:
    """One column. kind: 'text', 'select', or 'figure', which only reads. options: value and text of each."""

    name: str
    label: str
    hint: str
    group: str
    kind: str
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Line:
    """One row. own: which cells are its own and not taken over. wrong: which hold what cannot be.

    options: those of a column by its name, where this row's differ from the others'.
    """

    name: str
    label: str
    cells: tuple[str, ...]
    own: tuple[bool, ...]
    wrong: tuple[bool, ...]
    options: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Deed:
    """What a person did. what: of DEEDS. targets: the checked rows that a row is copied to."""

    what: str
    layer: str
    field: str
    text: str
    targets: tuple[str, ...]
    n: int


def part(key: str, columns: Sequence[Column], lines: Sequence[Line], words: tuple[str, str]) -> Part:
    """The table for the board. words: the name of the chosen row, and what to say above the table."""
    chosen, hint = words
    told = {"chosen": chosen, "hint": hint, "ack": queue.acknowledged(key)}
    return Part("grid", "wide", {"columns": list(map(asdict, columns)), "rows": list(map(asdict, lines))} | told)


def deeds(key: str) -> list[Deed]:
    """What was done since the last run, each once, in order; nothing that the browser could not have sent."""
    return queue.new(key, _deed)


def _deed(raw: object) -> Deed | None:
    if not isinstance(raw, Mapping):
        return None
    words, targets, n = [raw.get(name) for name in ("what", "layer", "field", "text")], raw.get("targets"), raw.get("n")
    fits = all(isinstance(word, str) for word in words) and isinstance(targets, list)
    if (
        not fits
        or not all(isinstance(name, str) for name in targets)
        or not isinstance(n, int)
        or words[0] not in DEEDS
    ):
        return None
    return Deed(words[0], words[1], words[2], words[3][:LONGEST], tuple(targets), n)
