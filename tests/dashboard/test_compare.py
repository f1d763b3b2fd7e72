"""What a person does with kept runs, in Chromium."""

import csv
import json
import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from core.recipe import from_json
from tests.browser import PHONE
from tests.dashboard.conftest import PATIENCE, Visit, button, card, figure, rest, type_value

MODEL = "lenet_300_100"
SECTIONS = {  # and a part that each of them has alone
    "Size and accuracy": "scatter",
    "Answers": "classes",
    "Flipped images": "gallery",
    "Signals and time": "stability",
}


def keep(page: Page, slider: str, value: str) -> str:
    """Sets a slider in Explore, keeps what it measures, and returns the number of the run."""
    before = figure(page, "file").text_content() or ""
    type_value(page, slider, value)
    expect(figure(page, "file")).not_to_have_text(before, timeout=PATIENCE)  # Python has heard of it
    return keep_what_stands(page)


def keep_what_stands(page: Page) -> str:
    """Keeps what Explore measures once it has, and returns the number of the run."""
    rest(page)
    expect(button(page, "Keep")).to_be_enabled(timeout=PATIENCE)
    button(page, "Keep").click()
    kept = button(page, "Kept: ")
    expect(kept).to_be_visible(timeout=3 * PATIENCE)
    expect(kept).to_be_disabled()
    return re.sub(r"\D", "", kept.text_content() or "")


def to_compare(page: Page) -> None:
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_role("heading", name=re.compile(r"^\d+ runs? kept$"))).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("Nothing is being measured")).to_be_visible(timeout=3 * PATIENCE)


def show(page: Page, section: str) -> None:
    page.locator("[data-part=section] label", has_text=section).click()
    expect(page.locator(f"[data-part={SECTIONS[section]}]")).to_be_visible(timeout=PATIENCE)


def name_of(page: Page, number: str) -> Locator:
    return page.get_by_label(f"Name of run {number}", exact=True)


def pick_only(page: Page, *names: str) -> None:
    """Leaves nothing picked but these, in this order."""
    checked = page.get_by_role("checkbox", checked=True)
    while checked.count():
        checked.first.uncheck()
    for place, name in enumerate(names):
        page.get_by_role("checkbox", name=f"Compare {name}", exact=True).check()
        expect(page.locator(".ps-shelf label b", has_text="ABCDEF"[place])).to_be_visible()


def test_two_runs_kept_in_explore_are_compared_down_to_the_images_that_flipped(visit: Visit, tmp_path: Path) -> None:
    page = visit(f"?model={MODEL}")
    first = keep(page, "bits", "4")
    second = keep(page, "prune", "60")
    to_compare(page)
    for number, name in ((first, "four bits"), (second, "pruned")):
        name_of(page, number).fill(name)
        name_of(page, number).press("Enter")
        expect(page.get_by_label(f"Note on {name}", exact=True)).to_be_visible()
    page.get_by_label("Note on pruned").fill("60 per cent")
    page.get_by_label("Note on pruned").press("Enter")
    pick_only(page, "four bits", "pruned")
    expect(card(page, "scatter").locator(".ps-title")).to_have_text(
        re.compile("^B is .* smaller than A and .* accurate$")
    )
    expect(page.locator("[data-part=differing]")).to_contain_text("The recipes differ in 1 setting")
    sees_flipped_images(page)
    show(page, "Answers")
    expect(page.locator("[data-part=summary]")).to_contain_text("Both answer")
    expect(
        card(page, "classes").locator(".ps-traces path.ps-marks[d^=M], .ps-traces path.ps-line[d^=M]").first
    ).to_be_visible()
    exports(page, tmp_path)
    deletes_and_brings_back(page)
    page.get_by_role("button", name="Open four bits in Explore").click()
    expect(button(page, f"Kept: {first}")).to_be_visible(timeout=3 * PATIENCE)
    expect(page).to_have_url(re.compile("recipe="))
    assert from_json(page.evaluate("new URLSearchParams(location.search).get('recipe')")).default.bits == 4


def sees_flipped_images(page: Page) -> None:
    """The pictures are drawn with both answers, and the filter leaves those of its kind."""
    show(page, "Flipped images")
    pictures = page.locator(".ps-gallery img")
    expect(pictures.first).to_be_visible(timeout=PATIENCE)
    drawn = "images => images.every(image => image.complete && image.naturalWidth === 28)"
    assert pictures.evaluate_all(drawn)
    assert re.match(
        r"image \d+, class \d: A says \d with \d+ %, B says \d with", pictures.first.get_attribute("alt") or ""
    )
    page.locator("[data-part=flips] label", has_text="Gained").click()
    captions = page.locator(".ps-gallery li p")
    expect(captions.filter(has_text="A ✓")).to_have_count(0)
    expect(captions.filter(has_text="B ✗")).to_have_count(0)
    expect(captions.first).to_be_visible()


def exports(page: Page, folder: Path) -> None:
    page.get_by_role("button", name="Export…").click()
    for kind in ("CSV", "JSON"):
        with page.expect_download() as saved:
            page.get_by_role("button", name=kind).click()
        saved.value.save_as(folder / kind)
    with (folder / "CSV").open(newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert rows["pruned"]["note"] == "60 per cent"
    document = json.loads((folder / "JSON").read_text())
    assert {run["name"] for run in document["runs"]} == rows.keys()
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def deletes_and_brings_back(page: Page) -> None:
    page.get_by_role("button", name="Delete pruned").click()
    expect(page.get_by_role("checkbox", name="Compare pruned")).to_have_count(0)
    button(page, "Undo delete").click()
    expect(page.get_by_role("checkbox", name="Compare pruned")).to_be_visible()
    expect(page.get_by_label("Note on pruned")).to_have_value("60 per cent")


def test_a_phone_shows_it_all_in_its_width_and_the_keyboard_reaches_it(visit: Visit) -> None:
    page = visit(f"?model={MODEL}", **PHONE)
    to_compare(page)
    box = (
        page.get_by_role("checkbox", name="Compare run")
        .or_(page.get_by_role("checkbox", name=re.compile("Compare ")))
        .first
    )
    box.focus()
    was = box.is_checked()
    box.press(" ")
    expect(box).to_be_checked(checked=not was)
    for section in SECTIONS:
        show(page, section)
        for part in page.locator(".ps-part:not([hidden])").all():
            place = part.bounding_box()
            assert place
            assert place["x"] >= 0
            assert place["x"] + place["width"] <= 390
