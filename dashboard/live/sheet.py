"""A table that is only read, under a title that is a finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.live.board import Part


@dataclass(frozen=True)
class Frame:
    """The words and the place of a table. height: any CSS length."""

    title: str
    note: str
    head: tuple[str, ...]
    height: str = "auto"


def part(rows: Sequence[Sequence[str]], frame: Frame) -> Part:
    """The table for the board."""
    return Part("sheet", "plots", vars(frame) | {"rows": [list(row) for row in rows]})
