"""A lesson's table as an SVG picture that reads on paper without colour, and empty ones to predict in."""

import html
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import pandas as pd

from core.lessons.format import Plot, Predict

WIDTH, HEIGHT = 520, 250  # of what is drawn in, in pixels
LEFT, TOP, BELOW = 64, 48, 48  # of the room around it
LINE, LABEL = 20, 170  # a bar's height, and the room for its name
TICKS = 5
ALIKE = 1e-9  # of their size: numbers that lie closer have no axis between them
TINY = 1e-300
LONGEST = 24  # characters of a name
INKS = ("#1f6feb", "#c9510c", "#5a646e", "#1a7f37")
DASHES = ("", "7 4", "2 3", "10 3 2 3")


class Axis(NamedTuple):
    """From low to high over so many pixels, with its ticks."""

    low: float
    high: float
    pixels: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """Where a value lies, in pixels from the low end."""
        return self.pixels * (value - self.low) / ((self.high - self.low) or 1.0)


def axis(low: float, high: float, pixels: float) -> Axis:
    """An axis that reaches round ticks on both sides."""
    if not high - low > max(TINY, ALIKE * max(abs(low), abs(high))):
        low, high = low - 0.5, low + 0.5
    step = 10 ** math.floor(math.log10((high - low) / TICKS))
    step *= next(times for times in (1, 2, 5, 10) if (high - low) / (step * times) <= TICKS + 1)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return Axis(first * step, last * step, pixels, tuple(step * i for i in range(first, last + 1)))


def picture(plot: Plot, table: pd.DataFrame) -> str:
    """The lesson's plot of its table, an SVG element."""
    if plot.kind == "bars" and not pd.api.types.is_numeric_dtype(table[plot.x]):
        return _named_bars(plot, table)
    return _framed(plot, table)


def blank(predict: Predict) -> str:
    """What a student draws the prediction in: a scale for a mark, empty axes for a curve; '' where one is picked."""
    return BLANKS[predict.kind](predict)


def _scale(predict: Predict) -> str:
    across = axis(predict.low, predict.high, WIDTH)
    parts = [_path([(LEFT, 20), (LEFT + WIDTH, 20)])]
    for tick in across.ticks:
        x = LEFT + across.at(tick)
        parts += [_path([(x, 12), (x, 28)]), _text((x, 44), f"{tick:g}")]
    parts.append(_text((LEFT + WIDTH / 2, 64), _unit(predict)))
    return _svg("".join(parts), 74, f"An empty scale: {predict.axis}")


def _empty_axes(predict: Predict) -> str:
    up = axis(predict.low, predict.high, HEIGHT)
    step = WIDTH / max(1, len(predict.points))
    parts = _heights(up)
    for i, point in enumerate(predict.points):
        x = LEFT + step * (i + 0.5)
        parts += [_path([(x, TOP), (x, TOP + HEIGHT)], dash="1 5"), _text((x, TOP + HEIGHT + 18), f"{point:g}")]
    parts += _labels(predict.along, _unit(predict))
    return _svg("".join(parts), TOP + HEIGHT + BELOW, f"Empty axes: {predict.axis} along {predict.along}")


def _unit(predict: Predict) -> str:
    said = not predict.unit or predict.unit in predict.axis.split()
    return predict.axis if said else f"{predict.axis}, {predict.unit}"


def _framed(plot: Plot, table: pd.DataFrame) -> str:
    """Lines, points or columns between two axes of numbers."""
    table = table[table[[plot.x, plot.y]].map(math.isfinite).all(axis=1)]
    if table.empty:
        return _svg(_text((LEFT + WIDTH / 2, TOP), "nothing to draw"), 2 * TOP, plot.y_label)
    across = axis(table[plot.x].min(), table[plot.x].max(), WIDTH)
    up = axis(min(0.0, table[plot.y].min()), table[plot.y].max(), HEIGHT)
    parts = _heights(up)
    parts += [_text((LEFT + across.at(tick), TOP + HEIGHT + 18), f"{tick:g}") for tick in across.ticks]
    for i, (_, rows) in enumerate(_series(plot, table)):
        places = [
            (LEFT + across.at(x), TOP + HEIGHT - up.at(y)) for x, y in zip(rows[plot.x], rows[plot.y], strict=True)
        ]
        parts += DRAWN[plot.kind](places, i, TOP + HEIGHT - up.at(0.0))
    parts += [*_labels(plot.x_label, plot.y_label), *_legend(plot, table, 14)]
    return _svg("".join(parts), TOP + HEIGHT + BELOW, f"{plot.y_label} by {plot.x_label}")


def _lines(places: list[tuple[float, float]], i: int, floor: float) -> Iterator[str]:
    yield _path(sorted(places), INKS[i % len(INKS)], DASHES[i % len(DASHES)], 2)
    yield from _points(places, i, floor)


def _points(places: list[tuple[float, float]], i: int, floor: float) -> Iterator[str]:
    ink = INKS[i % len(INKS)]
    fill = ink if i % 2 == 0 else "white"
    for x, y in places:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{fill}" stroke="{ink}" stroke-width="1.5"/>'


