"""A row of native controls, selects, segments and buttons, that are cheap to have beside a moving slider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard.live.board import Part, again, sent


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
    if not _unseen(key):
        return None
    raw = sent(key, "picked")
    st.session_state[_seen(key)] = raw.get("n")
    for item in items:
        if item.name == raw.get("name") and _offers(item, raw.get("value")) and not item.disabled:
            return Picked(item.name, raw["value"])
    return None


def first(rows: Mapping[str, Sequence[Item]]) -> Picked | None:
    """The first choice in any of the rows since the last run; another run follows for one in a row behind it."""
    for at, (key, items) in enumerate(rows.items()):
        choice = picked(key, items)
        if choice is not None:
            if any(map(_unseen, list(rows)[at + 1 :])):
                again()
            return choice
    return None


def _unseen(key: str) -> bool:
    raw = sent(key, "picked")
    return isinstance(raw, Mapping) and st.session_state.get(_seen(key)) != raw.get("n")


def _offers(item: Item, value: object) -> bool:
    if item.kind == "search":
        return isinstance(value, str) and len(value) <= LONGEST
    return item.kind not in WORDS and value in ([each for each, _ in item.options] or [""])


def part(key: str, items: Sequence[Item]) -> Part:
    """The row for the board, which also tells the browser what was seen: it keeps the next choice back until then."""
    seen = st.session_state.get(_seen(key))
    return Part("row", "side", {"items": [dict(vars(item)) for item in items], "ack": seen})


def _seen(key: str) -> str:
    return f"picks of {key}"


LONGEST = 100  # letters of a search
WORDS = ("note", "line")  # kinds of which nothing can be chosen
