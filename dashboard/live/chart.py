"""A card with a small plot of our own, in SVG: plotly figure specs as figures.py writes them, redrawn in place."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from dashboard.live.board import Part, sent


@dataclass(frozen=True)
class Card:
    """The words and the place of a plot: a title that is a finding, and a note that says what is plotted.

    height: any CSS length, such as "calc(50vh - 60px)"; phone: the same below 700 px. `version` is written to
    `data-shown` once the figure is on the screen.
    """

    title: str
    note: str
    height: str = "320px"
    phone: str = "300px"
    version: str = ""


@dataclass(frozen=True)
class Click:
    """A point of the figure: the trace, the point of the trace, and its customdata (a single value as one of many)."""

    curve: int
    point: int
    customdata: tuple[object, ...] = ()


def part(figure: Mapping[str, object], card: Card) -> Part:
    """The figure for the board.

    figure: {"data": […], "layout": {…}} of plain values, in plotly's spec: scatter traces (lines and markers), stacked
    horizontal bars, vertical lines. Colours may be CSS variables, "var(--st-primary-color)". A point can be clicked
    where its marker is seen and its trace has customdata.
    """
    return Part("chart", "plots", vars(card) | {"figure": drawing(figure)})


def clicked(key: str) -> Click | None:
    """The point that was clicked since the last run, once."""
    return fresh(key, sent(key, "clicked"))


def drawing(figure: Mapping[str, object]) -> str:
    """The figure as compact JSON; what is not finite becomes null, a gap."""
    parts = {"data": figure["data"], "layout": figure.get("layout", {})}
    try:
        return json.dumps(parts, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return json.dumps(_finite(parts), separators=(",", ":"))


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def fresh(key: str, raw: object) -> Click | None:
    """The click that the browser reports, if it is well formed and was not returned before.

    A state and not a trigger: Streamlit replays a trigger when a run is overtaken and clears it after any run, so it
    can be seen twice or never. A state stays, and its number `n` says whether it is new.
    """
    if not isinstance(raw, Mapping) or not all(_count(raw.get(name)) for name in ("curve", "point", "n")):
        return None
    name = f"clicks of {key}"
    if st.session_state.get(name) == raw["n"]:
        return None
    st.session_state[name] = raw["n"]
    data = raw.get("customdata")
    many = tuple(data) if isinstance(data, list) else () if data is None else (data,)
    return Click(raw["curve"], raw["point"], many)


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
