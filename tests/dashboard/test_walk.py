"""The whole way over all views, in Chromium: from what each layer can lose to the images that flipped."""

from playwright.sync_api import expect

from tests.dashboard.conftest import PATIENCE, Visit, card
from tests.dashboard.test_compare import keep_what_stands, pick_only, sees_flipped_images, to_compare
from tests.dashboard.test_layers_page import cell, press, to_layers, told
from tests.dashboard.test_tradeoffs import cancel, lands_in_explore, start, to_tradeoffs, wait_for_points


def test_from_a_cell_of_the_map_over_a_search_to_the_images_that_flipped(visit: Visit) -> None:
    page = visit("?model=lenet5")
    to_layers(page)
    expect(page.get_by_text("32 of 32 cells")).to_be_visible(timeout=3 * PATIENCE)
    press(page, cell(page, 2, 5))
    expect(told(page)).to_contain_text("fc1 now stands with 90 % removed.")
    page.get_by_role("button", name="Open in Explore").click()
    lands_in_explore(page)
    first = keep_what_stands(page)
    to_tradeoffs(page)
    start(page)
    wait_for_points(page, 3)
    cancel(page)
    graph = card(page, "pareto").locator(".ps-graph")
    graph.focus()
    graph.press("ArrowRight")
    graph.press("Enter")
    lands_in_explore(page)
    second = keep_what_stands(page)
    to_compare(page)
    pick_only(page, f"run {first}", f"run {second}")
    sees_flipped_images(page)
