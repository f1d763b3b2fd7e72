"""The table of what a lesson measured as a figure; what the control stands at is ringed."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from core.lessons.format import Plot
from dashboard.figures import COMPRESSED, DENSE, PAGE, REMOVED, SENTENCE, Figure, drawn, empty, plain, titled
from dashboard.live.chart import Card

CARD = {"height": "340px", "phone": "320px"}
MARGIN = 0.05  # of an axis beyond its data
PERCENT = (0.0, 100.0)
NAMED = 12  # bars; of more only the largest are drawn


class Look(NamedTuple):
    """How a series is drawn: its colour and dash, in words too."""

    color: str
    dash: str
    words: tuple[str, str]


class Here(NamedTuple):
    """Where on the x axis a control stands, and between which ends it can."""

    at: float
    low: float
    high: float


LOOKS = (
    Look(COMPRESSED, "solid", ("blue", "solid")),
    Look(DENSE, "dash", ("grey", "dashed")),
    Look(REMOVED, "dot", ("orange", "dotted")),
)


def card(title: str, note: str, version: str) -> Card:
    """The words and the place of a lesson's plot."""
    return Card(title, note, **CARD, version=version)


def figure(table: pd.DataFrame, plot: Plot, here: Here | None = None) -> Figure:
    """The table in the plot's kind. here: None where the control does not lie across it."""
    if table.empty:
        return empty()
    return KINDS[plot.kind](table, plot, here)


def counts(plot: Plot, label: str) -> bool:
    """Whether what a control of that label sets is what lies across the plot."""
    return plot.x_label.partition(",")[0].strip().lower() == label.strip().lower()


def series(table: pd.DataFrame, plot: Plot) -> list[str]:
    """The names of a plot's series, in the order of the table."""
    return [str(name) for name in table[plot.series].unique()] if plot.series else []


def key(table: pd.DataFrame, plot: Plot) -> str:
    """Which series is which, in words; '' where there is one."""
    names, lines = series(table, plot), plot.kind == "line"
    told = [(", ".join(look_of(i, name).words[: 1 + lines]), name) for i, name in enumerate(names)]
    return "; ".join(f"{look}: {name}" for look, name in told) if len(names) > 1 else ""


def look_of(place: int, name: str) -> Look:
    """How the series of a place is drawn: what is dense or removed in its own colour."""
    return LOOKS[MEANT.get(name, place % len(LOOKS))]


def _groups(table: pd.DataFrame, plot: Plot) -> list[tuple[str, pd.DataFrame]]:
    if not plot.series:
        return [("", table)]
    return [(name, table[table[plot.series].astype(str) == name]) for name in series(table, plot)]


def _span(values: Sequence[float], label: str) -> tuple[float, float]:
    """The ends of an axis: all of 0 to 100 for percentages, so that nothing grows by a change of scale."""
    known = [value for value in values if value == value]
    low, high = min(known, default=0.0), max(known, default=1.0)
    if "%" in label and low >= PERCENT[0] and high <= PERCENT[1]:
        low, high = PERCENT
    room = MARGIN * ((high - low) or abs(high) or 1.0)
    return low - room, high + room


def _places(column: pd.Series) -> tuple[list[float], dict]:
    """The x of each row and what an axis of names needs."""
    if pd.api.types.is_numeric_dtype(column):
        return plain(column), {}
    names = [str(name) for name in column.unique()]
    return [float(names.index(str(name))) for name in column], {"tickvals": list(range(len(names))), "ticktext": names}


def _scatter(table: pd.DataFrame, plot: Plot, here: Here | None) -> Figure:
    places, axis = _places(table[plot.x])
    placed = table.assign(_at=places)
    data = [_trace(group, plot, (name, look_of(i, name))) for i, (name, group) in enumerate(_groups(placed, plot))]
    data += [_ring(group, plot, here.at) for _, group in _groups(placed, plot)[:1] if here is not None]
    axes = {
        "xaxis": titled(plot.x_label, *_span([*places, *(here or ())[1:]], ""), nticks=7, **axis),
        "yaxis": titled(plot.y_label, *_span(list(table[plot.y]), plot.y_label), nticks=6),
    }
    return drawn(f"lesson {plot.x} {plot.y}", data, axes)


def _trace(group: pd.DataFrame, plot: Plot, how: tuple[str, Look]) -> dict:
    name, look = how
    return {
        "type": "scatter",
        "x": group["_at"].tolist(),
        "y": plain(group[plot.y]),
        "mode": "lines+markers" if plot.kind == "line" else "markers",
        "line": {"color": look.color, "width": 2, "dash": look.dash},
        "marker": {"color": look.color, "size": 7},
        "text": [_said(row, plot, name) for _, row in group.iterrows()],
        **SENTENCE,
    }


