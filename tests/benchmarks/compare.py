"""How long Compare takes to open on two runs over 5,000 images that are kept: what the view computes, and in Chromium.

python -m tests.benchmarks.compare [--model lenet_300_100] [--repeat 20] [--browser]
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page
from streamlit.testing.v1 import AppTest

from core import pipeline, runs
from core.loading import load_data, load_model
from core.recipe import Recipe, Settings
from core.runs.database import VARIABLE
from dashboard.desk import BEHAVIOUR, FIGURES, FLIPS, MORE, Desk
from tests import browser as browsers
from tests.browser import DESK

RECIPES = (Recipe(), Recipe(Settings(bits=3, sparsity=0.8)))
DATA = "digits"
SECTIONS = {
    FIGURES: ("Size and accuracy", "scatter"),
    BEHAVIOUR: ("Answers", "classes"),
    FLIPS: ("Flipped images", "gallery"),
    MORE: ("Signals and time", "stability"),
}


def fill(model: str) -> int:
    """Measure both runs and keep them with their answers; how many images each answered."""
    loaded, data, store = load_model(model), load_data(DATA), runs.open_store()
    for recipe in RECIPES:
        run = runs.asked(runs.subject(loaded, data), recipe)
        measured, answers = runs.measured(pipeline.study(loaded, data, recipe), run)
        runs.record(store, measured, answers)
    return int(measured.report["images"])


def script() -> None:
    """The view alone."""
    from dashboard import panels
    from dashboard.views import compare

    if panels.standing():
        compare.page()


def opened(model: str, section: str) -> float:
    """Milliseconds that the whole view takes in a new session, with the model loaded."""
    at = AppTest.from_function(script, default_timeout=60)
    at.query_params["model"] = model
    at.session_state["desk"] = Desk(section=section)
    begun = time.perf_counter()
    at.run()
    taken = 1e3 * (time.perf_counter() - begun)
    assert not at.exception
    return taken


def clicked(page: Page, click: Callable[[], None], part: str) -> float:
    """Milliseconds from a click until a part of the view is there."""
    begun = time.perf_counter()
    click()
    page.locator(f"[data-part={part}]").wait_for()
    return 1e3 * (time.perf_counter() - begun)


def browse(model: str, repeat: int, folder: Path) -> dict[str, list[float]]:
    """The same in Chromium: from Explore to Compare, and from one section of it to the next."""
    found: dict[str, list[float]] = {section: [] for section in SECTIONS}
    with browsers.serving("dashboard/app.py", folder / "log") as url, browsers.chromium() as chromium:
        page, _ = browsers.opened(chromium, f"{url}/?model={model}", **DESK)
        for _ in range(repeat):
            for section, (words, part) in SECTIONS.items():
                link = page.get_by_role("link", name="Compare")
                other = page.locator("[data-part=section] label", has_text=words)
                found[section].append(clicked(page, link.click if section == FIGURES else other.click, part))
            page.locator("[data-part=section] label", has_text=SECTIONS[FIGURES][0]).click()
            page.locator("[data-part=scatter]").wait_for()
            page.get_by_role("link", name="Explore").click()
            page.locator("[data-part=prune]").wait_for()
        page.context.close()
    return found


def said(times: list[float]) -> str:
    """Their median, least and most."""
    return f"{statistics.median(times):6.0f} ms ({min(times):.0f} to {max(times):.0f})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="lenet_300_100")
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--browser", action="store_true")
    options = parser.parse_args()
    with TemporaryDirectory() as made:
        os.environ[VARIABLE] = str(Path(made) / "runs.sqlite")
        print(f"{options.model}: two runs over {fill(options.model):,} images; median (least to most)")
        print(f"first session, which loads the model: {opened(options.model, FIGURES):.0f} ms")
        rows = {each: [opened(options.model, each) for _ in range(options.repeat)] for each in SECTIONS}
        drawn = browse(options.model, options.repeat, Path(made)) if options.browser else {}
        for each, times in rows.items():
            there = f", in Chromium {said(drawn[each])}" if drawn else ""
            print(f"{SECTIONS[each][0]:20}{said(times)}{there}")
