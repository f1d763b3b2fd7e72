"""What Python sends for a chart and makes of its clicks, and what a hand does on the page's figures, in Chromium."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dashboard.live import chart as live
from dashboard.live.chart import Click, drawing, fresh
from tests.browser import DESK, PHONE, faultless, opened, serving

DEMO = Path(__file__).with_name("chart_demo.py")
NAMES = ("histogram", "layers", "spectrum", "trail", "empty", "none", "heat")


def test_a_figure_travels_as_compact_json() -> None:
    sent = drawing({"data": [{"type": "scatter", "x": [1, None], "y": [2.5, 3]}]})
    assert sent == '{"data":[{"type":"scatter","x":[1,null],"y":[2.5,3]}],"layout":{}}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_travels_as_a_gap(value: float) -> None:
    figure = {"data": [{"x": [1.0, value], "name": "a"}], "layout": {"shapes": ({"x0": value},)}}
    gaps = {"data": [{"x": [1.0, None], "name": "a"}], "layout": {"shapes": [{"x0": None}]}}
    assert json.loads(drawing(figure)) == gaps


def test_a_click_is_returned_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live.st, "session_state", {})
    raw = {"curve": 0, "point": 3, "customdata": "a", "n": 7}
    assert fresh("trail", raw) == Click(0, 3, ("a",))
    assert fresh("trail", raw) is None
    assert fresh("trail", raw | {"n": 8, "customdata": [1, 2]}) == Click(0, 3, (1, 2))


@pytest.mark.parametrize("raw", [None, "x", {}, {"curve": -1, "point": 0, "n": 1}, {"curve": 0, "point": "0", "n": 1}])
def test_what_is_no_click_is_not_seen(raw: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live.st, "session_state", {})
    assert fresh("trail", raw) is None


@pytest.fixture(scope="module")
def charts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page with the figures."""
    with serving(str(DEMO), tmp_path_factory.mktemp("charts") / "log") as url:
        yield url


@pytest.fixture
def page(browser: Browser, charts: str) -> Iterator[Page]:
    """The figures under a mouse; fails the test that leaves an error in the console."""
    with faultless(browser, charts, **DESK) as page:
        expect(card(page, "none")).to_have_attribute("data-shown", "80")
        yield page


@pytest.fixture
def phone(browser: Browser, charts: str) -> Iterator[Page]:
    """The figures on a telephone."""
    with faultless(browser, charts, **PHONE) as page:
        yield page


def card(page: Page, name: str) -> Locator:
    return page.locator(".ps-card").nth(NAMES.index(name))


def tip(page: Page, name: str) -> Locator:
    return card(page, name).locator(".ps-tip")


def spot(page: Page, name: str, across: float, down: float) -> tuple[float, float]:
    """A place on the screen, by parts of the graph's size."""
    box = card(page, name).locator(".ps-graph").bounding_box()
    assert box
    return box["x"] + across * box["width"], box["y"] + down * box["height"]


def last_point(page: Page) -> tuple[float, float]:
    """Where the trail's last point is on the screen."""
    box = card(page, "trail").locator(".ps-traces > g").nth(2).locator(".ps-marks").bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def move_slider(page: Page, key: str = "ArrowLeft", shown: str = "79") -> None:
    page.get_by_role("slider").press(key)
    for name in NAMES:
        expect(card(page, name)).to_have_attribute("data-shown", shown, timeout=20_000)


def labels(page: Page, name: str) -> list[str]:
    return card(page, name).locator(".ps-axes text").all_text_contents()


def zoom(page: Page, name: str) -> None:
    page.mouse.move(*spot(page, name, 0.45, 0.4))
    page.mouse.down()
    page.mouse.move(*spot(page, name, 0.65, 0.4), steps=5)
    page.mouse.up()


def test_a_redrawing_keeps_the_nodes_and_shows_no_blank_frame(page: Page) -> None:
    page.locator(".ps-graph").evaluate_all(
        """(graphs) => {
            const before = graphs.flatMap((svg) => [svg, ...svg.querySelectorAll('*')]);
            Object.assign(window, { blank: 0, kept: () => before.every((node) => node.isConnected) });
            const filled = (svg) => svg.isConnected && svg.querySelector(".ps-traces path[d]:not([d=''])");
            const look = () => {
                if (!graphs.slice(0, 4).every(filled)) blank += 1;
                requestAnimationFrame(look);
            };
            look();
        }"""
    )
    for shown in ("79", "78", "77"):
        move_slider(page, shown=shown)
    assert page.evaluate("kept()")
    assert page.evaluate("blank") == 0


