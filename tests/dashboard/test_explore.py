"""What a person does on the Explore page and sees there, in Chromium."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

import sample_models
from core.recipe import Recipe, Settings, to_json
from tests.browser import DESK, PHONE, ROOT
from tests.dashboard.conftest import (
    DENSE,
    PATIENCE,
    WATCH,
    Visit,
    button,
    card,
    choose_layer,
    choose_model,
    field,
    figure,
    hold,
    place,
    rest,
    stands_dense,
    thumb,
    ticks,
    touch,
    type_value,
)


def test_it_opens_dense_on_digits_cnn_and_needs_no_scrolling(page: Page) -> None:
    expect(page.get_by_label("Model", exact=True)).to_have_value("digits_cnn")
    expect(page.locator(".st-key-ps-head")).to_contain_text("Drag Prune")
    stands_dense(page)
    rest(page)
    expect(figure(page, "images")).to_have_text("5,000 of 5,000 images")
    heights = "[document.documentElement, document.querySelector('[data-testid=stMain]')].map(e => e.scrollHeight)"
    assert max(page.evaluate(heights)) <= 900
    assert max(page.evaluate(heights.replace("Height", "Width"))) <= 1440


def test_the_accuracy_moves_during_a_drag_and_nothing_flickers(page: Page) -> None:
    rest(page)
    before = ticks(page, "histogram")
    box = card(page, "histogram").locator(".ps-graph").bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.35 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.5 * box["height"], steps=5)
    page.mouse.up()
    zoomed = ticks(page, "histogram")
    across = [words for words in zoomed if words not in before]
    assert across, "a drag over the histogram must zoom it"

    page.evaluate(WATCH)
    hold(page, "prune", (0.0, 0.9))
    seen = page.evaluate("seen")
    assert len(seen["accuracies"]) >= 3, "before the release"
    assert len(seen["places"]) >= 3
    page.mouse.up()
    expect(thumb(page, "prune")).to_have_attribute("aria-valuetext", re.compile(r"^(89|90)\.\d %$"))
    share = thumb(page, "prune").get_attribute("aria-valuetext")
    expect(figure(page, "removed")).to_have_text(f"{share} removed", timeout=PATIENCE)
    rest(page)
    seen = page.evaluate("seen")
    assert (seen["replaced"], seen["blank"]) == (0, 0), seen
    assert set(across) <= set(ticks(page, "histogram")), "the zoom is kept"
    expect(page).to_have_url(re.compile(quote('"sparsity":0.') + r"(89|9)"))


def test_every_slider_moves_by_keyboard_and_by_a_typed_number(page: Page) -> None:
    steps = {
        "prune": {"ArrowRight": "0.1 %", "ArrowUp": "0.2 %", "PageUp": "10.2 %", "ArrowLeft": "10.1 %"}
        | {"PageDown": "0.1 %", "ArrowDown": "0.0 %", "End": "99.9 %", "Home": "0.0 %"},
        "bits": {"Home": "1", "ArrowRight": "2", "ArrowUp": "3", "PageUp": "4", "ArrowLeft": "3"}
        | {"PageDown": "2", "ArrowDown": "1", "End": "off"},
        "rank": {"ArrowLeft": "99 %", "ArrowDown": "98 %", "PageDown": "88 %", "ArrowRight": "89 %"}
        | {"ArrowUp": "90 %", "Home": "1 %", "PageUp": "11 %", "End": "full"},
    }
    names = {"prune": "Prune", "bits": "Bits", "rank": "Rank"}
    for slider, keys in steps.items():
        expect(thumb(page, slider)).to_have_attribute("aria-label", names[slider])
        thumb(page, slider).focus()
        for key, words in keys.items():
            page.keyboard.press(key)
            expect(thumb(page, slider)).to_have_attribute("aria-valuetext", words)
            expect(field(page, slider)).to_have_value(words)
        stands_dense(page)
    for slider, (typed, words) in {"prune": ("62.5", "62.5 %"), "bits": ("4", "4"), "rank": ("50 %", "50 %")}.items():
        type_value(page, slider, typed)
        expect(thumb(page, slider)).to_have_attribute("aria-valuetext", words)
        expect(figure(page, "drop")).not_to_have_text(DENSE)
    expect(figure(page, "removed")).to_have_text("62.5 % removed")
    rest(page)
    type_value(page, "prune", "nonsense")
    expect(thumb(page, "prune")).to_have_attribute("aria-valuetext", "62.5 %")


def test_on_a_phone_both_figures_stay_in_sight_above_the_thumb(visit: Visit) -> None:
    page = visit(**PHONE)
    rest(page)
    thumb(page, "prune").evaluate("range => range.scrollIntoView({ block: 'center' })")
    session = page.context.new_cdp_session(page)
    touch(session, "touchStart", place(page, "prune", 0.02))
    seen = set()
    for step in range(1, 41):
        touch(session, "touchMove", place(page, "prune", 0.02 + 0.9 * step / 40))
        page.wait_for_timeout(25)
        seen.add(figure(page, "accuracy").text_content())
    assert len(seen) >= 3, "the accuracy moves under the thumb"
    for name in ("accuracy", "drop", "images", "file", "ratio", "removed"):
        box = figure(page, name).bounding_box()
        assert box
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= place(page, "prune", 0)[1] <= 844
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    touch(session, "touchEnd")
    share = thumb(page, "prune").get_attribute("aria-valuetext")
    assert share
    assert 88 < float(share.split()[0]) < 96
    expect(figure(page, "removed")).to_have_text(f"{share} removed", timeout=PATIENCE)
    rest(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_layer_has_settings_of_its_own_until_it_is_reset(page: Page) -> None:
    type_value(page, "prune", "50")
    expect(figure(page, "removed")).to_have_text("50.0 % removed")
    choose_layer(page, "fc1")
    expect(thumb(page, "prune")).to_have_attribute("aria-valuetext", "50.0 %")
    type_value(page, "bits", "4")
    expect(page.locator("[data-part=layer]")).to_contain_text("fc1 •")
    expect(card(page, "histogram")).to_contain_text("ticks:")
    smaller = figure(page, "file").text_content()
    choose_layer(page, "All")
    expect(thumb(page, "bits")).to_have_attribute("aria-valuetext", "off")
    expect(figure(page, "file")).to_have_text(str(smaller))
    choose_layer(page, "fc1")
    button(page, "Reset fc1").click()
    expect(page.locator("[data-part=layer]")).not_to_contain_text("•")
    expect(thumb(page, "bits")).to_have_attribute("aria-valuetext", "off")
    expect(figure(page, "file")).not_to_have_text(str(smaller))
    expect(button(page, "Reset fc1")).to_be_disabled()
    expect(figure(page, "removed")).to_have_text("50.0 % removed")


def test_undo_returns_to_the_earlier_values_one_by_one(page: Page) -> None:
    expect(button(page, "Undo")).to_be_disabled()
    type_value(page, "prune", "40")
    expect(figure(page, "removed")).to_have_text("40.0 % removed")
    type_value(page, "prune", "80")
    expect(figure(page, "removed")).to_have_text("80.0 % removed")
    type_value(page, "bits", "3")
    expect(card(page, "histogram")).to_contain_text("ticks:")
    for share, bits in (("80.0 %", "off"), ("40.0 %", "off"), ("0.0 %", "off")):
        button(page, "Undo").click()
        expect(thumb(page, "prune")).to_have_attribute("aria-valuetext", share)
        expect(thumb(page, "bits")).to_have_attribute("aria-valuetext", bits)
        expect(figure(page, "removed")).to_have_text(f"{share} removed")
    stands_dense(page)
    expect(button(page, "Undo")).to_be_disabled()


def test_undo_of_another_model_brings_back_its_settings(page: Page) -> None:
    choose_layer(page, "conv2")
    type_value(page, "prune", "50")
    expect(card(page, "histogram")).to_contain_text("One weight of conv2 in two stays")
    choose_model(page, "lenet_300_100")
    stands_dense(page)
    button(page, "Undo").click()
    expect(page.get_by_label("Model", exact=True)).to_have_value("digits_cnn")
    expect(page.locator("[data-part=layer]")).to_contain_text("conv2 •")
    expect(card(page, "histogram")).to_contain_text("One weight of conv2 in two stays")
    expect(page.locator(".st-key-ps-head")).to_contain_text("a wide linear layer")
    expect(page.locator("[data-testid=stAlert]")).to_have_count(0)


def test_leaving_a_number_sets_nothing_that_was_not_typed(page: Page) -> None:
    type_value(page, "prune", "50")
    expect(figure(page, "removed")).to_have_text("50.0 % removed")
    page.get_by_label("Model", exact=True).select_option("lenet5")  # the number keeps the focus
    expect(figure(page, "dense")).to_have_text("dense 1,725 kB")
    stands_dense(page)
    field(page, "prune").press("Tab")
    rest(page)
    page.wait_for_timeout(300)
    stands_dense(page)


def test_every_slider_is_off_at_its_end(page: Page) -> None:
    for slider, (value, off) in {"prune": ("70", "0"), "bits": ("2", "off"), "rank": ("20", "full")}.items():
        type_value(page, slider, value)
        expect(figure(page, "drop")).not_to_have_text(DENSE)
        type_value(page, slider, off)
        stands_dense(page)
    rest(page)


def test_a_criterion_of_images_looks_at_some_and_is_measured_on_the_others(page: Page) -> None:
    choose_layer(page, "fc2")
    page.locator("[data-part=mode] select").nth(1).select_option("fisher")
    type_value(page, "prune", "20")
    expect(page.locator(".ps-images")).to_have_text("4,000 of 4,000 images", timeout=PATIENCE)
    expect(page.locator("[data-part=mode] select").nth(1)).to_have_value("fisher")
    expect(page.locator("[data-part=note] .ps-note")).to_contain_text("mean squared gradient")
    page.locator("[data-part=plot] select").last.select_option("theory")
    expect(card(page, "third")).to_contain_text("diagonal Fisher: ", timeout=PATIENCE)
    assert page.locator("[data-testid=stProgress]").count() == 0


def test_a_click_on_a_point_of_the_trail_goes_back_to_it(page: Page) -> None:
    for share in ("60", "90"):
        type_value(page, "prune", share)
        expect(figure(page, "removed")).to_have_text(f"{share}.0 % removed")
        rest(page)
    graph = card(page, "trail").locator(".ps-graph")
    graph.focus()
    graph.press("ArrowRight")
    graph.press("ArrowRight")
    expect(card(page, "trail").locator(".ps-tip")).to_contain_text("sparsity 0.6")
    ring, box = graph.locator(".ps-ring"), graph.bounding_box()
    assert box
    x, y = (float(ring.get_attribute(name) or "nan") for name in ("cx", "cy"))
    page.mouse.click(box["x"] + x, box["y"] + y)
    expect(thumb(page, "prune")).to_have_attribute("aria-valuetext", "60.0 %")
    expect(figure(page, "removed")).to_have_text("60.0 % removed")
    button(page, "Undo").click()
    expect(figure(page, "removed")).to_have_text("90.0 % removed")


def test_every_sample_shows_its_figures(page: Page) -> None:
    for model in (*(name for name in sample_models.SAMPLES if name != "digits_cnn"), "digits_cnn"):
        choose_model(page, model)
        stands_dense(page)
        type_value(page, "prune", "50")
        expect(thumb(page, "prune")).to_have_attribute("aria-valuetext", "50.0 %")
        expect(figure(page, "removed")).to_have_text(re.compile(r"^(50\.0|49\.\d) % removed$"), timeout=PATIENCE)
        expect(figure(page, "drop")).to_have_text(re.compile("points$"))
        for plot in ("histogram", "layers", "third", "trail"):
            expect(card(page, plot).locator(".ps-traces path[d^=M]").first).to_be_attached()
        expect(page.locator("[data-testid=stAlert], [data-testid=stException]")).to_have_count(0)
        type_value(page, "prune", "0")


def test_an_export_holds_what_the_page_showed_and_verifies(page: Page, tmp_path: Path) -> None:
    type_value(page, "prune", "75")
    expect(figure(page, "removed")).to_have_text("75.0 % removed")
    type_value(page, "bits", "4")
    expect(page).to_have_url(re.compile(quote('"bits":4')))
    rest(page)
    accuracy, file = figure(page, "accuracy").text_content(), figure(page, "file").text_content()
    button(page, "Export").click()
    with page.expect_download(timeout=60_000) as download:
        page.get_by_role("button", name="Download all (zip)").click(timeout=60_000)
    command = page.locator("[role=dialog] code").text_content() or ""
    download.value.save_as(tmp_path / "export.zip")
    with zipfile.ZipFile(tmp_path / "export.zip") as archive:
        archive.extractall(tmp_path)
    (folder,) = (each for each in tmp_path.iterdir() if each.is_dir())
    report = json.loads((folder / "report.json").read_text())
    assert f"{100 * report['accuracy']:.1f}" == accuracy
    assert report["images"] == 5000
    assert report["bytes"] == (folder / "model.safetensors").stat().st_size
    assert f"{report['bytes'] / 1000:,.0f}" == file
    assert command.split()[:5] == ["python", "-m", "core", "verify", folder.name]
    done = subprocess.run(
        [sys.executable, "-m", "core", "verify", str(folder), *command.split()[5:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    page.keyboard.press("Escape")
    expect(page.locator("[role=dialog]")).to_have_count(0)
    type_value(page, "prune", "20")
    expect(figure(page, "removed")).to_have_text("20.0 % removed")


@pytest.mark.parametrize("screen", [PHONE, DESK], ids=["phone", "desk"])
def test_it_renders_in_the_dark(screen: dict, visit: Visit) -> None:
    recipe = Recipe(Settings(sparsity=0.8, bits=4))
    page = visit(f"?recipe={quote(to_json(recipe))}", **screen, color_scheme="dark")
    expect(figure(page, "removed")).to_have_text("80.0 % removed")
    rest(page)
    colours = page.evaluate(
        """() => [getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor,
            getComputedStyle(document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot
                .querySelector('.ps-title')).color]"""
    )
    page_colour, ink = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in colours)
    assert page_colour < 150 < ink


def test_a_hint_explains_its_terms_to_who_hovers_over_it(page: Page) -> None:
    hint = page.locator("[data-part=bits] .ps-hint")
    words = hint.text_content() or ""
    expect(hint).to_have_attribute("title", re.compile(f"^{re.escape(words)}\n\n.*bit: A place for a zero or a one"))


BREATH = """(choices) => {
    const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
    for (const [label, value] of choices) {
        const select = root.querySelector(`select[aria-label="${label}"]`);
        select.value = value;
        select.dispatchEvent(new Event('change', { bubbles: true }));
    }
}"""


def test_choices_made_in_one_breath_are_all_taken(page: Page) -> None:
    wanted = {"What is least important": "random", "What goes together": "row", "Biases afterwards": "correct"}
    labels = {"In how many steps weights go": "4", **wanted}
    page.evaluate(BREATH, list(labels.items()))
    for value in ("random", "row", "steps%22%3A4", "correct"):
        expect(page).to_have_url(re.compile(value), timeout=PATIENCE)
    for label, value in labels.items():
        expect(page.get_by_label(label, exact=True)).to_have_value(value)
