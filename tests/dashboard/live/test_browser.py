"""What a hand does to the live components, and what the page then shows, in Chromium."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import opened

PATIENCE = 20_000


def thumb(page: Page, name: str) -> Locator:
    return page.get_by_role("slider", name=name)


def typed(page: Page, name: str) -> Locator:
    return page.get_by_role("textbox", name=name)


def card(page: Page, number: int) -> Locator:
    return page.locator(".ps-card").nth(number)


def said(page: Page, words: str) -> None:
    """Waits until Python's own text shows the words."""
    expect(page.get_by_text(re.compile(words))).to_be_visible(timeout=PATIENCE)


def centre(element: Locator) -> tuple[float, float, float]:
    box = element.bounding_box()
    assert box
    return box["x"], box["y"] + box["height"] / 2, box["width"]


def watch_versions(page: Page) -> None:
    """Notes every value that the first plot shows, and whether its graph is ever replaced or emptied."""
    page.evaluate(
        """() => {
            const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
            const card = root.querySelector('.ps-card'), graph = card.querySelector('.ps-graph');
            Object.assign(window, { versions: [], lost: 0 });
            const note = () => versions.push(card.dataset.shown);
            new MutationObserver(note).observe(card, { attributeFilter: ['data-shown'] });
            const look = () => {
                if (root.querySelector('.ps-graph') !== graph || !graph.querySelector('path')) lost += 1;
                requestAnimationFrame(look);
            };
            look();
        }"""
    )


def drag(page: Page, name: str, to: float) -> None:
    """Moves the thumb with the mouse from 30 % of the track to a part of it, and keeps it held."""
    x, y, width = centre(thumb(page, name))
    page.mouse.move(x + 0.3 * width, y)
    page.mouse.down()
    for i in range(1, 31):
        page.mouse.move(x + width * (0.3 + (to - 0.3) * i / 30), y)
        page.wait_for_timeout(30)


def test_a_drag_is_shown_before_the_release_and_ends_on_its_last_value(page: Page) -> None:
    watch_versions(page)
    drag(page, "Prune", 0.8)
    said(page, "held")
    assert len(set(page.evaluate("versions"))) >= 3
    page.mouse.up()
    said(page, "final")
    value = thumb(page, "Prune").input_value()
    said(page, f"prune {float(value):.1f} final")
    expect(card(page, 0)).to_have_attribute("data-shown", f"{float(value):.1f}")
    assert 75 < float(value) < 85
    assert page.evaluate("lost") == 0


def test_a_drag_back_to_where_it_began_is_final_too(page: Page) -> None:
    x, y, width = centre(thumb(page, "Prune"))
    page.mouse.move(x + 10 + (width - 20) * 0.3 / 0.99, y)
    page.mouse.down()
    for part in (0.6, 0.3 / 0.99):
        page.mouse.move(x + 10 + (width - 20) * part, y, steps=5)
        page.wait_for_timeout(300)
    said(page, "held")
    page.mouse.up()
    said(page, "prune 30.* final")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ArrowRight", "30.1"),
        ("ArrowUp", "30.1"),
        ("ArrowLeft", "29.9"),
        ("ArrowDown", "29.9"),
        ("PageUp", "39.9"),
        ("PageDown", "20.1"),
        ("Home", "0.0"),
        ("End", "99.0"),
    ],
)
def test_a_key_moves_the_thumb_and_is_final(page: Page, key: str, value: str) -> None:
    thumb(page, "Prune").focus()
    page.keyboard.press(key)
    said(page, f"prune {value} final")
    words = "0 %" if value == "0.0" else f"{value} %"
    expect(thumb(page, "Prune")).to_have_attribute("aria-valuetext", words)
    expect(typed(page, "Prune")).to_have_value(words)


@pytest.mark.parametrize(
    ("words", "value"), [("72.5", "72.5"), ("72,5 %", "72.5"), ("1e9", "99.0"), ("-4", "0.0"), ("nonsense", "30.0")]
)
def test_a_typed_number_is_taken_or_put_back(page: Page, words: str, value: str) -> None:
    field = typed(page, "Prune")
    field.fill(words)
    field.press("Enter")
    said(page, f"prune {value} final")
    expect(thumb(page, "Prune")).to_have_js_property("value", str(float(value)).removesuffix(".0"))
    expect(field).to_have_value("0 %" if value == "0.0" else f"{value} %")


