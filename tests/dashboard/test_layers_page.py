"""What a person does on the Layers page and sees there, in Chromium."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests import browser as browsers
from tests.browser import DESK, PHONE
from tests.dashboard.conftest import DENSE, PATIENCE, Visit, card, figure, rest, thumb
from tests.dashboard.live.test_chart import BOXES, touching

LENET = "?model=lenet5"
KEPT = """() => {
    const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
    const graph = root.querySelector('[data-part=heat] .ps-graph'), cells = [...graph.querySelectorAll('rect')];
    Object.assign(window, { stays: () => [graph, ...cells].every((node) => node.isConnected), most: 0, fell: false });
    const look = () => {
        const now = [...graph.querySelectorAll('.ps-words-in text')].filter((text) => text.textContent).length;
        if (now < most) fell = true;
        most = now;
        requestAnimationFrame(look);
    };
    look();
}"""


def to_layers(page: Page) -> None:
    page.get_by_role("link", name="Layers").click()
    card(page, "heat").wait_for(timeout=PATIENCE)


def cell(page: Page, row: int, column: int, columns: int = 8) -> Locator:
    return card(page, "heat").locator(".ps-boxes rect").nth(columns * row + column)


def press(page: Page, at: Locator) -> None:
    """Clicks with the mouse where a cell is."""
    box = at.bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def told(page: Page) -> Locator:
    return page.locator("[data-part=tools] [role=status]")


def of_table(page: Page, layer: str, column: str) -> Locator:
    return page.get_by_label(f"{layer}, {column}", exact=True)


def undo(page: Page) -> None:
    page.locator("[data-part=tools] button", has_text="Undo").click()


def test_cells_fill_in_and_a_click_gives_the_layer_that_setting_here_and_in_explore(visit: Visit) -> None:
    page = visit(LENET)
    to_layers(page)
    page.evaluate(KEPT)
    expect(page.get_by_text("32 of 32 cells")).to_be_visible(timeout=3 * PATIENCE)
    expect(card(page, "heat").locator(".ps-title")).to_contain_text("breaks first:")
    assert page.evaluate("[stays(), fell, most]") == [True, False, 32]
    expect(page.locator("[data-part=order] li")).to_have_count(4)
    press(page, cell(page, 2, 5))
    expect(told(page)).to_contain_text("fc1 now stands with 90 % removed.")
    expect(of_table(page, "fc1", "Prune: %")).to_have_value("90")
    expect(figure(page, "drop")).not_to_have_text(DENSE)
    rest(page)
    page.mouse.move(*_middle(cell(page, 0, 0)))
    sentence = r"conv1 with 30 % removed, the others dense: .* \(95 %: .* to .*\)\s*\d+\.\d % right on 1,000 images"
    expect(card(page, "heat").locator(".ps-tip")).to_have_text(re.compile(sentence))
    page.get_by_role("button", name="Open in Explore").click()
    expect(page.get_by_role("radio", name="fc1 •")).to_be_checked(timeout=PATIENCE)
    expect(thumb(page, "prune")).to_have_attribute("aria-valuetext", "90.0 %")
    to_layers(page)
    expect(of_table(page, "fc1", "Prune: %")).to_have_value("90")
    expect(page.get_by_text("32 of 32 cells")).to_be_visible()
    undo(page)
    expect(of_table(page, "fc1", "Prune: %")).to_have_value("0")


def _middle(at: Locator) -> tuple[float, float]:
    box = at.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_keys_walk_over_the_cells_and_choose_one(visit: Visit) -> None:
    page = visit(LENET)
    to_layers(page)
    graph = card(page, "heat").locator(".ps-graph")
    graph.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
    expect(card(page, "heat").locator(".ps-tip")).to_contain_text("conv1 with 50 % removed")
    page.keyboard.press("Enter")
    expect(of_table(page, "conv1", "Prune: %")).to_have_value("50")


CHOSEN = """async (radio, after) => {
    await new Promise((go) => setTimeout(go, after));
    radio.click();
    let lost = 0;
    for (let frame = 0; frame < 60; frame += 1) {
        await new Promise(requestAnimationFrame);
        if (!radio.checked) lost += 1;
    }
    return lost;
}"""


def test_the_table_is_edited_undone_copied_and_searched(visit: Visit) -> None:
    page = visit(LENET)
    to_layers(page)
    share = of_table(page, "conv2", "Prune: %")
    share.fill("50")
    share.press("Tab")
    of_table(page, "conv2", "Bits: bits").select_option("4")
    expect(figure(page, "removed")).not_to_have_text("0.0 % removed")
    expect(of_table(page, "conv2", "Bits: bits")).to_have_class(re.compile("ps-g-own"))
    expect(share).to_have_value("50")

    share.fill("120")
    share.press("Enter")
    expect(told(page)).to_have_text("conv2: Prune % is '120', expected per cent from 0 to 99.9.")
    expect(share).to_have_attribute("aria-invalid", "true")
    expect(share).to_have_value("120")
    share.fill("60")
    share.press("Enter")
    expect(share).not_to_have_attribute("aria-invalid", "true")

    page.get_by_role("radio", name="conv2").check()
    page.get_by_label("Copy to fc1").check()
    page.get_by_label("Copy to fc2").check()
    page.get_by_role("button", name="Copy conv2 to 2 checked layers").click()
    expect(told(page)).to_have_text("2 layers now have the settings of conv2.")
    for layer in ("fc1", "fc2"):
        expect(of_table(page, layer, "Prune: %")).to_have_value("60")
        expect(of_table(page, layer, "Bits: bits")).to_have_value("4")
    for layer, value in (("fc1", "0"), ("conv2", "50")):
        undo(page)
        expect(of_table(page, layer, "Prune: %")).to_have_value(value)

    page.get_by_label("Search the layers").fill("FC")
    expect(of_table(page, "conv2", "Prune: %")).to_have_count(0)
    expect(of_table(page, "fc2", "Prune: %")).to_be_visible()
    expect(card(page, "heat").locator(".ps-axes .ps-name", has_text="conv")).to_have_count(0)
    page.get_by_label("Search the layers").fill("")
    expect(of_table(page, "conv2", "Prune: %")).to_have_value("50")


def test_a_row_that_is_chosen_while_an_edit_is_on_its_way_stays_chosen(visit: Visit) -> None:
    page = visit(LENET)
    to_layers(page)
    share = of_table(page, "conv2", "Prune: %")
    for value, row in ((50, "conv2"), (55, "fc1"), (60, "fc2"), (65, "conv1")):
        share.fill(f"{value}")
        share.press("Enter")
        assert page.get_by_role("radio", name=row).evaluate(CHOSEN, value - 50) == 0
        expect(share).to_have_value(f"{value}")


def test_a_reload_and_a_second_tab_find_the_job(browser: Browser, app: str) -> None:
    page, _ = browsers.opened(browser, f"{app}/layers", **DESK)
    page.locator("[data-part=technique] label", has_text="Rank").click()
    expect(card(page, "heat").locator(".ps-axes text", has_text="rank kept")).to_be_visible(timeout=PATIENCE)
    bar = page.get_by_role("progressbar", name="Cells of the map")
    done = "() => Number(document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot"
    done += ".querySelector('[role=progressbar]').ariaValueNow)"
    page.wait_for_function(f"({done})() > 5 && ({done})() < 100", timeout=3 * PATIENCE)
    before = page.evaluate(done)
    page.reload()
    expect(bar).to_be_visible(timeout=PATIENCE)
    other = page.context.new_page()
    other.goto(f"{app}/layers")
    for each in (page, other):
        expect(each.get_by_role("radio", name="Rank")).to_be_checked(timeout=PATIENCE)
        assert each.evaluate(done) >= before
    expect(page.get_by_text("32 of 32 cells")).to_be_visible(timeout=3 * PATIENCE)
    page.context.close()


@pytest.mark.parametrize("context", [DESK, PHONE], ids=["desk", "phone"])
def test_nothing_lies_over_anything_else(context: dict, visit: Visit) -> None:
    page = visit("?model=digits_vit", **context)
    to_layers(page)
    expect(card(page, "heat").locator(".ps-words-in text").first).not_to_have_text("", timeout=PATIENCE)
    assert page.evaluate("document.documentElement.scrollWidth") <= context["viewport"]["width"]
    for name in ("heat", "layers", "spectrum"):
        boxes = card(page, name).evaluate(BOXES)
        assert not [1 for i, a in enumerate(boxes) for b in boxes[:i] if touching(a, b)], name
    strip = card(page, "heat").locator(".ps-scale text").last.bounding_box()
    graph = card(page, "heat").locator(".ps-graph").bounding_box()
    assert strip
    assert graph
    assert strip["x"] + strip["width"] <= graph["x"] + graph["width"]


def test_a_map_is_stopped_and_goes_on(visit: Visit) -> None:
    page = visit("?model=digits_resnet")
    to_layers(page)
    stop, go_on = (page.locator("[data-part=run] button", has_text=words) for words in ("Stop", "Go on"))
    stop.click()
    expect(go_on).to_be_visible(timeout=PATIENCE)
    go_on.click()
    expect(stop).to_be_visible(timeout=PATIENCE)
    stop.click()
    expect(go_on).to_be_visible(timeout=PATIENCE)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard on a model with three hundred layers."""
    log = tmp_path_factory.mktemp("many") / "log"
    given = ("--model", "tests.dashboard.many:model", "--data", "digits")
    with browsers.serving("dashboard/app.py", log, *given) as url:
        yield url
    assert "Traceback" not in log.read_text()


