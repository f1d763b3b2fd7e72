"""How far some work in the background is: a bar, what is being done, the time left, and what went wrong."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.live.board import Part


@dataclass(frozen=True)
class Progress:
    """share: from 0 to 1. label: what the bar stands for. trouble: one sentence, '' where nothing went wrong."""

    label: str
    share: float
    doing: str
    left: str = ""
    trouble: str = ""


def part(progress: Progress) -> Part:
    """The bar for the board."""
    return Part("progress", "side", dict(vars(progress)))