def _said(row: pd.Series, plot: Plot, name: str) -> str:
    """What a point says when it is pointed at."""
    x, y = (f"{value:,.4g}" if isinstance(value, int | float) else f"{value}" for value in (row[plot.x], row[plot.y]))
    return f"{name + ': ' if name else ''}{plot.x_label} {x}<br>{plot.y_label} {y}"


def _ring(group: pd.DataFrame, plot: Plot, here: float) -> dict:
    """A ring around the point where the control stands, where there is one."""
    at = group[(group["_at"] - here).abs() < 1e-6 * max(1.0, abs(here))]
    return {
        "type": "scatter",
        "x": at["_at"].tolist(),
        "y": plain(at[plot.y]),
        "mode": "markers",
        "marker": {"color": PAGE, "size": 13, "line": {"color": COMPRESSED, "width": 3}},
        "hoverinfo": "skip",
    }


def _bars(table: pd.DataFrame, plot: Plot, here: Here | None) -> Figure:
    """A bar a name, or, of many numbers, the outline of a histogram."""
    if table[plot.x].nunique() > NAMED and pd.api.types.is_numeric_dtype(table[plot.x]):
        return _outlines(table, plot)
    kept = table.nlargest(NAMED, plot.y) if len(table) > NAMED else table
    data = [_bar(group, plot, (name, look_of(i, name))) for i, (name, group) in enumerate(_groups(kept, plot))]
    low, high = _span([0.0, *kept[plot.y]], plot.y_label)
    axes = {
        "xaxis": titled(plot.y_label, low if kept[plot.y].min() < 0 else 0.0, high, nticks=6),
        "yaxis": {"autorange": "reversed", "ticks": "", "automargin": True, "type": "category"},
    }
    return drawn(f"lesson {plot.x} {plot.y}", data, axes, barmode="stack", bargap=0.3)


def _bar(group: pd.DataFrame, plot: Plot, how: tuple[str, Look]) -> dict:
    name, look = how
    called = [f"{each:g}" if isinstance(each, float) else f"{each}" for each in group[plot.x]]
    return {
        "type": "bar",
        "orientation": "h",
        "x": plain(group[plot.y]),
        "y": [f"{each}, {name}" if name else each for each in called],
        "marker": {"color": look.color},
        "text": [_said(row, plot, name) for _, row in group.iterrows()],
        "textposition": "none",
        **SENTENCE,
    }


def _outlines(table: pd.DataFrame, plot: Plot) -> Figure:
    """Each series as one filled outline over the places of its bins."""
    groups = _groups(table.sort_values(plot.x, kind="stable"), plot)
    data = [_outline(group, plot, look_of(i, name)) for i, (name, group) in enumerate(groups)]
    data += [_points(group, plot, name) for name, group in groups]
    axes = {
        "xaxis": titled(plot.x_label, *_span(list(table[plot.x]), ""), nticks=7),
        "yaxis": titled(plot.y_label, *_span([0.0, *table[plot.y]], plot.y_label), nticks=6),
    }
    return drawn(f"lesson {plot.x} {plot.y}", data, axes)


def _outline(group: pd.DataFrame, plot: Plot, look: Look) -> dict:
    at, heights = group[plot.x].to_numpy(), group[plot.y].to_numpy()
    half = float(np.diff(at).min()) / 2 if len(at) > 1 else 0.5
    return {
        "type": "scatter",
        "x": plain(np.stack([at - half, at + half], 1).ravel()),
        "y": plain(np.repeat(heights, 2)),
        "mode": "lines",
        "line": {"width": 0.5, "color": look.color},
        "fill": "tozeroy",
        "fillcolor": look.color,
        "hoverinfo": "skip",
    }


def _points(group: pd.DataFrame, plot: Plot, name: str) -> dict:
    """Invisible points that say what is in the bins with anything in them."""
    seen = group[group[plot.y] != 0]
    return {
        "type": "scatter",
        "x": plain(seen[plot.x]),
        "y": plain(seen[plot.y]),
        "mode": "markers",
        "marker": {"size": 8, "opacity": 0, "color": COMPRESSED},
        "text": [_said(row, plot, name) for _, row in seen.iterrows()],
        **SENTENCE,
    }


MEANT = {"dense": 1, "as trained": 1, "goes": 2, "removed": 2}  # series whose colour says what they are
KINDS = {"line": _scatter, "points": _scatter, "bars": _bars}
