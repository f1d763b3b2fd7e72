"""The figures of the Compare page. Runs are told apart by letters: blue compressed, grey what they are held against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dashboard import figures, verdicts, words
from dashboard.figures import COMPRESSED, DENSE, LINE, PAGE, SENTENCE, SOFT, Figure, drawn, empty, plain, titled

MOST = 20  # rows of a plot
TOLD = {"hovertemplate": "%{hovertext}<extra></extra>"}
DASHES = ("solid", "dash", "dot")


@dataclass(frozen=True)
class Side:
    """How a run is drawn. letter: what it is called. said: its sentence."""

    number: int
    letter: str
    dense: bool
    said: str

    @property
    def color(self) -> str:
        """Grey for the dense model, blue for what is compressed."""
        return DENSE if self.dense else COMPRESSED


def scatter(table: pd.DataFrame, sides: Sequence[Side]) -> Figure:
    """Accuracy against file size with 95 % intervals, a point a run. table: of `runs.figures`."""
    known = table.dropna(subset=["bytes", "accuracy", "low", "high"])
    if known.empty:
        return empty()
    sizes = known["bytes"] / 1000
    low, high = 10 ** np.floor(np.log10(sizes.min())), 1.6 * sizes.max()
    floor = next(f for f in figures.FLOORS if f <= max(0.0, known["low"].min() - 0.002))
    by_number = {side.number: side for side in sides}
    data = [_spot(row, by_number[row.number]) for row in known.itertuples()]
    axes = {
        "xaxis": titled("file size", np.log10(low), np.log10(high), type="log", **figures.size_ticks(low, high)),
        "yaxis": titled("accuracy (%)", 100 * floor, 100 + 4 * (1 - floor), nticks=6),
    }
    return drawn(f"scatter {floor} {low}", data, axes)


def _spot(row: tuple, side: Side) -> dict:
    accuracy = 100 * row.accuracy
    reach = {"array": [100 * row.high - accuracy], "arrayminus": [accuracy - 100 * row.low]}
    return {
        "type": "scatter",
        "x": [row.bytes / 1000],
        "y": [accuracy],
        "mode": "markers+text",
        "marker": {"size": 12, "color": side.color, "line": {"color": PAGE, "width": 2}},
        "error_y": {"type": "data", "color": side.color, "thickness": 1.5, "width": 0, **reach},
        "text": [side.letter],
        "textposition": "top center",
        "hovertext": [side.said],
        "customdata": [side.number],
        **TOLD,
    }


def parallel(table: pd.DataFrame, sides: Sequence[Side]) -> Figure:
    """A row a figure and a line a run, from the least value at the left to the largest. table: of `runs.placed`."""
    if table.empty or len(sides) < 2:
        return empty()
    named = table.assign(row=table["dimension"].map(verdicts.DIMENSION_WORDS))
    letters = {side.number: side.letter for side in sides}
    named["letter"] = _letters(named, letters)
    data = [_ends(named, "first", -0.04, "middle left"), _ends(named, "last", 1.04, "middle right")]
    data += [_way(named[named["number"] == side.number], side, place) for place, side in enumerate(sides)]
    axes = {
        "xaxis": {"visible": False, "range": [-0.34, 1.34], "fixedrange": True},
        "yaxis": {"autorange": "reversed", "ticks": "", "automargin": True, "type": "category", "fixedrange": True},
    }
    return drawn("parallel", data, axes, shapes=[_level(0.0), _level(1.0)])


def _letters(table: pd.DataFrame, letters: Mapping[int, str]) -> pd.Series:
    """What stands above each point: the letters of all that lie there, at the last of them."""
    spots = [table["dimension"], (20 * table["place"]).round()]
    called = table["number"].map(letters)
    joined = called.groupby(spots).transform("".join)
    return joined.where(~table.assign(spot=spots[1]).duplicated(["dimension", "spot"], keep="last"), "")


def _ends(table: pd.DataFrame, which: str, x: float, where: str) -> dict:
    """The least or the largest value of each row, in words."""
    value = table.groupby("row", sort=False)["value"].agg("min" if which == "first" else "max")
    dimension = table.groupby("row", sort=False)["dimension"].first()
    said = [verdicts.value(name, number) for name, number in zip(dimension, value, strict=True)]
    shared = {"mode": "text", "text": said, "textposition": where, "textfont": {"color": SOFT}, "hoverinfo": "skip"}
    return {"type": "scatter", "x": [x] * len(said), "y": list(value.index), **shared}


def _way(own: pd.DataFrame, side: Side, place: int) -> dict:
    said = [
        f"{side.letter}: {row.row} {verdicts.value(row.dimension, row.value)}" for row in own.itertuples(index=False)
    ]
    return {
        "type": "scatter",
        "mode": "lines+markers+text",
        "x": plain(own["place"]),
        "y": own["row"].tolist(),
        "line": {"color": side.color, "width": 1.5, "dash": DASHES[place % len(DASHES)]},
        "marker": {"size": 9, "color": side.color, "line": {"color": PAGE, "width": 1}},
        "text": own["letter"].tolist(),
        "textposition": "top center",
        "hovertext": said,
        **TOLD,
    }


def _level(x: float) -> dict:
    line = {"color": LINE, "width": 1, "dash": "solid"}
    return {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "line": line}


def classes(table: pd.DataFrame) -> Figure:
    """The change of each class's accuracy with its 95 % interval, those that changed most. table: of `by_class`."""
    if table.empty:
        return empty()
    some = most_changed(table)
    names = [str(name) for name in some["class"]]
    low, high = plain(-some["high"]), plain(-some["low"])
    reach = 1.08 * max(1.0, *(abs(value) for value in (*low, *high)))
    links = [value for pair in zip(low, high, strict=True) for value in (*pair, None)]
    rows = [value for name in names for value in (name, name, None)]
    line = {"color": COMPRESSED, "width": 2}
    said = [verdicts.class_sentence(row) for row in some.itertuples()]
    data = [
        {"type": "scatter", "mode": "lines", "x": links, "y": rows, "line": line, "hoverinfo": "skip"},
        {
            "type": "scatter",
            "mode": "markers",
            "x": plain(-some["drop"]),
            "y": names,
            "marker": {"size": 9, "color": COMPRESSED},
            "text": said,
            **SENTENCE,
        },
    ]
    axes = {
        "xaxis": titled("change of accuracy (points)", -reach, reach, nticks=7),
        "yaxis": {"autorange": "reversed", "ticks": "", "automargin": True, "type": "category", "fixedrange": True},
    }
    zero = {"type": "line", "x0": 0, "x1": 0, "y0": 0, "y1": 1, "yref": "paper"}
    return drawn("classes", data, axes, shapes=[zero | {"line": {"color": DENSE, "width": 1.5, "dash": "dot"}}])


