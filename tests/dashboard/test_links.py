"""A copied link, a broken link and data that may be out of reach, in Chromium."""

import re
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from core.recipe import Recipe, to_json
from tests.dashboard.conftest import Visit, card, choose_layer, figure, rest, shown, stands_dense, type_value


def test_a_copied_link_opens_the_same_configuration(visit: Visit) -> None:
    page = visit()
    type_value(page, "prune", "30")
    expect(figure(page, "removed")).to_have_text("30.0 % removed")
    choose_layer(page, "fc1")
    type_value(page, "rank", "100")
    expect(card(page, "third")).to_contain_text("Rank 100 of 512")
    type_value(page, "bits", "5")
    expect(page).to_have_url(re.compile(quote('"bits":5')))
    there = visit(page.url.removeprefix(page.url.split("?")[0]))
    expect(there.get_by_role("radio", name="fc1 •")).to_be_checked()
    assert shown(there) == shown(page)
    there.reload()
    expect(there.get_by_role("radio", name="fc1 •")).to_be_checked()
    assert shown(there) == shown(page)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?model=lenet5&recipe=nonsense", "recipe: not JSON"),
        ("?model=nothing", "'nothing'"),
        ("?data=nowhere", "'nowhere'"),
        ("?model=lenet_300_100&layer=zzz", "'zzz'"),
        (f"?recipe={quote(to_json(Recipe(layers={'fc9': {'bits': 4}})))}", "'fc9'"),
        (f"?recipe={quote(to_json(Recipe()).replace('batchnorm', 'bathroom'))}", "'bathroom'"),
    ],
)
def test_a_broken_link_says_one_sentence_and_leaves_a_page_to_use(query: str, words: str, visit: Visit) -> None:
    page = visit(query)
    rest(page)
    expect(page.locator("[data-testid=stAlert]")).to_have_count(1)
    expect(page.locator("[data-testid=stAlert]")).to_contain_text(words)
    stands_dense(page)
    type_value(page, "prune", "50")
    expect(figure(page, "removed")).to_have_text("50.0 % removed")


def test_data_from_the_network_comes_or_its_absence_is_a_sentence(visit: Visit) -> None:
    page = visit()
    type_value(page, "prune", "50")
    expect(figure(page, "removed")).to_have_text("50.0 % removed")
    page.get_by_label("Images it is measured on").select_option("mnist")
    alert, loaded = page.locator("[data-testid=stAlert]"), page.get_by_text("of 10,000 images")
    expect(alert.or_(loaded).first).to_be_visible(timeout=120_000)
    if alert.count():
        expect(alert).to_contain_text("could not be fetched from openml.org")
        expect(page.get_by_label("Images it is measured on")).to_have_value("digits")
    expect(figure(page, "removed")).to_have_text("50.0 % removed")
    rest(page)
