"""What a hand does on the pictures of a lesson and on the free canvas, in Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import DESK, PHONE, faultless, serving
from tests.dashboard.contrasting import faint

DEMO = Path(__file__).with_name("pictures_demo.py")
PATIENCE = 20_000
INK = """it => {
    const { data } = it.getContext('2d').getImageData(0, 0, it.width, it.height);
    return data.filter((value, i) => i % 4 === 3 && value).length;
}"""
COLOURS = """it => {
    const pen = it.getContext('2d'), size = it.width / 64;
    const at = (x, y) => [...pen.getImageData(Math.floor(x), Math.floor(y), 1, 1).data].slice(0, 3);
    return [at(size / 2, size / 2), at(size - 1, 0)];
}"""
LEAST_CONTRAST = """it => {
    const linear = (v) => (v <= 10 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4);
    const pen = it.getContext('2d'), size = it.width / 16;
    let least = 21;
    for (let row = 0; row < 16; row += 1)
        for (let column = 0; column < 16; column += 1) {
            const { data } = pen.getImageData(column * size, row * size, size, size), lights = [];
            for (let i = 0; i < data.length; i += 4)
                lights.push(0.2126 * linear(data[i]) + 0.7152 * linear(data[i + 1]) + 0.0722 * linear(data[i + 2]));
            const shade = lights[0], contrast = (l) => (Math.max(l, shade) + 0.05) / (Math.min(l, shade) + 0.05);
            least = Math.min(least, Math.max(...lights.map(contrast)));
        }
    return least;
}"""
ORDER = """() => {
    const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
    return [...root.querySelectorAll('.ps-plots > .ps-part')].map((it) => it.dataset.part);
}"""
COUNT_SENDS = """() => {
    window.sends = 0;
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (data) { sends += 1; return send.call(this, data); };
}"""
# A seven from where the pen is, in two hundred moves at once.
BURST = """it => {
    const box = it.getBoundingClientRect();
    for (let i = 0; i < 200; i += 1) {
        const x = i < 100 ? 40 + 0.9 * i : 130 - 0.5 * (i - 100), y = i < 100 ? 30 : 30 + 1.2 * (i - 100);
        it.dispatchEvent(new PointerEvent('pointermove', { clientX: box.x + x, clientY: box.y + y }));
    }
}"""
SEVEN = ((0.25, 0.2), (0.75, 0.2), (0.45, 0.85))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the demo page."""
    with serving(str(DEMO), tmp_path_factory.mktemp("pictures") / "log") as url:
        yield url


@pytest.fixture
def page(browser: Browser, pictures: str) -> Iterator[Page]:
    with faultless(browser, pictures, **DESK) as page:
        yield page


def part(page: Page, name: str) -> Locator:
    return page.locator(f"[data-part={name}]")


def sentence(page: Page, name: str) -> Locator:
    return part(page, name).locator(".ps-sentence")


def pad(page: Page) -> Locator:
    return part(page, "canvas").get_by_role("application", name="Draw here")


def ink(page: Page) -> int:
    """How many pixels of the drawing are not empty."""
    return pad(page).locator("canvas").evaluate(INK)


def stroke(page: Page, points: tuple[tuple[float, float], ...]) -> None:
    pad(page).scroll_into_view_if_needed()
    box = pad(page).bounding_box()
    assert box
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*at[0])
    page.mouse.down()
    for x, y in at[1:]:
        page.mouse.move(x, y, steps=12)
    page.mouse.up()


def answered(page: Page, words: str) -> None:
    """Waits until the newest drawing is answered, and with these words."""
    expect(part(page, "canvas").locator(".ps-canvas")).not_to_have_attribute("data-waiting", "", timeout=PATIENCE)
    expect(part(page, "canvas").locator(".ps-title")).to_have_text(re.compile(words), timeout=PATIENCE)


def prune(page: Page, typed: str) -> None:
    field = part(page, "prune").locator(".ps-value")
    field.fill(typed)
    field.press("Enter")


def test_a_cell_that_is_pointed_at_is_said_in_a_sentence(page: Page) -> None:
    dense, compressed = part(page, "matrix").locator("canvas").all()
    dense.hover(position={"x": 2, "y": 2})
    expect(sentence(page, "matrix")).to_have_text(re.compile(r"^Output 0, input 0 of fc1: −?[\d.]+\.$"))
    compressed.hover(position={"x": 2, "y": 2})
    stays, gone = r": −?[\d.]+; before it was −?[\d.]+", " is removed; before it was −?[\\d.]+"
    expect(sentence(page, "matrix")).to_have_text(re.compile(rf"^Output 0, input 0 of fc1({stays}|{gone})\.$"))
    page.mouse.move(5, 5)
    expect(sentence(page, "matrix")).to_have_text(re.compile("^Hover over a cell"))