def test_a_figure_that_stays_is_not_drawn_again(page: Page) -> None:
    before = {name: card(page, name).get_attribute("data-draws") for name in NAMES}
    move_slider(page)
    after = {name: card(page, name).get_attribute("data-draws") for name in NAMES}
    assert [name for name in NAMES if after[name] == before[name]] == ["empty", "none", "heat"]


@pytest.mark.parametrize("name", ["empty", "none"])
def test_an_empty_figure_draws_nothing(page: Page, name: str) -> None:
    assert card(page, name).locator(".ps-graph path[d]:not([d=''])").count() == 0
    assert not any(labels(page, name))
    page.mouse.move(*spot(page, name, 0.5, 0.5))
    expect(tip(page, name)).to_be_hidden()


def test_a_zoom_is_kept_by_a_redrawing_and_a_theme_and_undone_by_a_double_click(page: Page) -> None:
    whole = labels(page, "spectrum")
    zoom(page, "spectrum")
    zoomed = labels(page, "spectrum")
    assert zoomed != whole
    move_slider(page)
    assert labels(page, "spectrum") == zoomed
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(300)
    assert labels(page, "spectrum") == zoomed
    page.mouse.dblclick(*spot(page, "spectrum", 0.5, 0.4))
    assert labels(page, "spectrum") == whole


def test_a_zoom_ends_with_its_figure(page: Page) -> None:
    whole = labels(page, "histogram")
    zoom(page, "histogram")
    assert labels(page, "histogram") != whole
    page.get_by_text("Other layer").click()
    expect(card(page, "histogram").locator(".ps-axes")).to_have_text("".join(whole), timeout=20_000)


def test_a_zoomed_size_keeps_its_unit(page: Page) -> None:
    zoom(page, "trail")
    sizes = [text for text in labels(page, "trail") if "B" in text]
    assert sizes
    assert all(re.fullmatch(r"[\d,.]+ [kM]B", text) for text in sizes)


@pytest.mark.parametrize(
    ("name", "across", "down", "sentence"),
    [
        ("histogram", 0.55, 0.3, r"0 weights between .* and .* stay, [\d,]+ are removed"),
        (
            "layers",
            0.2,
            0.12,
            r"conv1: 260 of 288 numbers stay, 9\.7 % are removed|conv1: .* stay, 10\.0 % are removed",
        ),
        ("spectrum", 0.5, 0.6, r"the first \d+ of 512 singular values keep \d+\.\d % of the energy; number \d+ is .*"),
    ],
)
def test_what_is_under_the_mouse_is_said_in_a_sentence(
    page: Page, name: str, across: float, down: float, sentence: str
) -> None:
    page.mouse.move(*spot(page, name, across, down))
    expect(tip(page, name)).to_have_text(re.compile(f"^({sentence})$"))
    page.mouse.move(5, 5)
    expect(tip(page, name)).to_be_hidden()


def test_a_sentence_follows_the_figure_beneath_the_mouse(page: Page) -> None:
    page.mouse.move(*spot(page, "layers", 0.2, 0.54))
    said = tip(page, "layers")
    expect(said).to_contain_text("80.0 % are removed")
    page.get_by_role("slider").evaluate("slider => slider.focus({ preventScroll: true })")
    page.keyboard.press("ArrowLeft")
    expect(said).to_contain_text("79.0 % are removed", timeout=20_000)


def test_a_sentence_stays_inside_its_card(page: Page) -> None:
    for across in (0.13, 0.5, 0.96):
        page.mouse.move(*spot(page, "histogram", across, 0.3))
        inner, outer = (each(page, "histogram").bounding_box() for each in (tip, card))
        for side, size in (("x", "width"), ("y", "height")):
            assert outer[side] <= inner[side]
            assert inner[side] + inner[size] <= outer[side] + outer[size]


def test_a_click_on_a_point_reaches_python_once(page: Page) -> None:
    page.mouse.click(*last_point(page))
    for shown in ("79", "78"):
        expect(page.get_by_text("clicks: ['trail/2/setting 30']", exact=True)).to_be_visible(timeout=20_000)
        move_slider(page, shown=shown)


def test_a_zoom_or_a_bin_is_no_click(page: Page) -> None:
    page.mouse.click(*spot(page, "histogram", 0.5, 0.3))
    x, y = last_point(page)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y, steps=4)
    page.mouse.up()
    move_slider(page)
    expect(page.get_by_text("clicks: []", exact=True)).to_be_visible()


