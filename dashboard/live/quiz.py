"""Questions answered by choosing, each with what explains its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.live import prose
from dashboard.live.board import Part
from dashboard.live.prose import Run


@dataclass(frozen=True)
class Ask:
    """A question. right: the place of the right choice."""

    asks: tuple[Run, ...]
    choices: tuple[tuple[Run, ...], ...]
    right: int
    explains: tuple[Run, ...]


@dataclass(frozen=True)
class Frame:
    """The words of the questions. subject: what they are of; answers to another are gone. lesson: for the browser."""

    title: str
    note: str
    subject: str
    lesson: str


def part(asks: Sequence[Ask], frame: Frame) -> Part:
    """The questions for the board."""
    told = [
        {
            "asks": prose.sent(each.asks),
            "choices": [prose.sent(choice) for choice in each.choices],
            "right": each.right,
            "explains": prose.sent(each.explains),
        }
        for each in asks
    ]
    return Part("quiz", "plots", vars(frame) | {"questions": told})
