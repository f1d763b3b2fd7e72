"""Trade-offs without a browser: what is asked for, what is drawn, and what happens to a search behind the page."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from core import jobs, runs
from core.jobs import Job
from core.recipe import Recipe, Settings
from core.runs import searches as shelf
from core.search import AXES, Goal, Point, table
from dashboard import earlier, findings, keeping, outcome, pareto, searches, state, work
from dashboard.live import chart
from dashboard.pareto import Plane
from dashboard.searches import BYTES, DROP, Wish
from tests.dashboard.test_page_logic import pick, sample, send


def script() -> None:
    """The head's position and the view alone."""
    from dashboard import panels, state
    from dashboard.views import tradeoffs

    if panels.standing():
        tradeoffs.page()
    state.write_link()


@pytest.fixture
def page() -> AppTest:
    """The view on a small model, with no search of an earlier test."""
    searches._kept().clear()
    at = AppTest.from_function(script, default_timeout=60)
    at.query_params["model"] = "lenet_300_100"
    at.run()
    assert not at.exception
    return at


def until(at: AppTest, holds: Callable[[searches.Search], bool]) -> searches.Search:
    """The search of the page, once something holds of it; the page is run meanwhile as the browser runs it."""
    for _ in range(400):
        (search,) = searches._kept().values()
        if holds(search):
            at.run()
            return search
        time.sleep(0.1)
    raise AssertionError(search.job.trouble or "nothing came in 40 seconds")


def points_of(search: searches.Search) -> tuple[Point, ...]:
    return searches.found(search).points


def test_a_search_is_started_paused_resumed_and_cancelled_and_its_result_confirmed(page: AppTest) -> None:
    send(page, {"time": pick("seconds", "30", 1), "limit": sample(2.0, 1)})
    send(page, {"run": pick("start", "", 2)})
    assert not page.exception
    search = until(page, lambda search: len(points_of(search)) >= 1)
    assert search.goal == Goal(drop=2.0, seconds=30.0)
    send(page, {"run": pick("hold", "", 3)})
    assert search.job.paused
    time.sleep(1.0)
    before = len(search.job.events)
    time.sleep(1.0)
    assert len(search.job.events) == before
    send(page, {"run": pick("go", "", 4)})
    assert not search.job.paused
    until(page, lambda search: len(points_of(search)) >= 3)
    send(page, {"run": pick("cancel", "", 5)})
    until(page, lambda search: not search.job.running)
    found = searches.found(search)
    assert not search.job.trouble
    assert found.confirmed.points
    assert found.table["best"].sum() == 1
    keeps_the_line(page, found)
    is_shown_again_the_next_day(search)
    number = int(found.table.index[found.table["best"]][0])
    send(page, {"front": {"opened": {"number": number, "n": 9}}})
    assert not page.exception
    opened = page.session_state["position"].recipe
    assert {name: opened.settings(name) for name in opened.layers} == {
        name: found.points[number].recipe.settings(name)
        for name, changes in found.points[number].recipe.layers.items()
        if changes
    }
    assert page.session_state["bound"] == "Explore"


def is_shown_again_the_next_day(search: searches.Search) -> None:
    """A server that has forgotten the search shows it again, to the point, and opens any of them in Explore."""
    expected = searches.found(search)
    searches._kept().clear()
    other = AppTest.from_function(script, default_timeout=60)
    other.query_params["model"] = "lenet_300_100"
    other.run()
    here = other.session_state["position"]
    for _ in range(100):
        if not earlier.waiting(here):
            break
        time.sleep(0.1)
    number = str(expected.noted.number)
    assert earlier.options(here)[number].endswith(f"at most 2 points lost, {len(expected.points)} recipes")
    send(other, {"shown": pick("earlier", number, 1)})
    assert not other.exception
    assert other.session_state["wish"].drop == 2.0
    again = earlier._past(*_asked(number), keeping.place(here))
    assert searches.found(again).points == expected.points
    assert searches.found(again).confirmed == expected.confirmed
    assert searches.found(again).table.equals(expected.table)
    send(other, {"front": {"opened": {"number": 1, "n": 1}}})
    opened = other.session_state["position"].recipe
    assert opened.layers == {name: own for name, own in expected.points[1].recipe.layers.items() if own}
    assert other.session_state["bound"] == "Explore"
    searches._kept()[keeping.place(here)] = search


def _asked(number: str) -> tuple:
    store = keeping.store()
    kept = next(each for each in shelf.listed(store) if str(each.number) == number)
    return store.path, kept.number, (kept.mark, *kept.count.values())


