"""A row of native controls, selects, segments and buttons, that are cheap to have beside a moving slider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard.live.board import Part, sent


@dataclass(frozen=True)
class Item:
    """One control. kind: 'select', 'segments', 'button', 'search', or 'note' and 'line' for words alone.

    options: value and text of each. main: the chief button.
    """

    kind: str
    name: str
    label: str
    options: tuple[tuple[str, str], ...] = ()
    value: str = ""
    disabled: bool = False
    main: bool = False


@dataclass(frozen=True)
class Picked:
    """What a person chose: the control, and the value of its option ('' of a button)."""

    name: str
    value: str


def picked(key: str, items: Sequence[Item]) -> Picked | None:
    """What was chosen in the row since the last run, once; nothing where the browser sends what no item offers."""
    raw = sent(key, "picked")
    if not isinstance(raw, Mapping) or st.session_state.get(f"picks of {key}") == raw.get("n"):
        return None
    st.session_state[f"picks of {key}"] = raw.get("n")
    for item in items:
        if item.name == raw.get("name") and _offers(item, raw.get("value")) and not item.disabled:
            return Picked(item.name, raw["value"])
    return None


def _offers(item: Item, value: object) -> bool:
    if item.kind == "search":
        return isinstance(value, str) and len(value) <= LONGEST
    return item.kind not in WORDS and value in ([each for each, _ in item.options] or [""])


def part(items: Sequence[Item]) -> Part:
    """The row for the board."""
    return Part("row", "side", {"items": [dict(vars(item)) for item in items]})


LONGEST = 100  # letters of a search
WORDS = ("note", "line")  # kinds of which nothing can be chosen
