"""One server with the dashboard and one Chromium for the browser tests, and what a hand does on the Explore page."""

import re
import sys
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, CDPSession, Locator, Page, expect

from tests import browser as browsers
from tests.browser import DESK

PATIENCE = 20_000  # ms; what is waited for takes a tenth of a second on a quiet machine
EDGE = 10  # px from the end of a track to the thumb's centre at its end
Visit = Callable[..., Page]
DENSE = "the dense model"
WATCH = """() => {
    const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
    const all = (what) => [...root.querySelectorAll(what)];
    const graphs = all('.ps-graph'), range = root.querySelector('[data-part=prune] .ps-range');
    const seen = { accuracies: [], places: [], replaced: 0, blank: 0, frames: 0 };
    const drawn = (graph) => graph.querySelector('.ps-axes path[d^=M]') && graph.querySelector('.ps-traces path[d^=M]');
    const note = (list, value) => { if (!list.includes(value)) list.push(value); };
    const look = () => {
        seen.frames += 1;
        note(seen.accuracies, root.querySelector('.ps-accuracy').textContent);
        note(seen.places, range.value);
        const now = all('.ps-graph');
        if (now.length !== graphs.length || now.some((graph, i) => graph !== graphs[i])) seen.replaced += 1;
        if (!graphs.every(drawn)) seen.blank += 1;
        requestAnimationFrame(look);
    };
    look();
    window.seen = seen;
}"""


@pytest.fixture(autouse=True)
def no_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's command line in these tests is not that of pytest."""
    monkeypatch.setattr(sys, "argv", ["app.py"])


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The Chromium of all browser tests."""
    with browsers.chromium() as chromium:
        yield chromium


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the dashboard, which must have raised nothing by the end."""
    log = tmp_path_factory.mktemp("app") / "log"
    with browsers.serving("dashboard/app.py", log) as url:
        yield url
    assert "Traceback" not in log.read_text()


@pytest.fixture
def visit(browser: Browser, app: str) -> Iterator[Visit]:
    """Opens the dashboard in a context of its own; fails the test that leaves an error in a console."""
    pages, consoles = [], []

    def open_page(query: str = "", **context: object) -> Page:
        page, errors = browsers.opened(browser, f"{app}/{query}", **(context or DESK))
        pages.append(page)
        consoles.append(errors)
        return page

    yield open_page
    for page in pages:
        page.context.close()
    assert not [error for errors in consoles for error in errors]


@pytest.fixture
def page(visit: Visit) -> Page:
    """The dashboard at 1440x900."""
    return visit()


def thumb(page: Page, slider: str) -> Locator:
    """The range of a slider: 'prune', 'bits' or 'rank'."""
    return page.locator(f"[data-part={slider}] .ps-range")


def field(page: Page, slider: str) -> Locator:
    """The number of a slider that can be typed over."""
    return page.locator(f"[data-part={slider}] .ps-value")


def type_value(page: Page, slider: str, typed: str) -> None:
    """Types over a slider's number and presses Enter."""
    field(page, slider).fill(typed)
    field(page, slider).press("Enter")


def figure(page: Page, name: str) -> Locator:
    """A text beside or below the two large figures: 'accuracy', 'drop', 'images', 'file', 'removed', …"""
    return page.locator(f".ps-{name}")


def choose_layer(page: Page, name: str) -> None:
    """Lets the sliders act on a layer of digits_cnn, or on 'All'."""
    page.locator("[data-part=layer] label", has_text=name).click()
    expect(page.get_by_role("radio", name=re.compile(name))).to_be_checked()
    expect(page.get_by_role("button", name=f"Reset {name}", exact=False)).to_be_visible()  # Python has answered


def choose_model(page: Page, name: str) -> None:
    """Chooses another sample in the picker, which takes the focus as under a hand, and waits until it is there."""
    picker, dense = page.get_by_label("Model", exact=True), figure(page, "dense").text_content() or ""
    picker.focus()
    picker.select_option(name)
    expect(figure(page, "dense")).not_to_have_text(dense, timeout=PATIENCE)
    expect(picker).to_have_value(name)


def rest(page: Page) -> None:
    """Waits until what the page shows is measured on every image. First wait for what an act must change."""
    expect(figure(page, "images")).to_have_text(re.compile(r"^([\d,]+) of \1 images$"), timeout=PATIENCE)


def place(page: Page, slider: str, part: float) -> tuple[float, float]:
    """The pixel of a part of a slider's track, 0 to 1."""
    box = thumb(page, slider).bounding_box()
    assert box
    return box["x"] + EDGE + part * (box["width"] - 2 * EDGE), box["y"] + box["height"] / 2


def hold(page: Page, slider: str, way: tuple[float, float]) -> None:
    """Moves a thumb with the mouse from a part of its track to another in one and a half seconds, and keeps it held."""
    page.mouse.move(*place(page, slider, way[0]))
    page.mouse.down()
    for step in range(1, 51):
        page.mouse.move(*place(page, slider, way[0] + (way[1] - way[0]) * step / 50))
        page.wait_for_timeout(20)


def card(page: Page, plot: str) -> Locator:
    """A plot's card: 'histogram', 'layers', 'third' or 'trail'."""
    return page.locator(f"[data-part={plot}] .ps-card")


def ticks(page: Page, plot: str) -> list[str]:
    """The words at a plot's axes."""
    return card(page, plot).locator(".ps-axes text").all_text_contents()


def button(page: Page, name: str) -> Locator:
    return page.locator("[data-part=foot] button", has_text=name)


def stands_dense(page: Page) -> None:
    expect(figure(page, "drop")).to_have_text(DENSE)
    expect(figure(page, "ratio")).to_have_text("as large as dense")
    for slider, words in {"prune": "0.0 %", "bits": "off", "rank": "full"}.items():
        expect(thumb(page, slider)).to_have_attribute("aria-valuetext", words)


def shown(page: Page) -> list[str | None]:
    """What a link must bring back."""
    rest(page)
    texts = [figure(page, name).text_content() for name in ("accuracy", "interval", "file", "ratio", "removed")]
    return [*texts, *(thumb(page, slider).get_attribute("aria-valuetext") for slider in ("prune", "bits", "rank"))]


def touch(session: CDPSession, kind: str, *at: tuple[float, float]) -> None:
    session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in at]})