def test_arrow_keys_go_from_cell_to_cell_and_on_to_the_next_picture(page: Page) -> None:
    sheets = part(page, "filters").get_by_role("list")
    sheets.focus()
    said = sentence(page, "filters")
    for key, words in (
        *(("ArrowDown", "Row 1, column 1 of filter 0"), ("ArrowDown", "Row 2, column 1 of filter 0")),
        *(("ArrowRight", "Row 2, column 2 of filter 0"), ("ArrowRight", "Row 2, column 3 of filter 0")),
        *(("ArrowRight", "Row 2, column 1 of filter 2"), ("ArrowLeft", "Row 2, column 3 of filter 0")),
        *(("ArrowUp", "Row 1, column 3 of filter 0"), ("ArrowUp", "Row 1, column 3 of filter 0")),
        ("Escape", "Hover over a cell"),
    ):
        sheets.press(key)
        expect(said).to_have_text(re.compile(f"^{words}"))


def test_the_sentence_follows_the_slider(page: Page) -> None:
    sheets = part(page, "matrix").get_by_role("list")
    prune(page, "0")
    expect(part(page, "matrix").locator(".ps-title")).to_have_text(
        "Every weight of fc1 stays, as one of 16 values", timeout=PATIENCE
    )
    part(page, "matrix").locator("canvas").nth(1).hover(position={"x": 2, "y": 2})
    expect(sentence(page, "matrix")).to_have_text(re.compile("^Output 0, input 0 of fc1: "))
    sheets.focus()
    sheets.press("ArrowRight")
    field = part(page, "prune").locator(".ps-range")
    field.evaluate("it => { it.value = 99; it.dispatchEvent(new Event('change', { bubbles: true })); }")
    expect(sentence(page, "matrix")).to_have_text(
        re.compile("^Output 0, input 1 of fc1 is removed; before it was"), timeout=PATIENCE
    )


def test_removed_cells_are_orange_and_struck_through(page: Page) -> None:
    """A cell that is removed has two colours: its own and that of the stroke."""
    prune(page, "99")
    expect(part(page, "matrix").locator(".ps-title")).to_have_text(re.compile("^1.0 % "), timeout=PATIENCE)
    middle, corner = part(page, "matrix").locator("canvas").nth(1).evaluate(COLOURS)
    assert corner == [0xD9, 0x65, 0x0B]
    assert middle != corner


def test_what_is_drawn_is_answered_by_both_models(page: Page) -> None:
    answered(page, "^Draw one of these: 0, 1")
    stroke(page, SEVEN)
    answered(page, r"^(Both answer 7|Dense answers 7, compressed \d)$")
    rows = part(page, "canvas").locator("tbody tr")
    expect(rows).to_have_count(10)
    expect(rows.nth(7).locator("td.ps-most").first).to_have_text(re.compile(r"%$"))
    expect(sentence(page, "canvas")).to_have_text(re.compile(r"^Dense says 7, [\d.]+ % sure; compressed says"))
    expect(part(page, "canvas").get_by_alt_text("what the models see")).to_be_visible()


def test_the_compressed_model_answers_anew_while_the_slider_moves(page: Page) -> None:
    stroke(page, SEVEN)
    answered(page, "7")
    figure = part(page, "canvas").locator("tbody tr").nth(7).locator("td")
    dense, before = figure.nth(1).text_content(), figure.nth(2).text_content()
    prune(page, "99")
    expect(figure.nth(2)).not_to_have_text(before or "", timeout=PATIENCE)
    expect(figure.nth(1)).to_have_text(dense or "")
    assert ink(page)


def test_clear_takes_away_the_drawing_and_its_answer(page: Page) -> None:
    stroke(page, SEVEN)
    answered(page, "7")
    part(page, "canvas").get_by_role("button", name="Clear").click()
    answered(page, "^Draw one of these: 0, 1")
    assert not ink(page)


def test_a_digit_is_drawn_by_keys_alone(page: Page) -> None:
    pad(page).focus()
    for _ in range(8):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")
    for _ in range(6):
        page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Space")
    drawn = ink(page)
    assert drawn
    answered(page, "^(Both answer|Dense answers) 1")
    page.keyboard.press("ArrowLeft")
    assert ink(page) == drawn  # the pen is lifted
    page.keyboard.press("Delete")
    answered(page, "^Draw one of these: 0, 1")
    assert not ink(page)


