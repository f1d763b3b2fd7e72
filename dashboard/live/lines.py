"""A heading with a list of sentences."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.live.board import Part


def part(title: str, lines: Sequence[str], height: str = "none") -> Part:
    """The list for the board, beside the plots. height: any CSS length beyond which it scrolls."""
    return Part("lines", "side", {"title": title, "lines": list(lines), "height": height})
