"""What a student does on the Learn page and sees there, in Chromium: every lesson, at a desk and on a telephone.

What is pressed in every lesson is pressed by keys.
"""

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from core import lessons
from core.lessons import plans
from tests.browser import PHONE
from tests.dashboard.conftest import EDGE, PATIENCE, Visit
from tests.dashboard.contrasting import faint

NAMES = [lesson.name for lesson in lessons.lessons()]
RAN_WRONG = [name for name in NAMES if not lessons.lesson(name).slow or name == "transfer"]  # one in the background
SLOW = 3 * PATIENCE  # a lesson that trains, on a busy machine
NAMELESS = """() => {
    const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
    const focusable = 'button, input, select, textarea, a[href], [tabindex="0"]';
    const labelled = (e) => [...(e.labels ?? [])].some((label) => label.textContent.trim());
    const named = (e) => e.ariaLabel || e.title || e.placeholder || e.textContent.trim() || labelled(e);
    const seen = [...root.querySelectorAll(focusable)].filter((e) => e.getBoundingClientRect().width && !named(e));
    return seen.map((e) => e.outerHTML.slice(0, 120));
}"""
WIDTH = "Math.max(...[document.body, document.querySelector('[data-testid=stMain]')].map(e => e.scrollWidth))"
FOCUSED = """() => {
    let at = document.activeElement;
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    const name = at?.ariaLabel || at?.textContent.trim() || at?.labels?.[0]?.textContent || '';
    return at ? `${name} | ${at.type || at.localName}` : '';
}"""


def to_learn(page: Page) -> Page:
    """Follows the link above the page."""
    page.get_by_role("link", name="Learn").click()
    expect(page.locator(".ps-predict")).to_be_visible(timeout=PATIENCE)
    return page


def opened(page: Page, name: str) -> None:
    """Chooses a lesson in the list, or in the select of a telephone."""
    title, choice = lessons.lesson(name).title, page.get_by_label("Lesson", exact=True)
    if choice.is_visible():
        choice.select_option(name)
    else:
        page.locator(".ps-contents").get_by_role("button", name=re.compile(rf"^\d+\. {re.escape(title)}")).press(
            "Enter"
        )
    expect(page.locator(".ps-prose h1")).to_have_text(title, timeout=PATIENCE)


def predict(page: Page) -> None:
    """Says something, whatever the lesson asks for."""
    box = page.locator(".ps-predict")
    if box.locator(".ps-marker").count():
        box.locator(".ps-marker").press("ArrowRight")
    elif box.locator(".ps-dot").count():
        box.locator(".ps-dot").first.press("PageUp")
    elif box.locator(".ps-choices").is_visible():
        box.get_by_role("radio").first.press("Space")
    else:
        box.locator("select").select_option(index=1)


def measure(page: Page) -> None:
    """Asks for the measurement and waits until it stands beside the prediction."""
    page.get_by_role("button", name="Measure", exact=True).press("Enter")
    expect(page.locator(".ps-verdict")).to_have_text(re.compile("and so it is|Measured:|away on average"), timeout=SLOW)
    expect(page.locator("[data-part=learn-plot] .ps-traces path[d^=M]").first).to_be_attached()


def questions(page: Page) -> Locator:
    return page.locator(".ps-quiz fieldset")


def answer(page: Page) -> None:
    """Answers the three questions by their first choice; each is explained."""
    expect(questions(page)).to_have_count(3)
    for question in questions(page).all():
        question.get_by_role("radio").first.press("Space")
        expect(question.get_by_role("status")).to_have_text(re.compile(r"^(✓ Right\.|✗ Not so\.) .+"))


def run_the_wrong_version(page: Page) -> None:
    """Where a lesson has one."""
    button = page.locator("[data-part=learn-run] button")
    if button.is_visible():
        button.press("Enter")
        expect(button).to_be_disabled(timeout=PATIENCE)
        expect(page.locator("[data-part=learn-wrong] p:not([role], .ps-soft)")).to_have_count(2, timeout=SLOW)


def test_every_lesson_goes_from_a_prediction_over_its_measurement_to_three_answers(visit: Visit) -> None:
    page = to_learn(visit("?model=lenet5"))
    for name in NAMES:
        opened(page, name)
        expect(questions(page)).to_have_count(0)
        predict(page)
        measure(page)
        answer(page)
        if name in RAN_WRONG:
            run_the_wrong_version(page)
        assert page.evaluate(NAMELESS) == [], name
        assert faint(page) == [], name
    expect(page.locator(".ps-contents .ps-done", has_text="✓")).to_have_count(len(NAMES))
    page.locator(".ps-verdict").evaluate("node => node.style.color = '#999'")
    assert [text for text in faint(page) if text.startswith("You")] != []  # what was asked of each lesson can fail


