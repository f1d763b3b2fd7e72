"""One server with the demo page, and one Chromium, for the browser tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

ROOT = Path(__file__).parents[3]
DEMO = Path(__file__).with_name("demo.py")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def chromium() -> str | None:
    """The Chromium of this machine; without one, playwright's own is tried."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("PRUNESCOPE_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def wait_until_up(process: subprocess.Popen, url: str) -> None:
    end = time.monotonic() + 90
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/_stcore/health", timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"streamlit at {url} did not answer within 90 s (exit status {process.poll()})")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the demo page."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(DEMO), "--server.port", str(port)]
    with (tmp_path_factory.mktemp("demo") / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_up(process, url)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=QUIET)
        yield browser
        browser.close()


def opened(browser: Browser, url: str, **context: object) -> tuple[Page, list[str]]:
    """A page once its first two plots are drawn, and the list that its errors go to."""
    page = browser.new_context(**context).new_page()
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(url)
    page.locator(".ps-card[data-shown]").nth(1).wait_for(timeout=60_000)
    return page, errors


@pytest.fixture
def page(browser: Browser, server: str) -> Iterator[Page]:
    """The demo with a mouse; fails the test that leaves an error in the console."""
    page, errors = opened(browser, server, viewport={"width": 1440, "height": 900})
    yield page
    page.context.close()
    assert errors == []


@pytest.fixture
def phone(browser: Browser, server: str) -> Iterator[Page]:
    """The demo on a telephone."""
    page, errors = opened(browser, server, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    yield page
    page.context.close()
    assert errors == []