def test_three_hundred_layers_are_searched_and_copied_to(browser: Browser, many: str) -> None:
    with browsers.faultless(browser, many, **DESK) as page:
        to_layers(page)
        names = card(page, "heat").locator(".ps-axes .ps-name")
        expect(page.get_by_text("The 100 largest of 300 layers; search for others.")).to_be_visible(timeout=PATIENCE)
        page.get_by_label("Search the layers").fill("block17.")
        expect(page.get_by_text("10 of 300 layers match.")).to_be_visible(timeout=PATIENCE)
        expect(names.filter(has_text="block17.")).to_have_count(10)
        page.get_by_role("radio", name="block17.3").check()
        share = of_table(page, "block17.3", "Prune: %")
        share.fill("40")
        share.press("Enter")
        expect(share).to_contain_class("ps-g-own", timeout=PATIENCE)  # answered: nothing moves below the pointer
        page.get_by_label("Check all layers shown").check()
        page.get_by_role("button", name="Copy block17.3 to 9 checked layers").click()
        expect(of_table(page, "block17.9", "Prune: %")).to_have_value("40", timeout=PATIENCE)
        page.get_by_label("Search the layers").fill("zzz")
        expect(page.get_by_text("No layer has 'zzz' in its name.")).to_be_visible(timeout=PATIENCE)
        page.get_by_role("button", name="Stop").or_(page.get_by_role("button", name="All measured")).first.wait_for()
