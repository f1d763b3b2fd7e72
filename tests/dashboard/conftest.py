"""One server with the dashboard and one Chromium for the browser tests, and what a hand does on the Explore page."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests import browser as browsers

DESK = {"viewport": {"width": 1440, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
PATIENCE = 20_000  # ms; what is waited for takes a tenth of a second on a quiet machine
EDGE = 10  # px from the end of a track to the thumb's centre at its end
Visit = Callable[..., Page]


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