def test_keys_move_between_points_and_choose_one(page: Page) -> None:
    card(page, "trail").locator(".ps-graph").focus()
    page.keyboard.press("ArrowRight")
    expect(tip(page, "trail")).to_contain_text("prune 0.80")
    page.keyboard.press("ArrowRight")
    expect(tip(page, "trail")).to_contain_text("prune 0.79")
    page.keyboard.press("Enter")
    expect(page.get_by_text("clicks: ['trail/1/setting 24']", exact=True)).to_be_visible(timeout=20_000)
    expect(tip(page, "trail")).to_contain_text("prune 0.79")
    page.keyboard.press("Escape")
    expect(tip(page, "trail")).to_be_hidden()


def test_keys_walk_over_a_heat_map_and_choose_a_cell(page: Page) -> None:
    card(page, "heat").locator(".ps-graph").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    expect(tip(page, "heat")).to_have_text("conv2 with 90 % removed cannot be had: no such rank")
    for key in ("ArrowDown", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    expect(tip(page, "heat")).to_have_text("fc2 with 90 % removed: not measured yet")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page.get_by_text("clicks: ['heat/0/fc2']", exact=True)).to_be_visible(timeout=20_000)


def test_a_cell_has_its_colour_its_words_and_a_rim_where_it_is_marked(page: Page) -> None:
    heat = card(page, "heat")
    words = heat.locator(".ps-words-in text").all_text_contents()
    assert words[:6] == ["1.7", "6.5", "23", "1.7", "6.5", "–"]
    assert words[-1] == ""
    cells = heat.locator(".ps-boxes rect")
    colours = [cells.nth(i).evaluate("rect => getComputedStyle(rect).fill") for i in range(3)]
    assert len(set(colours)) == 3
    assert cells.nth(11).evaluate("rect => getComputedStyle(rect).fill") == "none"
    rims = [cells.nth(i).evaluate("rect => getComputedStyle(rect).stroke") for i in (0, 1)]
    assert rims[0] == "none" != rims[1]
    assert heat.locator(".ps-scale text").all_text_contents()[0] == "points lost"


def test_only_a_graph_with_points_takes_the_focus(page: Page) -> None:
    reachable = [card(page, name).locator(".ps-graph").get_attribute("tabindex") for name in NAMES]
    assert reachable == [None, None, None, "0", None, None, "0"]
    expect(page.get_by_role("img", name="trail at 80 %. what is plotted here")).to_be_visible()


def test_a_tap_says_a_sentence_and_reaches_python_once(phone: Page) -> None:
    card(phone, "trail").scroll_into_view_if_needed()
    phone.touchscreen.tap(*last_point(phone))
    expect(tip(phone, "trail")).to_contain_text("prune 0.80")
    expect(phone.get_by_text("clicks: ['trail/2/setting 30']", exact=True)).to_be_attached(timeout=20_000)
    card(phone, "layers").scroll_into_view_if_needed()
    phone.touchscreen.tap(*spot(phone, "layers", 0.3, 0.12))
    expect(tip(phone, "layers")).to_contain_text("conv1")
    expect(tip(phone, "trail")).to_be_hidden()


BOXES = """card => [...card.querySelectorAll('.ps-axes text')].filter((text) => text.textContent)
    .map((text) => text.getBoundingClientRect().toJSON())"""


@pytest.mark.parametrize("layers", [4, 13, 40])
@pytest.mark.parametrize("width", [1440, 390])
def test_no_label_touches_another(browser: Browser, charts: str, layers: int, width: int) -> None:
    page, errors = opened(browser, f"{charts}/?layers={layers}", viewport={"width": width, "height": 900})
    for name in (*NAMES[:4], "heat"):
        boxes = card(page, name).evaluate(BOXES)
        assert boxes
        assert not [1 for i, a in enumerate(boxes) for b in boxes[:i] if touching(a, b)], name
    page.context.close()
    assert errors == []


def touching(a: dict[str, float], b: dict[str, float]) -> bool:
    """Whether two texts overlap; a line box is 4 px higher than its letters."""
    aside = a["x"] + a["width"] <= b["x"] or b["x"] + b["width"] <= a["x"]
    return not aside and min(a["y"] + a["height"], b["y"] + b["height"]) - max(a["y"], b["y"]) > 4


def test_a_chart_follows_the_theme_without_a_drawing(page: Page) -> None:
    area, draws = page.locator(".ps-area").first, card(page, "histogram").get_attribute("data-draws")
    light = area.evaluate("path => getComputedStyle(path).fill")
    page.emulate_media(color_scheme="dark")
    expect(area).not_to_have_css("fill", light)
    assert card(page, "histogram").get_attribute("data-draws") == draws
