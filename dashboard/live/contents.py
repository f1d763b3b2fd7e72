"""The lessons to choose from; the marks of what a student has done are the browser's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard.live.board import Part, sent


@dataclass(frozen=True)
class Entry:
    """A lesson. why: why the model cannot have it, '' where it can."""

    name: str
    number: int
    title: str
    why: str = ""


def part(entries: Sequence[Entry], here: str, words: tuple[str, str]) -> Part:
    """The list for the board. here: the name of the one that is open. words: its title, and what stands below it."""
    title, note = words
    told = {"title": title, "note": note, "chosen": here, "lessons": [dict(vars(each)) for each in entries]}
    return Part("contents", "side", told)


def chosen(key: str, names: Sequence[str]) -> str:
    """The name of the lesson that was chosen since the last run, once; '' where the browser sends none of `names`."""
    raw = sent(key, "chosen")
    if not isinstance(raw, Mapping) or st.session_state.get(f"choices of {key}") == raw.get("n"):
        return ""
    st.session_state[f"choices of {key}"] = raw.get("n")
    return raw["name"] if raw.get("name") in names else ""