def keeps_the_line(page: AppTest, found: searches.Found) -> None:
    """Presses the button that keeps the recipes on the line, and finds each in the store once."""
    position = page.session_state["position"]
    before = {run.number for run in runs.listed(keeping.store())}
    send(page, {"timing": pick("keep", "", 6)})
    assert not page.exception
    front = keeping.front(position)
    assert front.count >= 1
    until(page, lambda search: not front.job.running)
    assert not front.job.trouble
    now = {run.number: run for run in runs.listed(keeping.store())}
    assert set(front.job.events) == set(now) - before
    assert len(front.job.events) == front.count
    sizes = {point.bytes for point in found.points}
    assert all(now[number].report["bytes"] in sizes for number in front.job.events)
    assert findings.kept(front.job.events).endswith("kept for Compare")


def test_another_session_finds_the_search_that_runs_and_asks_for_the_same(page: AppTest) -> None:
    send(page, {"kind": pick("kind", BYTES, 1)})
    send(page, {"time": pick("seconds", "600", 2)})
    send(page, {"run": pick("start", "", 3)})
    search = until(page, lambda search: len(points_of(search)) >= 1)
    other = AppTest.from_function(script, default_timeout=60)
    other.query_params["model"] = "lenet_300_100"
    other.run()
    assert not other.exception
    assert other.session_state["wish"].kind == BYTES
    assert other.session_state["wish"].size == search.goal.bytes
    searches.end(search)


def test_of_tabs_that_start_at_the_same_moment_one_search_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    searches._kept().clear()
    begun, gate = [], threading.Event()

    def job(key: tuple, steps: object) -> Job:
        begun.append(key)
        time.sleep(0.05)  # in which the other tabs come
        return jobs.start(lambda: iter(gate.wait, True), "waits")

    monkeypatch.setattr(work, "job", job)
    here = state.Position("lenet_300_100", "digits", Recipe())
    with ThreadPoolExecutor(4) as tabs:
        done = list(tabs.map(lambda drop: searches.begin(here, Goal(drop=drop)), (0.5, 1.0, 1.5, 2.0)))
    gate.set()
    assert sorted(done) == [False, False, False, True]
    assert len(begun) == 1
    assert searches.current(here).goal == Goal(drop=0.5 + 0.5 * done.index(True))
    searches._kept().clear()


def test_a_tab_that_starts_what_another_has_begun_is_shown_that_and_told(page: AppTest) -> None:
    other = AppTest.from_function(script, default_timeout=60)
    other.query_params["model"] = "lenet_300_100"
    other.run()
    send(other, {"kind": pick("kind", BYTES, 1)})
    send(page, {"run": pick("start", "", 1)})
    send(other, {"run": pick("start", "", 2)})
    assert "Another tab began a search of this model before" in other.error[0].value
    (search,) = searches._kept().values()
    assert not search.enough.is_set()
    assert other.session_state["wish"].kind == DROP, "what is asked for in the search that is shown"
    for tab, number in ((page, 2), (other, 3)):
        send(tab, {"run": pick("hold", "", number)})
        assert search.job.paused
    there = state.replace(page.session_state["position"], model="digits_resnet")
    assert searches.elsewhere(there) == [("lenet_300_100", "digits")]
    searches.end(search)


def test_a_search_that_fails_is_a_sentence_on_a_page_that_stays(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*given: object) -> None:
        raise RuntimeError("no such luck")

    monkeypatch.setattr(searches.remembering, "parts", fails)
    send(page, {"run": pick("start", "", 1)})
    search = until(page, lambda search: not search.job.running)
    assert not page.exception
    assert "no such luck" in search.job.trouble[0]
    assert "no such luck" in findings.ended(search.job.trouble[0])


def test_a_store_that_cannot_be_used_ends_no_search_and_the_page_says_why(
    page: AppTest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "text").write_text("something else")
    monkeypatch.setenv("PRUNESCOPE_RUNS", str(tmp_path / "text"))
    send(page, {"run": pick("start", "", 1)})
    search = until(page, lambda search: len(points_of(search)) >= 2)
    searches.end(search)
    until(page, lambda search: not search.job.running)
    assert not page.exception
    found = searches.found(search)
    assert found.confirmed.points
    assert not search.job.trouble
    said = outcome.bar(search, found).data["trouble"]
    assert said.startswith("What is measured is shown here and not kept for later: ")
    assert "is no database" in said


@pytest.mark.parametrize(
    "sent", [{"front": {"opened": each}} for each in (None, {}, {"number": 99, "n": 1}, {"n": [1]})]
)
def test_nothing_odd_that_a_browser_sends_raises(sent: object, page: AppTest) -> None:
    send(page, sent)
    assert not page.exception
    assert page.session_state["position"].recipe == Recipe()


def test_two_axes_never_show_one_objective(page: AppTest) -> None:
    send(page, {"axes": pick("across", "accuracy", 1)})
    assert (page.session_state["wish"].across, page.session_state["wish"].up) == ("accuracy", "bytes")
    send(page, {"axes": pick("up", "milliseconds", 2)})
    assert (page.session_state["wish"].across, page.session_state["wish"].up) == ("accuracy", "milliseconds")


