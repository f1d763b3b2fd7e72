"""What a person does on the Trade-offs page and sees there, in Chromium."""

import json
import re
from pathlib import Path

from playwright.sync_api import Page, expect

from core.recipe import Recipe, from_json
from tests.browser import PHONE
from tests.dashboard.conftest import PATIENCE, Visit, card, rest

STEADY = """() => {
    const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
    const graph = root.querySelector('[data-part=pareto] .ps-graph');
    const seen = { counts: [], replaced: 0, blank: 0 };
    const look = () => {
        const now = root.querySelector('[data-part=pareto] .ps-graph');
        const count = Number(/^\\d+/.exec(root.querySelector('[data-part=pareto] .ps-note').textContent) ?? 0);
        if (!seen.counts.includes(count)) seen.counts.push(count);
        if (now !== graph) seen.replaced += 1;
        if (count && !now.querySelector('.ps-traces path[d^=M]')) seen.blank += 1;
        requestAnimationFrame(look);
    };
    look();
    window.seen = seen;
}"""


def to_tradeoffs(page: Page) -> Page:
    """Follows the link above the page."""
    page.get_by_role("link", name="Trade-offs").click()
    expect(page.get_by_role("region", name="No front yet")).to_be_visible(timeout=PATIENCE)
    return page


def start(page: Page) -> None:
    """Searches for a minute, unless it is cancelled."""
    page.get_by_label("How long to search").select_option("60")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible(timeout=PATIENCE)


def points(page: Page) -> int:
    """How many recipes the plot says were measured."""
    said = re.match(r"(\d+) recipes?", card(page, "pareto").locator(".ps-note").text_content() or "")
    return int(said[1]) if said else 0


def wait_for_points(page: Page, many: int) -> None:
    expect(card(page, "pareto").locator(".ps-note")).to_have_text(
        re.compile(rf"^({'|'.join(map(str, range(many, 200)))}) recipes?"), timeout=3 * PATIENCE
    )


def cancel(page: Page) -> int:
    """Ends a search and waits for its result; how many recipes it measured."""
    page.get_by_role("button", name="Cancel").click()
    expect(card(page, "pareto").locator(".ps-title")).to_have_text(re.compile("^Confirmed: "), timeout=3 * PATIENCE)
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    return points(page)


def lands_in_explore(page: Page) -> Recipe:
    """The recipe that Explore shows once it is open and everything measured."""
    expect(page.locator("[data-part=foot]")).to_be_visible(timeout=3 * PATIENCE)
    rest(page)
    expect(page).to_have_url(re.compile("recipe="))
    return from_json(page.evaluate("new URLSearchParams(location.search).get('recipe')"))


def back(page: Page) -> None:
    page.get_by_role("link", name="Trade-offs").click()
    expect(card(page, "pareto").locator(".ps-title")).to_have_text(re.compile("^Confirmed: "), timeout=PATIENCE)
    expect(card(page, "pareto").locator(".ps-axes")).to_contain_text("file size", timeout=PATIENCE)


def test_points_arrive_without_flicker_outlive_a_reload_and_stay_after_a_cancel(visit: Visit, tmp_path: Path) -> None:
    page = to_tradeoffs(visit("?model=lenet_300_100"))
    page.evaluate(STEADY)
    start(page)
    wait_for_points(page, 3)
    seen = page.evaluate("seen")
    assert len(seen["counts"]) >= 2
    assert seen["replaced"] == seen["blank"] == 0
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuetext", re.compile("(left|s)$"))
    page.reload()
    wait_for_points(page, 3)
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(page.get_by_label("How long to search")).to_have_value("60")
    kept = cancel(page)
    assert kept >= 3
    expect(page.locator("[data-part=told]")).to_contain_text("Confirmed on 2,000 other images")
    expect(page.locator("[data-part=division]")).to_contain_text("Found with 2,000 images, confirmed on 2,000 others")
    heights = "[document.documentElement, document.querySelector('[data-testid=stMain]')].map(e => e.scrollHeight)"
    assert max(page.evaluate(heights)) <= 900
    times_and_recipes(page, tmp_path / "recipe.json")
    assert points(page) == kept


def times_and_recipes(page: Page, file: Path) -> None:
    """Measures times, saves a recipe, and opens it from the table and from the plot."""
    page.get_by_role("button", name="Time the recipes").click()
    expect(page.get_by_role("cell", name=re.compile(r"^[\d.]+ ms, ")).first).to_be_visible(timeout=3 * PATIENCE)
    page.get_by_label("What lies across").select_option("milliseconds")
    expect(card(page, "pareto").locator(".ps-axes")).to_contain_text("measured time of one image (ms)")
    page.get_by_label("What lies across").select_option("bytes")
    expect(card(page, "pareto").locator(".ps-axes")).to_contain_text("file size")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the recipe of").first.click()
    saved.value.save_as(file)
    text = file.read_text("utf-8")
    assert json.loads(text)["model"]["name"] == "lenet_300_100"
    wanted = from_json(text)
    page.get_by_role("button", name=re.compile("^Open the recipe of")).first.click()
    opened = lands_in_explore(page)
    assert {name: opened.settings(name) for name in wanted.layers} == {n: wanted.settings(n) for n in wanted.layers}
    assert (opened.bias, opened.batchnorm) == (wanted.bias, wanted.batchnorm)
    back(page)
    graph = card(page, "pareto").locator(".ps-graph")
    graph.focus()
    graph.press("ArrowRight")
    expect(card(page, "pareto").locator(".ps-tip")).to_contain_text(" smaller, ")
    graph.press("Enter")
    lands_in_explore(page)
    back(page)


def test_a_phone_shows_it_all_in_its_width(visit: Visit) -> None:
    page = to_tradeoffs(visit("?model=digits_resnet", **PHONE))
    for part in ("figures", "kind", "limit", "run", "pareto", "front"):
        box = page.locator(f"[data-part={part}]").bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
