"""Tables to figures in plotly's spec; colours are the page's own, as CSS variables. An empty table makes an empty one.

A figure is the plain mapping that plotly draws: building it through plotly's classes takes ten times as long as all
the measuring of a slider's step. The tests hand every figure to those classes, which refuse what plotly does not know.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
import pandas as pd

from core.report import Row
from dashboard import words

Figure = dict[str, "dict | list"]

COMPRESSED = "var(--st-primary-color)"
DENSE = "var(--st-gray-color)"
REMOVED = "var(--st-orange-color)"
REMOVED_FILL = "var(--st-orange-background-color)"
PAGE = "var(--st-background-color)"
LINE = "var(--st-border-color)"
SOFT = "var(--st-gray-text-color)"
AXIS = {"zeroline": False, "showgrid": False, "linecolor": LINE, "ticks": "outside", "tickcolor": LINE}
SENTENCE = {"hovertemplate": "%{text}<extra></extra>"}
FLOORS = (0.99, 0.98, 0.95, 0.9, 0.8, 0.5, 0.0)  # where the trail's accuracy axis may begin
HIGHEST = 1.5  # times the second bin: where a bin that dwarfs all others is cut off
POINTS = 256  # of a curve: more than its pixels are wasted
LEAST_BITS = 0.1  # the left end of the bits axis, where 0 is drawn too


def drawn(key: str, data: list[dict], axes: dict[str, dict], **layout: object) -> Figure:
    """Traces on our axes; `key` keeps the zoom for as long as it stays the same."""
    base = {
        "margin": {"l": 62, "r": 12, "t": 8, "b": 40},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
        "hovermode": "closest",
        "uirevision": key,
        "dragmode": "zoom",
        **{name: {**AXIS, **axis} for name, axis in axes.items()},
    }
    return {"data": data, "layout": {**base, **layout}}


def empty() -> Figure:
    """A figure with nothing to show."""
    return drawn("empty", [], {"xaxis": {"visible": False}, "yaxis": {"visible": False}})


def titled(title: str, low: float, high: float, **axis: object) -> dict:
    """An axis with a title and a range, and what else is said of it."""
    return {"title": {"text": title}, "range": [low, high], **axis}


def _vertical(x: float) -> dict:
    line = {"color": REMOVED, "width": 1.5, "dash": "dash"}
    return {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "line": line}


def plain(values: np.ndarray | pd.Series | list[float]) -> list[float]:
    """The values to four digits of the largest, as short as they can be sent."""
    array = np.asarray(values, dtype=float)
    top = np.abs(array).max(initial=0.0)
    return array.round(4 - int(np.floor(np.log10(top)))).tolist() if top > 0 else array.tolist()


def histogram(table: pd.DataFrame, lines: Iterable[float], levels: np.ndarray, name: str) -> Figure:
    """Survivors over removed numbers, a bin of `report.histogram` each; thresholds as lines, code values as ticks."""
    if table.empty:
        return empty()
    low, high, kept, removed = (table[column].to_numpy() for column in ("low", "high", "kept", "removed"))
    total, edges = kept + removed, np.append(low, high[-1])
    top = _top(total)
    data = [
        _steps(edges, total, COMPRESSED),
        _steps(edges, removed, REMOVED_FILL),
        _bin_hover(low / 2 + high / 2, total, np.stack([low, high, kept, removed], 1)),
        _ticks(levels, -0.06 * top),
    ]
    axes = {
        "xaxis": titled("weight", float(low[0]), float(high[-1]), nticks=7),
        "yaxis": titled("weights a bin", -0.07 * top, 1.05 * top, nticks=5),
    }
    return drawn(f"histogram {name}", data, axes, shapes=[_vertical(side * x) for x in lines for side in (-1, 1)])


def cut_off(table: pd.DataFrame) -> bool:
    """Whether the largest bin of a histogram goes on beyond its axis."""
    total = (table["kept"] + table["removed"]).to_numpy()
    return not table.empty and _top(total) < total.max()


def _top(total: np.ndarray) -> float:
    """The height of a histogram: of its largest bin, unless that hides all others, as the zeros of a trained layer."""
    first, second = (float(count) for count in np.sort(np.append(total, 0))[-1:-3:-1])
    return HIGHEST * second if second and first > 20 * HIGHEST * second else first


def _steps(edges: np.ndarray, counts: np.ndarray, color: str) -> dict:
    """The outline of a histogram as one filled path: cheap to redraw."""
    return {
        "type": "scatter",
        "x": plain(np.repeat(edges, 2)),
        "y": [0, *np.repeat(counts, 2).tolist(), 0],
        "mode": "lines",
        "line": {"width": 0.5, "color": color},
        "fill": "tozeroy",
        "fillcolor": color,
        "hoverinfo": "skip",
    }


def _bin_hover(middle: np.ndarray, total: np.ndarray, figures: np.ndarray) -> dict:
    """Invisible points over the bins that say what is in them."""
    said = (
        "%{customdata[2]:,} weights between %{customdata[0]:.3g} and %{customdata[1]:.3g} stay, "
        "%{customdata[3]:,} are removed<extra></extra>"
    )
    return {
        "type": "scatter",
        "x": plain(middle),
        "y": total.tolist(),
        "mode": "markers",
        "marker": {"size": 8, "opacity": 0, "color": COMPRESSED},
        "customdata": list(zip(*map(plain, figures.T[:2]), *figures.T[2:].astype(int).tolist(), strict=True)),
        "hovertemplate": said,
    }


def _ticks(levels: np.ndarray, depth: float) -> dict:
    """Short strokes below the axis at each level, as one path."""
    x = [value for level in plain(levels) for value in (level, level, None)]
    y = [value for _ in levels for value in (0.25 * depth, depth, None)]
    line = {"width": 1.2, "color": SOFT}
    return {"type": "scatter", "x": x, "y": y, "mode": "lines", "line": line, "hoverinfo": "skip"}


def layers(rows: list[Row]) -> Figure:
    """Left: what stays of each layer. Right: bits a weight on a log axis, stored (ring), entropy of the codes (dot)."""
    if not rows:
        return empty()
    names = [row["layer"] for row in rows]
    stays = [100 * (1 - row["sparsity"]) for row in rows]
    said = [words.stay_sentence(row) for row in rows]
    data = [_bars(names, stays, COMPRESSED, said), _bars(names, [100 - s for s in stays], REMOVED_FILL, said)]
    bits = [0.1, 0.3, 1, 2, 4, 8, 16, 32]
    axes = {
        "xaxis": titled("numbers that stay (%)", 0, 100, domain=[0, 0.5], tickvals=[0, 50, 100]),
        "yaxis": {"autorange": "reversed", "ticks": "", "automargin": True, "type": "category", "fixedrange": True},
        "xaxis2": titled("bits a weight", np.log10(LEAST_BITS), np.log10(45), type="log", domain=[0.58, 1], anchor="y")
        | {"tickvals": bits, "ticktext": [f"{value:g}" for value in bits]},
    }
    return drawn("layers", data + _bits(rows, names), axes, bargap=0.45, barmode="stack")


def _bars(names: list[str], lengths: list[float], color: str, said: list[str]) -> dict:
    return {
        "type": "bar",
        "y": names,
        "x": lengths,
        "orientation": "h",
        "marker": {"color": color, "line": {"width": 0}},
        "text": said,
        "textposition": "none",
        **SENTENCE,
    }


def _bits(rows: list[Row], names: list[str]) -> list[dict]:
    stored = [max(LEAST_BITS, row["bits_per_weight"]) for row in rows]
    bound = [max(LEAST_BITS, row["entropy_bits_per_weight"]) for row in rows]
    link_x = [value for low, high in zip(bound, stored, strict=True) for value in (low, high, None)]
    link_y = [value for name in names for value in (name, name, None)]
    line = {"color": COMPRESSED, "width": 2}
    shared = {"type": "scatter", "xaxis": "x2", "y": names, "mode": "markers"}
    shared |= {"text": [words.bits_sentence(row) for row in rows], **SENTENCE}
    link = {"type": "scatter", "xaxis": "x2", "x": link_x, "y": link_y, "mode": "lines", "line": line}
    return [
        {**link, "hoverinfo": "skip"},
        {**shared, "x": stored, "marker": {"size": 10, "color": PAGE, "line": line}},
        {**shared, "x": bound, "marker": {"size": 9, "color": COMPRESSED}},
    ]


def spectrum(table: pd.DataFrame, rank: int, name: str) -> Figure:
    """Singular values, largest first: those that the rank keeps filled, the cut as a line."""
    if table.empty:
        return empty()
    full, top = len(table), float(table["value"].iloc[0]) or 1.0
    some = np.unique(np.append(np.linspace(0, full - 1, min(full, POINTS)).round().astype(int), rank - 1))
    ranks, values = (some + 1).tolist(), plain(table["value"].to_numpy()[some])
    inside = int(np.searchsorted(some, rank))
    said = (
        f"the first %{{x}} of {full} singular values keep %{{customdata:.1%}} of the energy; "
        "number %{x} is %{y:.3g}<extra></extra>"
    )
    shared = {"type": "scatter", "mode": "lines"}
    whole = {**shared, "x": ranks, "y": values, "line": {"width": 2.5, "color": DENSE}}
    kept = {**shared, "x": ranks[:inside], "y": values[:inside], "line": {"width": 2.5, "color": COMPRESSED}}
    data = [
        {**whole, "customdata": plain(table["energy"].to_numpy()[some]), "hovertemplate": said},
        {**kept, "fill": "tozeroy", "fillcolor": "var(--st-gray-background-color)", "hoverinfo": "skip"},
    ]
    axes = {
        "xaxis": titled("rank", 0, full + 1, nticks=6),
        "yaxis": titled("singular value", 0, 1.05 * top, nticks=5),
    }
    return drawn(f"spectrum {name}", data, axes, shapes=[_vertical(rank + 0.5)] if rank < full else [])


class Point(Protocol):
    """A setting that was measured. number: names it. written: bytes. accuracy, interval: fractions."""

    number: int
    written: int
    accuracy: float
    interval: tuple[float, float]
    text: str


def trail(points: Sequence[Point], dense: tuple[float, int]) -> Figure:
    """Accuracy against file size, a point a setting in the order of the visits, the last one with its interval.

    dense: accuracy and bytes of the dense model.
    """
    if not points:
        return empty()
    sizes, accuracies = [point.written / 1000 for point in points], plain([100 * p.accuracy for p in points])
    floor = next(f for f in FLOORS if f <= max(0.0, min(accuracies) / 100 - 0.002))
    low = 10 ** np.floor(np.log10(min(*sizes, dense[1] / 1000)))
    high = 1.25 * max(*sizes, dense[1] / 1000)
    told = {"text": [point.text for point in points], "customdata": [point.number for point in points]}
    shared = {"type": "scatter", **told, **SENTENCE}
    level = {"x": [low, high], "y": [100 * dense[0]] * 2, "line": {"color": DENSE, "dash": "dot", "width": 1.5}}
    way = {"line": {"color": COMPRESSED, "width": 1}, "marker": {"size": 7, "color": COMPRESSED}, "opacity": 0.55}
    data = [
        {"type": "scatter", "mode": "lines", "hoverinfo": "skip", **level},
        {**shared, "x": sizes, "y": accuracies, "mode": "lines+markers", **way},
        _here(points[-1]),
    ]
    axes = {
        "xaxis": titled("file size", np.log10(low), np.log10(high), type="log", **size_ticks(low, high)),
        "yaxis": titled("accuracy (%)", 100 * floor, 100 + 4 * (1 - floor), nticks=6),
    }
    return drawn(f"trail {floor} {low}", data, axes)


def size_ticks(low: float, high: float) -> dict:
    """Round sizes in kB between two, as they are said."""
    steps = (1, 2, 5) if high < 30 * low else (1,) if high > 3000 * low else (1, 3)
    values = [step * 10.0**power for power in range(-1, 9) for step in steps]
    inside = [value for value in values if low <= value <= high]
    return {"tickvals": inside, "ticktext": [" ".join(words.size(round(1000 * value))) for value in inside]}


def _here(last: Point) -> dict:
    """The last point, large, with its interval."""
    accuracy = 100 * last.accuracy
    below, above = accuracy - 100 * last.interval[0], 100 * last.interval[1] - accuracy
    reach = {"type": "data", "array": [above], "arrayminus": [below], "color": COMPRESSED, "thickness": 1.5, "width": 0}
    return {
        "type": "scatter",
        "x": [last.written / 1000],
        "y": [accuracy],
        "mode": "markers",
        "marker": {"size": 14, "color": COMPRESSED, "line": {"color": PAGE, "width": 2}},
        "error_y": reach,
        "text": [last.text],
        "customdata": [last.number],
        **SENTENCE,
    }
