"""The table of what a lesson measured as a figure; what the control stands at is ringed."""

from collections.abc import Sequence
from typing import NamedTuple

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
    words: str


LOOKS = (
    Look(COMPRESSED, "solid", "blue, solid"),
    Look(DENSE, "dash", "grey, dashed"),
    Look(REMOVED, "dot", "orange, dotted"),
)


def card(title: str, note: str, version: str) -> Card:
    """The words and the place of a lesson's plot."""
    return Card(title, note, **CARD, version=version)


def figure(table: pd.DataFrame, plot: Plot, here: float | None = None) -> Figure:
    """The table in the plot's kind. here: where on the x axis the control stands, None where it is no place there."""
    if table.empty:
        return empty()
    return KINDS[plot.kind](table, plot, here)


def series(table: pd.DataFrame, plot: Plot) -> list[str]:
    """The names of a plot's series, in the order of the table."""
    return [str(name) for name in table[plot.series].unique()] if plot.series else []


def key(table: pd.DataFrame, plot: Plot) -> str:
    """Which series is which, in words; '' where there is one."""
    names = series(table, plot)
    return "; ".join(f"{look_of(i).words}: {name}" for i, name in enumerate(names)) if len(names) > 1 else ""


def look_of(place: int) -> Look:
    """How the series of a place is drawn."""
    return LOOKS[place % len(LOOKS)]


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


def _scatter(table: pd.DataFrame, plot: Plot, here: float | None) -> Figure:
    places, axis = _places(table[plot.x])
    placed = table.assign(_at=places)
    data = [_trace(group, plot, (name, look_of(i))) for i, (name, group) in enumerate(_groups(placed, plot))]
    data += [_ring(group, plot, here) for _, group in _groups(placed, plot)[:1] if here is not None]
    axes = {
        "xaxis": titled(plot.x_label, *_span(places, ""), nticks=7, **axis),
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


def _bars(table: pd.DataFrame, plot: Plot, here: float | None) -> Figure:
    kept = table.nlargest(NAMED, plot.y) if len(table) > NAMED else table
    names = [str(name) if not isinstance(name, float) else f"{name:g}" for name in kept[plot.x]]
    if plot.series:
        names = [f"{name}, {of}" for name, of in zip(names, kept[plot.series], strict=True)]
    lengths = plain(kept[plot.y])
    low, high = _span([0.0, *lengths], "")
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "x": lengths,
            "y": names,
            "marker": {"color": COMPRESSED},
            "text": [_said(row, plot, "") for _, row in kept.iterrows()],
            "textposition": "none",
            **SENTENCE,
        }
    ]
    axes = {
        "xaxis": titled(plot.y_label, min(0.0, low) if min(lengths) < 0 else 0.0, high, nticks=6),
        "yaxis": {"autorange": "reversed", "ticks": "", "automargin": True, "type": "category"},
    }
    return drawn(f"lesson {plot.x} {plot.y}", data, axes, barmode="stack", bargap=0.3)


KINDS = {"line": _scatter, "points": _scatter, "bars": _bars}
