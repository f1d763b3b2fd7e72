"""A card with a plotly figure that is redrawn in place: no blank frame, no lost zoom."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import plotly
import plotly.graph_objects as go
import plotly.io as pio
import streamlit as st

from dashboard.live.assets import component

# A plain {"data": […], "layout": {…}} costs 0.2 ms where go.Figure costs 4: for what moves during a drag.
Drawable = go.Figure | Mapping[str, object]
STATIC = Path(__file__).parents[1] / "static"
LIBRARY = "plotly.min.js"


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


def plot(figure: Drawable, key: str, card: Card) -> Click | None:
    """Draws the figure, and returns the point that was clicked since the last run, once.

    Colours may be CSS variables, "var(--st-primary-color)". A key must not contain "__" (Streamlit's rule).
    """
    trouble = library_trouble()
    data = {
        "figure": drawing(figure),
        "title": card.title,
        "note": card.note,
        "height": card.height,
        "phone": card.phone,
        "version": card.version,
        "source": f"app/static/{LIBRARY}?v={plotly.__version__}",
        "trouble": trouble,
    }
    result = _plot(key=key, data=data, on_clicked_change=_nothing)
    return fresh(key, result.get("clicked"))


def drawing(figure: Drawable) -> str:
    """The figure as JSON, without the 7 kB template that `go.Figure` adds even where it is told `template=None`."""
    parts = figure.to_plotly_json() if isinstance(figure, go.Figure) else figure
    layout = {name: value for name, value in parts.get("layout", {}).items() if name != "template"}
    return pio.to_json({"data": parts["data"], "layout": layout}, validate=False)


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


def ensure_static(folder: Path = STATIC) -> Path:
    """The plotly.js in `folder`, copied out of the installed plotly package where missing or of another size.

    Raises OSError with a way out where the folder cannot be written.
    """
    source = Path(str(files("plotly") / "package_data" / LIBRARY))
    target = folder / LIBRARY
    if target.is_file() and target.stat().st_size == source.stat().st_size:
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder, suffix=".part")
        with os.fdopen(handle, "wb") as part:
            part.write(source.read_bytes())
        os.chmod(name, 0o644)
        os.replace(name, target)
    except OSError as error:
        raise OSError(f"{target} cannot be written ({error.strerror}); copy {source} there by hand") from error
    return target


@cache
def library_trouble() -> str:
    """Why plotly.js cannot be served, in a sentence, or nothing."""
    try:
        ensure_static()
    except OSError as error:
        return str(error)
    return ""


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _nothing() -> None:
    """Declares the state `clicked`."""


_plot = component("plot", isolated=False)