def _columns(places: list[tuple[float, float]], i: int, floor: float) -> Iterator[str]:
    across = sorted({x for x, _ in places})
    wide = 0.9 * min((b - a for a, b in pairwise(across)), default=20.0)
    for x, y in (place for place in places if place[1] != floor):
        yield _box((x - wide / 2, min(y, floor)), (wide, abs(floor - y)), i)


def _named_bars(plot: Plot, table: pd.DataFrame) -> str:
    """A lying bar a row, with its name and its number."""
    known = table[table[plot.y].map(math.isfinite)]
    room = WIDTH + LEFT - LABEL - 60
    across = (
        axis(min(0.0, known[plot.y].min()), max(0.0, known[plot.y].max()), room) if len(known) else axis(0, 1, room)
    )
    kinds = [name for name, _ in _series(plot, known)]
    start, parts, before = LABEL + across.at(0.0), _legend(plot, known, 14), None
    for i, (name, value, kind) in enumerate(_rows(plot, known)):
        y, end = TOP + LINE * i, LABEL + across.at(value)
        parts.append(_text((LABEL - 8, y + 13), "" if name == before else name[-LONGEST:], "end"))
        parts.append(_box((min(start, end), y + 3), (abs(end - start), LINE - 6), kinds.index(kind)))
        parts.append(_text((max(start, end) + 6, y + 13), f"{value:.4g}", "start"))
        before = name
    parts.append(_text(((WIDTH + LEFT + LABEL) / 2, TOP + LINE * len(known) + 20), plot.y_label))
    return _svg("".join(parts), TOP + LINE * len(known) + 30, f"{plot.y_label} by {plot.x_label}")


def _rows(plot: Plot, table: pd.DataFrame) -> Iterator[tuple[str, float, str]]:
    kinds = table[plot.series].astype(str) if plot.series else [""] * len(table)
    yield from zip(table[plot.x].astype(str), table[plot.y], kinds, strict=True)


def _series(plot: Plot, table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    if not plot.series:
        return [("", table)]
    return [(str(name), rows) for name, rows in table.groupby(plot.series, sort=False)]


def _legend(plot: Plot, table: pd.DataFrame, y: float) -> list[str]:
    parts, x = [], float(LEFT)
    for i, (name, _) in enumerate(_series(plot, table) if plot.series else []):
        dash = DASHES[i % len(DASHES)] if plot.kind == "line" else ""
        mark = _path([(x, y - 4), (x + 26, y - 4)], INKS[i % len(INKS)], dash, 2)
        parts += [
            mark if plot.kind == "line" else _box((x + 6, y - 11), (12, 12), i),
            _text((x + 32, y), name, "start"),
        ]
        x += 50 + 7.5 * len(name)
    return parts


def _heights(up: Axis) -> list[str]:
    """The frame's left and lower side, and the ticks of its height."""
    parts = [_path([(LEFT, TOP), (LEFT, TOP + HEIGHT), (LEFT + WIDTH, TOP + HEIGHT)])]
    for tick in up.ticks:
        y = TOP + HEIGHT - up.at(tick)
        parts += [_path([(LEFT - 5, y), (LEFT + WIDTH, y)], "#d0d7de"), _text((LEFT - 9, y + 4), f"{tick:g}", "end")]
    return parts


def _labels(across: str, up: str) -> list[str]:
    return [_text((LEFT + WIDTH / 2, TOP + HEIGHT + 40), across), _text((LEFT, TOP - 8), up, "start")]


def _path(places: Sequence[tuple[float, float]], ink: str = "#1c1e21", dash: str = "", wide: float = 1) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<polyline points="{points}" fill="none" stroke="{ink}" stroke-width="{wide:g}"{dashed}/>'


def _box(corner: tuple[float, float], size: tuple[float, float], i: int) -> str:
    ink = INKS[i % len(INKS)]
    fill = ink if i % 2 == 0 else "white"
    (x, y), (wide, high) = corner, size
    place = f'x="{x:.1f}" y="{y:.1f}" width="{max(0.5, wide):.1f}" height="{max(0.5, high):.1f}"'
    return f'<rect {place} fill="{fill}" stroke="{ink}"/>'


def _text(place: tuple[float, float], text: str, anchor: str = "middle") -> str:
    return f'<text x="{place[0]:.1f}" y="{place[1]:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'


def _svg(inside: str, high: float, name: str) -> str:
    wide = LEFT + WIDTH + 30
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high:.0f}" width="{wide}" height="{high:.0f}"'
    return f'{head} role="img" aria-label="{html.escape(name)}">{inside}</svg>'


DRAWN: dict[str, Callable[[list[tuple[float, float]], int, float], Iterator[str]]] = {
    "line": _lines,
    "points": _points,
    "bars": _columns,
}
BLANKS: dict[str, Callable[[Predict], str]] = {"mark": _scale, "curve": _empty_axes, "pick": lambda predict: ""}
