"""The map of layers and settings as a figure, and what it tells in sentences."""

import math
from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from core.sensitivity import BROKEN
from dashboard import words
from dashboard.figures import Figure, drawn, empty

NOTHING_YET = "No layer has been measured to its end."
TOP = 20.0  # points of accuracy: what loses more has the last colour too
JUST_BROKEN = BROKEN + 1e-3

Row = Mapping[str, object]


def heat(names: Sequence[str], columns: tuple[str, Sequence[float]], rows: Sequence[Row], here: set) -> Figure:
    """A cell a layer and setting of the `sensitivity` rows, coloured by the points lost.

    columns: the technique and its settings. here: the (layer, setting) pairs that the recipe now has.
    """
    technique, settings = columns
    if not names or not settings:
        return empty()
    found = {(row["layer"], row["setting"]): row for row in rows}
    grid = [[found.get((name, setting)) for setting in settings] for name in names]
    pairs = [[(name, setting) for setting in settings] for name in names]
    said = [
        [cell_sentence(technique, pair, row) for pair, row in zip(*both, strict=True)]
        for both in zip(pairs, grid, strict=True)
    ]
    trace = {
        "type": "heatmap",
        "x": [SETTING[technique](setting) for setting in settings],
        "y": list(names),
        "z": [[row["drop"] if row and not row["note"] else None for row in line] for line in grid],
        "text": [[_cell_text(row) for row in line] for line in grid],
        "texttemplate": "%{text}",
        "hovertext": said,
        "hovertemplate": "%{hovertext}<extra></extra>",
        "customdata": [[list(pair) for pair in line] for line in pairs],
        "meta": [[i, j] for i, line in enumerate(pairs) for j, pair in enumerate(line) if pair in here],
        **SCALE,
    }
    axes = {
        "xaxis": {"title": {"text": AXIS[technique]}, "type": "category", "fixedrange": True, "ticks": ""},
        "yaxis": {"autorange": "reversed", "type": "category", "fixedrange": True, "ticks": "", "automargin": True},
    }
    return drawn(f"heat {technique} {' '.join(names)}", [trace], axes)


def _cell_text(row: Row | None) -> str:
    if row is None:
        return ""
    if row["note"]:
        return "–"
    drop = row["drop"]
    if round(drop, 1) == 0:
        return "0"
    return f"{drop:.0f}" if drop >= 9.95 else words.signed(drop).removeprefix("+")


def cell_sentence(technique: str, pair: tuple[str, float], row: Row | None) -> str:
    """What a cell of the map says when it is pointed at."""
    name, setting = pair
    what = f"{name} {DONE[technique](setting)}"
    if row is None:
        return f"{what}: not measured yet"
    if row["note"]:
        return f"{what} cannot be had: {row['note']}"
    low, high = (words.signed(value).removeprefix("+") for value in (row["low"], row["high"]))
    return (
        f"{what}, the others dense: {lost(row['drop'])} (95 %: {low} to {high})"
        f"<br>{100 * row['accuracy']:.1f} % right on {words.count(row['images'])} images"
    )


def lost(drop: float) -> str:
    """A drop as words: points lost or gained."""
    if round(drop, 1) == 0:
        return "no accuracy lost"
    return f"{abs(drop):.1f} points {'lost' if drop > 0 else 'gained'}"


def map_title(technique: str, order: pd.DataFrame, complete: bool) -> str:
    """Which layer breaks first, once that is known."""
    broken = order[order["setting"].notna()]
    if broken.empty:
        every = "Every layer holds to within a point at every setting"
        return every if complete and len(order) else "What each layer alone can lose"
    first = broken.iloc[0]
    so_far = "" if complete else "so far "
    return f"{first['layer']} breaks first {so_far}: {DONE[technique](first['setting'])}".replace(" :", ":")


def order_lines(technique: str, order: pd.DataFrame, harshest: float) -> list[str]:
    """A sentence a layer, those that break first on top."""
    return [
        f"{row['layer']} holds even {DONE[technique](harshest)}"
        if math.isnan(row["setting"])
        else f"{row['layer']} breaks {DONE[technique](row['setting'])}: {lost(row['drop'])}"
        for row in order.to_dict("records")
    ]


def progress_words(done: int, total: int, seconds: float | None) -> tuple[str, str]:
    """What a bar says of a map: the cells, and the time left."""
    left = "" if seconds is None else f"about {duration(seconds)} left"
    return f"{words.count(done)} of {words.count(total)} cells", left


def duration(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"


def shown_words(shown: int, matching: int, total: int, search: str) -> str:
    """Which of a model's layers are shown, and how to see others."""
    if not shown:
        return f"No layer has '{search.strip()}' in its name."
    if shown == total:
        return ""
    if not search.strip():
        return f"The {shown} largest of {words.count(total)} layers; search for others."
    return (
        f"{shown} of {words.count(total)} layers match."
        if shown == matching
        else f"The {shown} largest of the {words.count(matching)} layers that match."
    )


def given(technique: str, layer: str, setting: float, row: Row | None) -> str:
    """What a click on a cell has done."""
    cost = f" Alone that costs: {lost(row['drop'])}." if row else ""
    return f"{layer} now stands {DONE[technique](setting)}.{cost}"


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


SCALE = {
    "zmin": 0.0,
    "zmax": TOP,
    "colorscale": [
        [0, "var(--ps-holds)"],
        [BROKEN / TOP, "var(--ps-holds-just)"],
        [BROKEN / TOP, "var(--ps-breaks-just)"],
        [1, "var(--ps-breaks)"],
    ],  # of chart.css
    "showscale": True,
    "colorbar": {
        "title": {"text": "points lost"},
        "tickvals": [0, BROKEN, JUST_BROKEN, TOP],
        "ticktext": ["0", f"{BROKEN:g}", f"over {BROKEN:g}", f"{TOP:g}+"],
    },
}
SETTING: dict[str, Callable[[float], str]] = {"sparsity": _percent, "bits": lambda bits: f"{bits:g}", "rank": _percent}
AXIS = {"sparsity": "weights removed", "bits": "bits a weight", "rank": "rank kept"}
DONE: dict[str, Callable[[float], str]] = {
    "sparsity": lambda share: f"with {_percent(share)} removed",
    "bits": lambda bits: f"at {bits:g} bit{'' if bits == 1 else 's'} a weight",
    "rank": lambda share: f"at {_percent(share)} of its rank",
}
