"""What the browser queues for a part, deed after deed, until Python says how far it has seen them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import streamlit as st

from dashboard.live.board import sent


class Numbered(Protocol):
    """A deed, numbered by the browser."""

    n: int


D = TypeVar("D", bound=Numbered)


def acknowledged(key: str) -> int:
    """The number of the last deed of a part that was seen."""
    return st.session_state.get(_seen(key), 0)


def new(key: str, read: Callable[[object], D | None]) -> list[D]:
    """What was done since the last run, each once, in order. read: the deed, None where the browser sends no such."""
    raw, last = sent(key, "deeds"), acknowledged(key)
    found = [deed for each in raw if (deed := read(each)) and deed.n > last] if isinstance(raw, list) else []
    if found:
        st.session_state[_seen(key)] = max(deed.n for deed in found)
    return found


def _seen(key: str) -> str:
    return f"deeds of {key}"
