"""A table of recipes, each of which can be opened, and saved as a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard.live.board import Part, sent


@dataclass(frozen=True)
class Row:
    """A row. number: what opening it reports. name: what a screen reader says. file, text: what saving it writes."""

    number: int
    name: str
    cells: tuple[str, ...]
    file: str
    text: str
    marked: bool = False


@dataclass(frozen=True)
class Frame:
    """The words and the place of a table. long: the column whose words may take several lines."""

    title: str
    head: tuple[str, ...]
    long: int
    height: str = "280px"


def part(rows: Sequence[Row], frame: Frame) -> Part:
    """The table for the board."""
    return Part("table", "plots", vars(frame) | {"rows": [dict(vars(row)) for row in rows]})


def opened(key: str) -> int | None:
    """The number of the row that was opened since the last run, once."""
    raw = sent(key, "opened")
    if not isinstance(raw, Mapping) or st.session_state.get(f"opened in {key}") == raw.get("n"):
        return None
    st.session_state[f"opened in {key}"] = raw.get("n")
    number = raw.get("number")
    return number if isinstance(number, int) and not isinstance(number, bool) else None
