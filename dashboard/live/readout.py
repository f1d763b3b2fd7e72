"""The two large figures, accuracy and file size, which also ask for more images while there are any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from dashboard.live.board import Part, sent


@dataclass(frozen=True)
class Readout:
    """What the two figures say, already formatted: "98.6", "95 %: 98.2 to 98.9", "−0.4 ± 0.3 points", "212", "kB", …

    images: measured so far, of `images_all`. While some are missing the browser asks for more: at once if `resting`,
    else after `patience_ms` without a newer Readout. `version` must differ whenever the state differs.
    """

    accuracy: str
    interval: str
    drop: str
    images: int
    images_all: int
    file: str
    file_unit: str
    ratio: str
    removed: str
    dense: str
    version: str
    resting: bool = True
    patience_ms: int = 120


def part(data: Readout) -> Part:
    """The two figures for the board."""
    return Part("readout", "side", dict(vars(data)))


def wants_more(key: str) -> bool:
    """Whether the browser asks for more images; true once for each time it asks. Call before `part`."""
    wish = sent(key, "more")
    seq = wish.get("seq") if isinstance(wish, Mapping) else None
    name = f"wishes of {key}"
    if not isinstance(seq, int) or isinstance(seq, bool) or seq == st.session_state.get(name):
        return False
    st.session_state[name] = seq
    return True
