"""The server with the demo page for the browser tests of the parts; the Chromium is that of the folder above."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import DESK, PHONE, faultless, serving

DEMO = Path(__file__).with_name("demo.py")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the demo page."""
    with serving(str(DEMO), tmp_path_factory.mktemp("demo") / "log") as url:
        yield url


@pytest.fixture
def page(browser: Browser, server: str) -> Iterator[Page]:
    """The demo with a mouse; fails the test that leaves an error in the console."""
    with faultless(browser, server, **DESK) as page:
        yield page


@pytest.fixture
def phone(browser: Browser, server: str) -> Iterator[Page]:
    """The demo on a telephone."""
    with faultless(browser, server, **PHONE) as page:
        yield page
