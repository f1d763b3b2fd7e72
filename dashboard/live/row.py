"""A row of native controls, selects, segments and buttons, that are cheap to have beside a moving slider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard.live.board import Part, sent


@dataclass(frozen=True)
class Item:
    """One control. kind: 'select', 'segments', 'button', or 'note' for words alone.

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
        offered = [value for value, _ in item.options] or [""]
        if item.name == raw.get("name") and raw.get("value") in offered and item.kind != "note" and not item.disabled:
            return Picked(item.name, raw["value"])
    return None


def part(items: Sequence[Item]) -> Part:
    """The row for the board."""
    return Part("row", "side", {"items": [dict(vars(item)) for item in items]})
