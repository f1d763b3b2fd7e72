"""Headings and sentences whose words can say what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.live.board import Part


@dataclass(frozen=True)
class Run:
    """A piece of text. kind: '', 'code', 'em', or 'term', 'again' and 'symbol', which have a meaning."""

    text: str
    kind: str = ""
    meaning: str = ""


@dataclass(frozen=True)
class Block:
    """A heading ('h1', 'h2'), a sentence ('p') or code ('pre'). style: '', 'soft', 'lead', 'taught', 'formula'."""

    tag: str
    runs: tuple[Run, ...]
    style: str = ""


def part(blocks: Sequence[Block], name: str = "", turned: str = "") -> Part:
    """The text for the board. name: what code is called. turned: where it changes, the heading takes the focus."""
    told = [{"tag": block.tag, "style": block.style, "runs": sent(block.runs)} for block in blocks]
    return Part("prose", "plots", {"blocks": told, "name": name, "turned": turned})


def sent(runs: Sequence[Run]) -> list[dict[str, str]]:
    """Runs as the browser takes them."""
    return [dict(vars(run)) for run in runs]