def test_every_lesson_fits_on_a_telephone_in_the_dark(visit: Visit) -> None:
    page = to_learn(visit("?model=lenet5", **PHONE, color_scheme="dark"))
    for name in NAMES:
        opened(page, name)
        predict(page)
        measure(page)
        answer(page)
        assert page.evaluate(WIDTH) <= 390, name
        assert faint(page) == [], name


def tab_to(page: Page, wanted: str) -> None:
    """Presses Tab until what has the focus is called so."""
    for _ in range(120):
        if re.search(wanted, page.evaluate(FOCUSED)):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never came to {wanted!r}; the last was {page.evaluate(FOCUSED)!r}")


def test_the_keyboard_alone_does_a_lesson(visit: Visit) -> None:
    page = to_learn(visit("?model=lenet5"))
    tab_to(page, "Store a weight in a few bits")
    page.keyboard.press("Enter")
    expect(page.locator(".ps-prose h1")).to_have_text("Store a weight in a few bits", timeout=PATIENCE)
    expect(page.locator(".ps-prose h1")).to_be_focused()
    tab_to(page, "images it is right on, 1 bits a weight")
    for _ in page.locator(".ps-dot").all():
        page.keyboard.press("PageUp")
        page.keyboard.press("ArrowRight")
    tab_to(page, r"^Measure \|")
    page.keyboard.press("Enter")
    expect(page.locator(".ps-verdict")).to_contain_text("away on average", timeout=PATIENCE)
    assert page.evaluate(FOCUSED).startswith("Predict again")
    before = page.locator("[data-part=learn-plot] .ps-title").text_content() or ""
    tab_to(page, "^Bits a weight \\| range")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("[data-part=learn-plot] .ps-title")).not_to_have_text(before)
    tab_to(page, "^q \\| span")
    expect(page.get_by_role("tooltip")).to_contain_text("q: the code")
    page.keyboard.press("Escape")
    expect(page.get_by_role("tooltip")).to_have_count(0)
    for question in questions(page).all():
        tab_to(page, re.escape((question.locator("label").first.text_content() or "").strip()))
        page.keyboard.press("Space")
        expect(question.get_by_role("status")).to_have_text(re.compile(r"Right\.|Not so\."))


def test_the_slider_measures_while_it_is_held(visit: Visit) -> None:
    page = to_learn(visit("?model=lenet5"))
    opened(page, "magnitude")
    slider = page.locator("[data-part=learn-control] .ps-range")
    expect(slider).to_be_disabled()
    predict(page)
    measure(page)
    box, title = slider.bounding_box(), page.locator("[data-part=learn-plot] .ps-title")
    assert box
    seen = []
    page.mouse.move(box["x"] + EDGE + 0.8 * (box["width"] - 2 * EDGE), box["y"] + box["height"] / 2)
    page.mouse.down()
    for step in range(1, 6):
        page.mouse.move(box["x"] + EDGE + (0.8 - 0.1 * step) * (box["width"] - 2 * EDGE), box["y"] + box["height"] / 2)
        page.wait_for_timeout(300)
        seen.append(title.text_content())
    page.mouse.up()
    expect(title).to_contain_text("Weights removed: 30 %")
    assert len(set(seen)) >= 3
    expect(page.locator(".ps-verdict")).to_contain_text("You said")  # of the start, wherever the control stands


def test_a_slow_lesson_is_measured_in_the_background_and_can_be_cancelled(visit: Visit) -> None:
    page = to_learn(visit("?model=lenet_300_100"))
    opened(page, "iterating")
    predict(page)
    page.get_by_role("button", name="Measure", exact=True).click()
    expect(page.locator(".ps-verdict")).to_contain_text("in the background")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Measure", exact=True)).to_be_enabled()
    opened(page, "magnitude")
    predict(page)
    measure(page)


def test_what_a_student_has_done_is_kept_in_the_browser_until_it_is_forgotten(visit: Visit) -> None:
    page = to_learn(visit("?model=lenet5"))
    opened(page, "magnitude")
    predict(page)
    measure(page)
    row = page.locator(".ps-contents li", has_text="Remove what is near zero")
    expect(row.locator(".ps-done")).to_have_text("•")
    answer(page)
    page.reload()
    expect(row.locator(".ps-done")).to_have_text("✓", timeout=PATIENCE)
    expect(row.get_by_role("button")).to_have_attribute("aria-label", re.compile("[0-3] of 3 answers right"))
    page.get_by_role("button", name="Forget my progress").click()
    expect(row.locator(".ps-done")).to_have_text("")
    page.evaluate("localStorage.setItem('prunescope/learn', '[1, {\"magnitude\": 3}]')")
    page.reload()
    expect(row.locator(".ps-done")).to_have_text("", timeout=PATIENCE)