def most_changed(table: pd.DataFrame) -> pd.DataFrame:
    """The classes whose accuracy changed most, in their order."""
    return table.loc[table["drop"].abs().nlargest(MOST).index].sort_index()


def confusions(table: pd.DataFrame) -> Figure:
    """How often one class was taken for another, before (ring) and after (dot), where it became more frequent."""
    if table.empty:
        return empty()
    some = table.head(MOST // 2)
    names = [f"{row.true} taken for {row.predicted}" for row in some.itertuples()]
    said = [
        f"{name}: {row.before} images before, {row.after} after"
        for name, row in zip(names, some.itertuples(), strict=True)
    ]
    link_x = [value for row in some.itertuples() for value in (row.before, row.after, None)]
    link_y = [value for name in names for value in (name, name, None)]
    line = {"color": COMPRESSED, "width": 2}
    shared = {"type": "scatter", "y": names, "mode": "markers", "text": said, **SENTENCE}
    ring = {"size": 10, "color": PAGE, "line": {"color": DENSE, "width": 2}}
    data = [
        {"type": "scatter", "mode": "lines", "x": link_x, "y": link_y, "line": line, "hoverinfo": "skip"},
        {**shared, "x": some["before"].tolist(), "marker": ring},
        {**shared, "x": some["after"].tolist(), "marker": {"size": 9, "color": COMPRESSED}},
    ]
    axes = {
        "xaxis": titled("images", 0, 1.08 * max(1, *some["after"]), nticks=6),
        "yaxis": {"autorange": "reversed", "ticks": "", "automargin": True, "type": "category", "fixedrange": True},
    }
    return drawn("confusions", data, axes)


def changes(table: pd.DataFrame) -> Figure:
    """The share of images by how far their scores moved, before (grey) and after (blue). table: of `logit_changes`."""
    if table.empty:
        return empty()
    edges = np.append(table["low"], table["high"].iloc[-1])
    sides = [("before", DENSE), ("after", COMPRESSED)]
    moved = [(side, color) for side, color in sides if table[side].iloc[1:].any()] or sides[1:]
    shares = {side: 100 * table[side] / table[side].sum() for side, _ in moved}
    data = [_steps(edges, shares[side], color) for side, color in moved]
    data += [_told(table, shares[side], side) for side, _ in moved]
    top = max(float(share.max()) for share in shares.values())
    axes = {
        "xaxis": titled("change of the scores (% of their size)", 0, 100 * float(edges[-1]), nticks=6),
        "yaxis": titled("images (%)", 0, 1.08 * top, nticks=5),
    }
    return drawn("changes", data, axes)


def _steps(edges: np.ndarray, share: pd.Series, color: str) -> dict:
    y = [0, *np.repeat(plain(share), 2).tolist(), 0]
    shared = {"type": "scatter", "mode": "lines", "hoverinfo": "skip"}
    return {**shared, "x": plain(100 * np.repeat(edges, 2)), "y": y, "line": {"color": color, "width": 2}}


def _told(table: pd.DataFrame, share: pd.Series, side: str) -> dict:
    said = [
        f"{side}: the scores of {words.percent(much / 100)} of the images moved {100 * low:.3g} to {100 * high:.3g} %"
        for low, high, much in zip(table["low"], table["high"], share, strict=True)
    ]
    middle = plain(50 * (table["low"] + table["high"]))
    marker = {"size": 8, "opacity": 0, "color": COMPRESSED}
    return {
        "type": "scatter",
        "x": middle,
        "y": plain(share),
        "mode": "markers",
        "marker": marker,
        "text": said,
        **SENTENCE,
    }