def test_a_wish_is_a_goal() -> None:
    assert searches.goal_of(Wish(DROP, drop=1.5, cost="macs"), 8000) == Goal(drop=1.5, seconds=300.0, cost="macs")
    assert searches.goal_of(Wish(BYTES, cost="macs"), 8000) == Goal(bytes=200, seconds=300.0)
    assert searches.goal_of(Wish(BYTES, size=800), 8000) == Goal(bytes=800, seconds=300.0)


def measured() -> tuple[tuple[Point, ...], pd.DataFrame]:
    recipes = [Recipe(), *(Recipe(layers={"fc": {"bits": bits, "sparsity": 0.5}}) for bits in (8, 4, 2))]
    figures = [(9000, 0.99), (2000, 0.989), (1000, 0.986), (500, 0.4)]
    points = tuple(
        Point(recipe, size, size * 10, right, 99 - 100 * right, 98.7 - 100 * right, 99.3 - 100 * right, 0.1, 2000)
        for recipe, (size, right) in zip(recipes, figures, strict=True)
    )
    found = table(points, Goal(drop=0.5))
    return points, found.assign(milliseconds=[2.0, 1.0, 1.5, 0.5], variant="decoded", saves=[None, True, False, True])


@pytest.mark.parametrize("across", AXES)
@pytest.mark.parametrize("up", AXES)
@pytest.mark.parametrize("goal", [Goal(drop=0.5), Goal(bytes=1500)])
def test_plotly_knows_every_plane_and_every_point_inside_says_a_sentence(across: str, up: str, goal: Goal) -> None:
    points, found = measured()
    said = [findings.hover(row, point) for (_, row), point in zip(found.iterrows(), points, strict=True)]
    figure = pareto.pareto(Plane(found, goal, said, across, up))
    go.Figure(figure)
    chart.drawing(figure)
    shown = {number for trace in figure["data"] if "customdata" in trace for number in trace["customdata"]}
    assert shown == set(pareto.inside(found, goal)["number"])
    for trace in figure["data"]:
        assert len(trace.get("text", ())) == len(trace.get("customdata", ()))


def test_the_axis_of_accuracy_stands_still_while_worse_recipes_come_in() -> None:
    _, found = measured()
    assert pareto.floor(found, Goal(drop=0.5)) == pareto.floor(found[found["accuracy"] > 0.9], Goal(drop=0.5))


def test_nothing_measured_is_an_empty_figure() -> None:
    assert pareto.pareto(Plane(table((), Goal(drop=1.0)), Goal(drop=1.0), ())) == pareto.empty()


def test_the_title_never_promises_what_the_other_images_refused() -> None:
    points, found = measured()
    goal = Goal(drop=0.5)
    assert findings.title(found, goal, None) == "4.5 times smaller for 0.10 points"
    assert findings.title(found, goal, points[1]).startswith("Confirmed: 4.5 times smaller")
    refused = findings.title(found, goal, points[1]._replace(drop=0.9))
    assert refused.endswith("at most 0.5 points lost does not hold")
    assert "does NOT hold" in findings.confirmed((points[1]._replace(drop=0.9),), goal)
    assert findings.title(found.assign(best=False), goal, None) == "No recipe keeps to at most 0.5 points lost yet"


def test_a_recipe_in_words_names_few_layers_and_counts_many() -> None:
    few = Recipe(layers={"a": {"bits": 3, "sparsity": 0.9, "compensate": "outputs"}, "b": {}}, bias="correct")
    assert findings.layers(few) == ["a: 90.0 % removed by magnitude, 3 bits, refit", "biases corrected afterwards"]
    many = Recipe(layers={f"l{i}": {"bits": 3 if i else 8} for i in range(9)})
    assert findings.layers(many) == ["8 layers: 3 bits", "l0: 8 bits"]
    assert findings.layers(Recipe()) == ["the dense model"]
    assert findings.settings(Settings(rank=0.25)) == "rank 25.0 % by svd"


def test_a_time_that_is_not_saved_is_said() -> None:
    _, found = measured()
    assert findings.time_note(found).startswith("1 of 3 timed recipes save bytes but no time")
    assert findings.time_note(found.assign(saves=True)) == ""
    assert findings.milliseconds(found.iloc[2]) == "1.5 ms, decoded, no time saved"


def test_every_size_that_the_slider_stops_at_is_smaller_than_the_file(page: AppTest) -> None:
    studio = state.studio(("lenet_300_100", None), "digits", False, "keep")
    sizes = searches.sizes(studio.dense_bytes)
    assert list(sizes) == sorted(sizes)
    assert sizes[-1] < studio.dense_bytes
    assert sizes[0] <= studio.dense_bytes / 500
