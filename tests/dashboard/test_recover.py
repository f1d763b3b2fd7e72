"""What a person does on the Recover page and sees there, in Chromium."""

import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser import PHONE, ROOT
from tests.dashboard.conftest import PATIENCE, Visit, button, card, figure, rest
from tests.dashboard.test_compare import show

SOON = 3 * PATIENCE  # a training and what is measured after it take turns with other tests
SMALL = "?model=lenet_300_100"
POINTS = """(root) => Math.max(0, ...[...root.querySelectorAll('.ps-traces path')].map(
    (path) => path.getAttribute('d').split('L').length))"""  # of the longest line


def to_recover(page: Page) -> Page:
    """Follows the link above the page."""
    page.get_by_role("link", name="Recover").click()
    expect(page.get_by_role("button", name=re.compile("^(Start|Pause)$"))).to_be_visible(timeout=PATIENCE)
    return page


def start(page: Page, steps: str) -> None:
    page.get_by_label("How long to train").select_option(steps)
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible(timeout=PATIENCE)


def points(page: Page) -> int:
    """How many looks the curve of accuracy goes through, as it is drawn."""
    return card(page, "curve-accuracy").evaluate(POINTS)


def wait_for_points(page: Page, many: int) -> None:
    end = time.monotonic() + SOON / 1000
    expect(card(page, "curve-accuracy")).to_be_visible(timeout=SOON)
    while points(page) < many:
        assert time.monotonic() < end, f"{points(page)} points are drawn"
        page.wait_for_timeout(100)


def wait_until_kept(page: Page) -> None:
    expect(page.get_by_role("button", name="Open in Explore")).to_be_enabled(timeout=SOON)


def test_a_training_moves_its_curve_survives_a_reload_is_cancelled_opened_exported_and_verified(
    visit: Visit, tmp_path: Path
) -> None:
    page = to_recover(visit(SMALL))
    start(page, "6000")
    wait_for_points(page, 4)
    wait_for_points(page, points(page) + 2)
    seen = points(page)
    page.reload()
    expect(page.get_by_role("button", name="Pause")).to_be_visible(timeout=SOON)
    wait_for_points(page, seen + 1)
    other = to_recover(visit(SMALL))
    wait_for_points(other, seen + 1)
    other.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("paused", exact=True)).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text(re.compile(r" left$"))).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="Cancel, keep the best").click()
    wait_until_kept(page)
    shown = [figure(page, name).text_content() for name in ("accuracy", "file")]
    page.get_by_role("button", name="Open in Explore").click()
    expect(page.get_by_label("Model", exact=True)).to_have_value(re.compile(r"^recovered: \d+$"), timeout=PATIENCE)
    rest(page)
    assert [figure(page, name).text_content() for name in ("accuracy", "file")] == shown
    expect(button(page, "Kept")).to_be_visible()
    verified(page, tmp_path)


def verified(page: Page, tmp_path: Path) -> None:
    """Exports what Explore shows, and lets the command line prove it in another process."""
    button(page, "Export").click()
    with page.expect_download(timeout=SOON) as download:
        page.get_by_role("button", name="Download all (zip)").click(timeout=SOON)
    download.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        archive.extractall(tmp_path)
    (folder,) = (each for each in tmp_path.iterdir() if each.is_dir())
    command = (page.locator("[role=dialog] code").text_content() or "").split()
    assert command[4] == folder.name
    words = [sys.executable, *command[1:4], str(folder), *command[5:]]
    proved = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert proved.returncode == 0, proved.stderr
    assert proved.stdout.startswith("verified: accuracy")


def test_before_and_after_are_compared(visit: Visit) -> None:
    page = to_recover(visit("?model=lenet_300_100"))
    start(page, "60")
    wait_until_kept(page)
    page.get_by_role("button", name="Compare with before").click()
    expect(page.locator("[data-part=section]")).to_be_visible(timeout=PATIENCE)
    show(page, "Answers")
    expect(page.get_by_text(re.compile("^on 1,500 images"))).to_be_visible(timeout=SOON)


def test_the_temperature_evens_the_answers_out_while_it_is_moved(visit: Visit) -> None:
    page = to_recover(visit("?model=digits_resnet"))
    page.get_by_label("How to train").select_option("distil")
    title = card(page, "softened").locator(".ps-title")
    expect(title).to_have_text(re.compile(r" at T = 4\.0$"), timeout=PATIENCE)
    sure = int(re.search(r"for (\d+) %", title.text_content() or "")[1])
    slider = page.locator("[data-part=temperature] .ps-range")
    slider.focus()
    for _ in range(4):
        slider.press("PageUp")
    expect(title).not_to_have_text(re.compile(r" at T = 4\.0$"), timeout=PATIENCE)
    assert int(re.search(r"for (\d+) %", title.text_content() or "")[1]) < sure
    before = page.locator("[data-part=softened] .ps-title").text_content() or ""
    page.get_by_role("button", name="Another image").click()
    expect(title).not_to_have_text(before, timeout=PATIENCE)
    expect(page.locator("[data-part=picture] .ps-title")).to_have_text(re.compile(r"^The example is labelled \d$"))


def test_a_phone_shows_it_all_in_its_width(visit: Visit) -> None:
    page = to_recover(visit("?model=digits_resnet", **PHONE))
    page.get_by_label("How to train").select_option("rounds")
    expect(page.get_by_label("How many rounds")).to_be_visible(timeout=PATIENCE)
    for part in ("figures", "how", "sparsity", "rounds", "run", "bar", "plan-share", "plan-rate"):
        box = page.locator(f"[data-part={part}]").bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