def test_stops_are_announced_and_typed_by_their_text(page: Page) -> None:
    expect(thumb(page, "Bits")).to_have_attribute("aria-valuetext", "4")
    typed(page, "Bits").fill("Off")
    typed(page, "Bits").press("Enter")
    said(page, "bits off")
    thumb(page, "Bits").focus()
    page.keyboard.press("ArrowLeft")
    said(page, "bits 8")


def test_a_disabled_slider_does_not_move(page: Page) -> None:
    expect(thumb(page, "Rank")).to_be_disabled()
    expect(typed(page, "Rank")).to_be_disabled()
    expect(typed(page, "Rank")).to_have_value("full")


def test_python_moves_the_thumb(page: Page) -> None:
    thumb(page, "Prune").focus()
    page.keyboard.press("End")
    said(page, "prune 99.0")
    page.get_by_role("button", name="Undo").click()
    said(page, "prune 12.5")
    expect(thumb(page, "Prune")).to_have_js_property("value", "12.5")
    expect(typed(page, "Prune")).to_have_value("12.5 %")


def test_a_change_of_layer_keeps_what_was_released_and_shows_the_other_value(page: Page) -> None:
    thumb(page, "Prune").focus()
    page.keyboard.press("PageUp")
    page.get_by_role("button", name="Other layer").click()
    said(page, "prune 60.0")
    expect(thumb(page, "Prune")).to_have_js_property("value", "60")
    expect(page.get_by_text("what fc2 loses")).to_be_visible()
    page.get_by_role("button", name="Other layer").click()
    said(page, "prune 39.9")
    expect(thumb(page, "Prune")).to_have_js_property("value", "39.9")


def test_a_finger_drags_the_thumb(phone: Page) -> None:
    thumb(phone, "Prune").scroll_into_view_if_needed()
    x, y, width = centre(thumb(phone, "Prune"))
    devtools = phone.context.new_cdp_session(phone)

    def touch(kind: str, part: float | None) -> None:
        points = [] if part is None else [{"x": x + part * width, "y": y}]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 0.3)
    for i in range(1, 21):
        touch("touchMove", 0.3 + 0.02 * i)
        phone.wait_for_timeout(40)
    said(phone, "held")
    touch("touchEnd", None)
    said(phone, "prune 7.* final")


def test_an_unchanged_figure_is_not_drawn_again(page: Page) -> None:
    expect(page.locator(".ps-images")).to_have_text("5,000 of 5,000 images", timeout=PATIENCE)
    before = card(page, 1).get_attribute("data-draws")
    thumb(page, "Prune").focus()
    page.keyboard.press("PageUp")
    for number in range(2):
        expect(card(page, number)).to_have_attribute("data-shown", "39.9", timeout=PATIENCE)
    assert card(page, 1).get_attribute("data-draws") == before


def test_the_figures_ask_until_every_image_is_measured(page: Page) -> None:
    expect(page.locator(".ps-images")).to_have_text("5,000 of 5,000 images", timeout=PATIENCE)
    thumb(page, "Prune").focus()
    page.keyboard.press("PageUp")
    expect(page.locator(".ps-readout")).to_have_attribute("data-version", "fc1 39.9 3 5000", timeout=PATIENCE)
    expect(page.locator(".ps-said")).to_contain_text("Accuracy 98.2 percent", timeout=PATIENCE)


def test_the_figures_ask_once_for_each_update(page: Page) -> None:
    expect(page.locator(".ps-images")).to_have_text("5,000 of 5,000 images", timeout=PATIENCE)
    said(page, "asked 9")  # the first 500 of 5,000 unasked, then nine times 500 more


def test_the_figures_stay_in_sight_on_a_telephone(phone: Page) -> None:
    for distance in (300, 600, 1e6):
        phone.evaluate("to => document.querySelector('.stMain').scrollTo(0, to)", distance)
        phone.wait_for_timeout(200)
        box = phone.locator(".ps-readout").bounding_box()
        assert box
        assert 0 <= box["y"] <= 200


def test_the_last_value_is_reached_though_every_run_is_slow(browser: Browser, server: str) -> None:
    page, errors = opened(browser, f"{server}/?work=400", viewport={"width": 1440, "height": 900})
    drag(page, "Prune", 0.8)
    page.mouse.up()
    value = float(thumb(page, "Prune").input_value())
    said(page, f"prune {value:.1f} final")
    for number in range(2):
        expect(card(page, number)).to_have_attribute("data-shown", f"{value:.1f}", timeout=PATIENCE)
    assert float(thumb(page, "Prune").input_value()) == value
    assert errors == []
    page.context.close()
