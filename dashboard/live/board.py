"""The board: sliders, rows, the two figures and the plots as one element of the page.

Each part is made of the files of its kind (html, css, js) and lives in one shadow root with the others. One element
costs Streamlit and the browser a fraction of what a dozen do, which is what lets the figures follow the hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from dashboard import terms

HERE = Path(__file__).parent
KEY = "board"
AGAIN = "board again"
KINDS = {
    "slider": ("slider.js",),
    "readout": ("readout.js",),
    "row": ("row.js",),
    "progress": ("progress.js",),
    "table": ("table.js",),
    "shelf": ("shelf.js",),
    "sheet": ("sheet.js",),
    "gallery": ("gallery.js",),
    "lines": ("lines.js",),
    "grid": ("grid.js",),
    "prose": ("prose.js",),
    "contents": ("kept.js", "contents.js"),
    "predict": ("kept.js", "predict_mark.js", "predict_curve.js", "predict_pick.js", "predict.js"),
    "quiz": ("kept.js", "quiz.js"),
    "tiles": ("tiles.js",),
    "canvas": ("canvas_bars.js", "canvas.js"),
    "chart": ("chart_axes.js", "chart_traces.js", "chart_heat.js", "chart_points.js", "chart.js"),
}


@dataclass(frozen=True)
class Part:
    """One part of the board. kind: of KINDS. area: 'side', 'plots' or, below both, 'wide'. data: for its js."""

    kind: str
    area: str
    data: Mapping[str, object]


def board(parts: Mapping[str, Part]) -> None:
    """Puts the parts on the page, or brings them up to date, in this order within their area."""
    data = {key: {"kind": part.kind, "area": part.area, "data": part.data} for key, part in parts.items()}
    _board(key=KEY, data={"parts": data}, on_sent_change=_nothing)
    if st.session_state.pop(AGAIN, False):
        st.rerun()


def again() -> None:
    """Lets another run follow once this one's parts are on the page: there is more to do of what the browser sent."""
    st.session_state[AGAIN] = True


def sent(key: str, name: str) -> object:
    """What the browser sent last under a name for a part, or None."""
    state = st.session_state.get(KEY)
    everything = state.get("sent") if isinstance(state, Mapping) else None
    part = everything.get(key) if isinstance(everything, Mapping) else None
    return part.get(name) if isinstance(part, Mapping) else None


def _nothing() -> None:
    """Declares the state `sent`."""


def _text(name: str) -> str:
    return (HERE / name).read_text("utf-8")


def script() -> str:
    """One js module out of all files: each kind in a scope of its own that returns its default export."""
    pattern, meanings = map(json.dumps, terms.rule())
    scopes = []
    for kind, names in KINDS.items():
        body = re.sub(r"^export default function", "return function", "\n".join(map(_text, names)), flags=re.MULTILINE)
        scopes.append(f"{kind}: (() => {{\n{body}\n}})()")
    templates = json.dumps({kind: _text(f"{kind}.html") for kind in KINDS})
    shared = f"const TERMS = new RegExp({pattern}, 'gi');\nconst MEANINGS = {meanings};\n{_text('runs.js')}"
    return f"{shared}\nconst KINDS = {{ {', '.join(scopes)} }};\nconst TEMPLATES = {templates};\n{_text('board.js')}"


_board = st.components.v2.component(
    "prunescope_board",
    html=_text("board.html"),
    css="\n".join(_text(f"{name}.css") for name in (*KINDS, "board")),
    js=script(),
)
