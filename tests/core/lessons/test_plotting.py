"""A lesson's table as a picture for paper."""

import xml.etree.ElementTree as tree

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from core.lessons import plotting
from core.lessons.format import Plot, Predict

NUMBERS = some.floats(-1e6, 1e6, allow_nan=False)
SVG = "{http://www.w3.org/2000/svg}"


def shapes(svg: str, name: str) -> list[tree.Element]:
    return list(tree.fromstring(svg).iter(f"{SVG}{name}"))


def plot(kind: str, series: str = "") -> Plot:
    return Plot(kind, "x", "y", "across", "up", series)


@given(NUMBERS, some.floats(1e-3, 1e6))
def test_an_axis_reaches_round_ticks_on_both_sides(low: float, wide: float) -> None:
    found = plotting.axis(low, low + wide, 100)
    near = 1e-6 * (wide + abs(low))
    assert found.low <= low + near
    assert found.high >= low + wide - near
    assert 2 <= len(found.ticks) <= plotting.TICKS + 3
    assert found.at(found.low) == 0
    assert found.at(found.high) == pytest.approx(100)


@pytest.mark.parametrize("kind", ["line", "points"])
@example([(0.0, 5e-324)])
@example([(1e6, 1e6), (1e6 + 2e-10, 1e6 + 2e-10)])
@given(some.lists(some.tuples(NUMBERS, NUMBERS), min_size=1, max_size=9))
def test_every_row_is_a_dot_within_the_picture(kind: str, rows: list[tuple[float, float]]) -> None:
    svg = plotting.picture(plot(kind), pd.DataFrame(rows, columns=["x", "y"]))
    wide, high = map(float, tree.fromstring(svg).get("viewBox").split()[2:])
    dots = shapes(svg, "circle")
    assert len(dots) == len(rows)
    assert all(-1 <= float(dot.get("cx")) <= wide + 1 and -1 <= float(dot.get("cy")) <= high + 1 for dot in dots)


def test_bars_are_as_long_as_their_numbers() -> None:
    table = pd.DataFrame({"x": ["conv1", "fc1", "fc2"], "y": [10.0, 40.0, 20.0]})
    lengths = [float(bar.get("width")) for bar in shapes(plotting.picture(plot("bars"), table), "rect")]
    assert lengths[1] == pytest.approx(4 * lengths[0], rel=0.01)  # a tenth of a pixel is written
    assert lengths[1] == pytest.approx(2 * lengths[2], rel=0.01)


def test_series_differ_without_colour() -> None:
    table = pd.DataFrame({"x": [0, 1, 0, 1], "y": [1.0, 2, 3, 4], "s": ["a", "a", "b", "b"]})
    svg = plotting.picture(plot("line", "s"), table)
    assert len({line.get("stroke-dasharray") for line in shapes(svg, "polyline")}) == 2
    assert {dot.get("fill") for dot in shapes(svg, "circle")} >= {"white"}


def test_what_a_table_holds_is_text_and_never_a_tag() -> None:
    table = pd.DataFrame({"x": ["<script>alert(1)</script>"], "y": [1.0]})
    svg = plotting.picture(plot("bars"), table)
    assert "<script" not in svg
    assert tree.fromstring(svg) is not None


def test_an_empty_table_or_one_without_numbers_is_an_empty_picture() -> None:
    for values in ([], [float("nan")]):
        table = pd.DataFrame({"x": [0.0] * len(values), "y": values}, dtype=float)
        assert not shapes(plotting.picture(plot("line"), table), "circle")
    assert not shapes(plotting.picture(plot("bars"), pd.DataFrame({"x": ["a"], "y": [float("nan")]})), "rect")


def test_a_mark_has_a_scale_a_curve_has_axes_and_a_pick_nothing_to_draw_in() -> None:
    mark = plotting.blank(Predict("mark", "?", "right", "%", 0, 100))
    curve = plotting.blank(Predict("curve", "?", "right", "%", 0, 100, along="bits", points=(8.0, 4.0, 2.0)))
    said = [text.text for text in shapes(curve, "text")]
    assert {"0", "100"} <= {text.text for text in shapes(mark, "text")}
    assert {"8", "4", "2", "bits"} <= set(said)
    assert plotting.blank(Predict("pick", "?")) == ""