def test_a_burst_of_moves_is_sent_as_its_first_and_its_newest(page: Page) -> None:
    pad(page).scroll_into_view_if_needed()
    box = pad(page).bounding_box()
    assert box
    page.evaluate(COUNT_SENDS)
    page.mouse.move(box["x"] + 40, box["y"] + 30)
    page.mouse.down()
    pad(page).evaluate(BURST)
    answered(page, "7")
    page.mouse.up()
    assert 1 <= page.evaluate("sends") <= 2


def test_the_next_image_is_answered(page: Page) -> None:
    note = part(page, "example").locator(".ps-note")
    expect(note).to_have_text(re.compile("^image 1 of"))
    part(page, "example").get_by_role("button", name="Next image").click()
    expect(note).to_have_text(re.compile("^image 2 of"), timeout=PATIENCE)
    for _ in range(2):
        part(page, "example").get_by_role("button", name="Previous").click()
    expect(note).to_have_text(re.compile("^image 5,000 of"), timeout=PATIENCE)
    expect(part(page, "activations").locator(".ps-note")).to_have_text(re.compile("for image 5,000"), timeout=PATIENCE)


def test_a_finger_draws_without_moving_the_page(browser: Browser, pictures: str) -> None:
    with faultless(browser, pictures, **PHONE) as phone:
        pad(phone).scroll_into_view_if_needed()
        box = pad(phone).bounding_box()
        assert box
        before = phone.evaluate("document.querySelector('.stMain').scrollTop")
        session = phone.context.new_cdp_session(phone)

        def touch(kind: str, *at: float) -> None:
            points = [{"x": box["x"] + at[0] * box["width"], "y": box["y"] + at[1] * box["height"]}] if at else []
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        touch("touchStart", 0.5, 0.1)
        for i in range(1, 21):
            touch("touchMove", 0.5, 0.1 + 0.04 * i)
        touch("touchEnd")
        answered(phone, "^(Both answer|Dense answers) 1")
        assert phone.evaluate("document.querySelector('.stMain').scrollTop") == before


def test_nothing_is_wider_than_a_telephone(browser: Browser, pictures: str) -> None:
    with faultless(browser, pictures, **PHONE) as phone:
        expect(part(phone, "canvas")).to_be_attached()
        wide = phone.evaluate(
            """() => {
                const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
                return [...root.querySelectorAll('.ps-tiles *, .ps-canvas *')]
                    .filter((it) => it.getClientRects().length && it.getBoundingClientRect().right > 390.5).length;
            }"""
        )
        assert wide == 0


def test_a_part_that_becomes_another_kind_is_made_anew_in_its_place(browser: Browser, pictures: str) -> None:
    """A model without pictures has a sentence where the canvas would be."""
    with faultless(browser, pictures, **DESK) as page:
        before = page.evaluate(ORDER)
        stroke(page, SEVEN)
        answered(page, "7")
        for name, kind, words in (
            ("On a table", "tiles", "you can draw only for models that take square grey pictures"),
            ("On digits", "canvas", "Draw one of these: 0, 1, 2, 3, 4, 5, 6, 7, 8 or 9"),
        ):
            page.get_by_role("button", name=name).click()
            expect(part(page, "canvas")).to_have_attribute("data-kind", kind, timeout=PATIENCE)
            expect(part(page, "canvas")).to_contain_text(words)
            assert page.evaluate(ORDER) == before
        stroke(page, SEVEN)
        answered(page, "7")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_that_is_read_stands_out_in_both_themes(scheme: str, browser: Browser, pictures: str) -> None:
    with faultless(browser, pictures, **DESK, color_scheme=scheme) as page:
        stroke(page, SEVEN)
        answered(page, "7")
        assert faint(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_numbers_of_codes_stand_out_on_their_shades(scheme: str, browser: Browser, pictures: str) -> None:
    """Every cell that bears a number holds its shade and pixels of an ink with 4.5 to 1 or more against it."""
    with faultless(browser, pictures, **DESK, color_scheme=scheme) as page:
        prune(page, "0")
        expect(part(page, "codes").locator(".ps-key")).to_have_text("code 0 to 15", timeout=PATIENCE)
        least = part(page, "codes").locator("canvas").evaluate(LEAST_CONTRAST)
        assert least >= 4.4  # an edge that the browser smooths has fewer pixels of the full ink