def test_a_teacher_saves_an_order_as_a_file_and_opens_it(visit: Visit, app: str, tmp_path: Path) -> None:
    page = visit("?model=lenet5")
    page.goto(f"{app}/learn?model=lenet5&lessons=quantization,magnitude")
    expect(page.locator(".ps-contents li")).to_have_count(2, timeout=PATIENCE)
    page.get_by_text("For teachers").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as a file").click()
    saved.value.save_as(tmp_path / "plan.json")
    assert plans.read((tmp_path / "plan.json").read_text("utf-8")).lessons == ("quantization", "magnitude")
    page.get_by_role("button", name="Show all lessons").click()
    expect(page.locator(".ps-contents li")).to_have_count(len(NAMES), timeout=PATIENCE)
    page.locator("input[type=file]").set_input_files(tmp_path / "plan.json")
    expect(page.locator(".ps-contents li")).to_have_count(2, timeout=PATIENCE)
    expect(page.locator(".ps-prose h1")).to_have_text("Store a weight in a few bits")


def test_a_term_says_what_it_means_to_the_pointer(visit: Visit) -> None:
    page = to_learn(visit("?model=lenet5"))
    opened(page, "magnitude")
    page.locator("[data-part=learn-intro] .ps-term", has_text="pruning").hover()
    expect(page.get_by_role("tooltip")).to_have_text(lessons.glossary()["pruning"])
    page.mouse.move(1, 1)
    expect(page.get_by_role("tooltip")).to_have_count(0)


def test_terms_are_explained_in_other_views_too_to_the_keyboard_as_well(visit: Visit) -> None:
    page, meanings = visit("?model=lenet5"), lessons.glossary()
    term = page.locator("[data-part=histogram] .ps-note .ps-term", has_text="weights")
    term.focus()
    expect(page.get_by_role("tooltip")).to_have_text(meanings["weight"])
    page.keyboard.press("Escape")
    expect(page.get_by_role("tooltip")).to_have_count(0)
    first = page.locator(".ps-first .ps-term", has_text="accuracy")
    first.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    told = first.evaluate("node => getComputedStyle(node, '::after').content")
    assert told == f'"{meanings["accuracy"]}"'


def test_who_has_scrolled_on_while_it_is_measured_stays_there(visit: Visit) -> None:
    page = to_learn(visit("?model=lenet5"))
    opened(page, "quantization")
    predict(page)
    page.get_by_role("button", name="Measure", exact=True).press("Enter")
    pad = page.locator("[data-part=canvas] .ps-pad")
    pad.scroll_into_view_if_needed()
    expect(page.locator(".ps-verdict")).to_contain_text("away on average", timeout=PATIENCE)
    expect(pad).to_be_in_viewport()
    expect(page.get_by_role("button", name="Predict again")).to_be_focused()


def test_another_model_is_predicted_and_measured_anew(visit: Visit) -> None:
    page = to_learn(visit("?model=lenet5"))
    opened(page, "magnitude")
    predict(page)
    measure(page)
    page.get_by_label("Model", exact=True).select_option("lenet_300_100")
    expect(page.locator(".ps-question")).to_contain_text("lenet_300_100", timeout=PATIENCE)
    expect(page.get_by_role("button", name="Measure", exact=True)).to_be_disabled()
    expect(page.locator("[data-part=learn-plot] .ps-title")).to_have_text("What is measured comes here")
    expect(page.locator("[data-part=filters]")).to_contain_text("has no convolution")


def test_a_teachers_link_opens_a_lesson_in_the_teachers_order(visit: Visit, app: str) -> None:
    page = visit("?model=lenet5")
    page.goto(f"{app}/learn?model=lenet5&lessons=quantization,magnitude&lesson=magnitude&values=magnitude:0.5")
    expect(page.locator(".ps-prose h1")).to_have_text("Remove what is near zero", timeout=PATIENCE)
    expect(page.locator(".ps-contents li")).to_have_count(2)
    expect(page.locator("[data-part=learn-control] .ps-range")).to_have_attribute("aria-valuetext", "50 %")
    page.get_by_role("button", name="‹ Store a weight in a few bits").click()
    expect(page.locator(".ps-prose h1")).to_have_text("Store a weight in a few bits", timeout=PATIENCE)
    expect(page).to_have_url(re.compile("lesson=quantization&lessons=quantization%2Cmagnitude"))
    page.goto(f"{app}/learn?lessons=magnitude,nonsense")
    expect(page.get_by_text("lesson is 'nonsense', expected one of")).to_be_visible(timeout=PATIENCE)
