"""A Chromium to look with, and a Streamlit server to look at; for the tests and the benchmarks of the page."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, TimeoutError, sync_playwright

ROOT = Path(__file__).parents[1]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESK = {"viewport": {"width": 1440, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
STYLED = """() => getComputedStyle(document.querySelector('[data-testid=stHeader]')).display === 'none'"""
STILL = """async (frames) => {
    const box = () => document.querySelector('[data-testid=stBidiComponentIsolated]').getBoundingClientRect();
    const place = () => JSON.stringify(box());
    for (let same = 0, last = place(); same < frames; same += 1) {
        await new Promise(requestAnimationFrame);
        if (place() !== last) [same, last] = [0, place()];
    }
}"""
NONE = (
    "No Chromium was found, downloaded or installed: install Chromium or Google Chrome, "
    "or name one in the environment variable PRUNESCOPE_CHROMIUM, and run again."
)


def executable() -> str:
    """The path of a Chromium that starts; ends pytest where none can be had. Not inside `sync_playwright`."""
    named = os.environ.get("PRUNESCOPE_CHROMIUM")
    if named:
        return named if starts(named) else pytest.exit(f"PRUNESCOPE_CHROMIUM is {named!r}, which does not start.", 1)
    return found() or playwrights() or from_the_system() or pytest.exit(NONE, returncode=1)


def starts(path: str) -> bool:
    """Whether the browser starts: Ubuntu's packages may be a stub, and a download may lack the system's libraries."""
    return quiet(path, "--version", seconds=60)


def found() -> str | None:
    """A browser of the system."""
    return next((path for path in map(shutil.which, NAMES) if path and starts(path)), None)


def playwrights() -> str | None:
    """Playwright's own browser, downloaded where it is missing."""
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    if not Path(path).exists():
        quiet(sys.executable, "-m", "playwright", "install", "chromium", seconds=600)
    return path if Path(path).exists() and starts(path) else None


def from_the_system() -> str | None:
    """The browser that Debian's or Ubuntu's package manager installs, as root."""
    if not shutil.which("apt-get") or os.geteuid() != 0:
        return None
    quiet("apt-get", "update", "-q", seconds=300)
    quiet("apt-get", "install", "-y", "-q", "chromium", seconds=900)
    return found()


def quiet(*command: str, seconds: float) -> bool:
    """Whether a command that may be missing ends well, in time."""
    try:
        return subprocess.run(command, capture_output=True, timeout=seconds, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium."""
    path = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def configured() -> list[str]:
    """The dashboard's own configuration as options, for a script that does not lie beside it."""
    return flat("", tomllib.loads((ROOT / "dashboard/.streamlit/config.toml").read_text("utf-8")))


def flat(prefix: str, table: dict) -> list[str]:
    """The plain values of nested tables as `--table.key=value`."""
    options = []
    for key, value in table.items():
        if isinstance(value, dict):
            options += flat(f"{prefix}{key}.", value)
        elif not isinstance(value, list):
            options.append(f"--{prefix}{key}={json.dumps(value).strip(chr(34))}")
    return options


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_up(process: subprocess.Popen, url: str) -> None:
    """Returns once Streamlit answers."""
    end = time.monotonic() + 90
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/_stcore/health", timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"streamlit at {url} did not answer within 90 s (exit status {process.poll()})")


@contextmanager
def serving(script: str, log: Path, *given: str) -> Iterator[str]:
    """The address of a script that Streamlit runs, from the root of the repository; what it prints goes to `log`.

    given: what stands behind `--`.
    """
    port = free_port()
    options = ["--server.port", str(port), "--server.headless", "true", "--server.address", "127.0.0.1"]
    command = [sys.executable, "-m", "streamlit", "run", script, *configured(), *options, "--", *given]
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_up(process, url)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


def opened(browser: Browser, url: str, **context: object) -> tuple[Page, list[str]]:
    """A page once its plots are drawn and its parts stand where they stay, and the list that its errors go to."""
    page = browser.new_context(**context).new_page()
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        probe = "/_stcore/" in message.location.get("url", "")  # Streamlit looks for its server beside the view first
        if message.type == "error" and not probe:
            errors.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(url)
    try:
        page.locator(".ps-card[data-shown], .ps-canvas[data-version]").nth(1).wait_for(timeout=60_000)
    except TimeoutError as error:
        raise AssertionError(f"no plots after a minute, but {page.locator('body').inner_text()!r}; {errors}") from error
    page.wait_for_function(STYLED)  # the page's own style sheet may arrive after its plots, and moves them
    page.evaluate(STILL, 5)
    return page, errors


@contextmanager
def faultless(browser: Browser, url: str, **context: object) -> Iterator[Page]:
    """A page once its plots are drawn; fails where it has left an error in the console by the end."""
    page, errors = opened(browser, url, **context)
    yield page
    page.context.close()
    assert errors == []
