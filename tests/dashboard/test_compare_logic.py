"""Compare without a browser: what is kept, picked, named, deleted, drawn and said."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from core import behaviour, live, runs
from core import keeping as core_keeping
from core.recipe import Recipe, Settings
from core.runs import Run, Store
from dashboard import choices, compared, contrasts, desk, keeping, requested, state, verdicts, work
from dashboard.contrasts import Side
from dashboard.desk import Desk, Found
from dashboard.live import chart, shelf
from dashboard.state import Position
from tests.dashboard.test_page_logic import APP, pick, send

MODEL = "lenet_300_100"
HERE = Position(MODEL, "digits", Recipe())
RECIPES = (Recipe(), Recipe(Settings(bits=4)), Recipe(Settings(bits=3), {"fc1": {"sparsity": 0.5}}))


def script() -> None:
    """The head's position and the view alone."""
    from dashboard import panels, state
    from dashboard.views import compare

    if panels.standing():
        compare.page()
    state.write_link()


@pytest.fixture(scope="module")
def measured() -> list[tuple[Run, dict[str, np.ndarray]]]:
    """The dense model and two runs of it, measured once."""
    studio = state.studio_of(HERE)
    return [runs.measured(studio.study, runs.asked(keeping.subject(HERE), recipe)) for recipe in RECIPES]


@pytest.fixture
def store(tmp_path: Path, measured: list, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store of a test's own that holds them as 1, 2 and 3."""
    monkeypatch.setenv("PRUNESCOPE_RUNS", str(tmp_path / "runs.sqlite"))
    work._kept.clear()
    kept = runs.open_store()
    for run, answers in measured:
        runs.record(kept, run, answers)
    return kept


def opened(at: AppTest) -> AppTest:
    at.query_params["model"] = MODEL
    at.run()
    assert not at.exception
    return at


@pytest.fixture
def page(store: Store) -> AppTest:
    """The view on a small model."""
    return opened(AppTest.from_function(script, default_timeout=60))


def until(at: AppTest, holds: Callable[[], bool]) -> None:
    """Runs the page as its browser would until something holds."""
    for _ in range(300):
        if holds() and not keeping.busy():
            at.run()
            assert not at.exception
            return
        time.sleep(0.1)
        at.run()
    raise AssertionError("nothing came in 30 seconds")


def deed(what: str, number: int, n: int, text: str = "") -> dict:
    return {"shelf": {"deeds": [{"what": what, "number": number, "text": text, "n": n}]}}


def lies(store: Store, here: Desk) -> Found:
    """What lies on the desk, without a session."""
    listed = tuple(runs.listed(store))
    picked = desk._picked(here, listed)
    return Found(store, keeping.subject(HERE), listed, picked, desk._pair(here, picked), listed[0])


def test_a_position_is_kept_once_from_explore_and_the_button_says_so(store: Store) -> None:
    at = opened(AppTest.from_file(APP, default_timeout=60))
    recipe = Recipe(Settings(bits=5))
    here = replace(HERE, recipe=recipe)
    run = keeping.run_of(here)
    for n in (1, 2):
        at.session_state["position"] = at.session_state["settled"] = here
        send(at, {"foot": pick("keep", "", n)})
        assert not at.exception
        assert not at.error
        until(at, lambda: core_keeping.held(store, run) is not None)
    assert len(runs.listed(store)) == 4
    studio = state.studio_of(here)
    looked = live.look(studio, recipe, 60.0)
    assert keeping.button(here, looked) == (f"Kept: {core_keeping.held(store, run).number}", False)
    runs.delete(store, core_keeping.held(store, run).number)
    assert keeping.button(here, looked) == ("Keep", True)
    part = live.look(studio, Recipe(Settings(bits=6)), None)
    assert keeping.button(replace(here, recipe=Recipe(Settings(bits=6))), part) == ("Keep", False)


def test_the_dense_model_is_measured_by_itself_and_stands_first(page: AppTest, store: Store) -> None:
    runs.delete(store, 1)
    page.run()
    until(page, lambda: core_keeping.held(store, keeping.run_of(HERE)) is not None)
    page.session_state["desk"] = Desk(section=desk.BEHAVIOUR)
    page.run()
    assert not page.error
    assert runs.dense_of(store, runs.one(store, 3)).number == 4


def test_a_run_is_named_noted_deleted_and_brought_back(page: AppTest, store: Store) -> None:
    send(page, deed("name", 2, 1, " four bits "))
    send(page, deed("note", 2, 2, "a note"))
    assert (runs.one(store, 2).name, runs.one(store, 2).note) == ("four bits", "a note")
    before = runs.arrays(store, 2)
    send(page, deed("delete", 2, 3))
    assert [run.number for run in runs.listed(store)] == [1, 3]
    send(page, deed("delete", 1, 4))
    assert runs.one(store, 1), "the dense model stays"
    send(page, {"foot": pick("undo", "", 5)})
    back = runs.listed(store)[-1]
    assert (back.name, back.note) == ("four bits", "a note")
    assert all(np.array_equal(before[name], values) for name, values in runs.arrays(store, back.number).items())
    assert not page.exception


@pytest.mark.parametrize("what", ["name", "note", "pick", "open"])
def test_a_deed_on_a_run_that_another_page_deleted_is_a_sentence(what: str, page: AppTest, store: Store) -> None:
    runs.delete(store, 2)
    send(page, deed(what, 2, 1, "new"))
    assert not page.exception
    assert page.error[0].value.startswith("Run 2 is not there any more")


def test_a_store_that_another_holds_for_itself_is_a_sentence_and_goes_on_when_it_is_free(
    page: AppTest, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "PATIENCE", 0.05)
    here = replace(HERE, recipe=RECIPES[1])
    looked = live.look(state.studio_of(here), here.recipe, 60.0)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        assert keeping.button(here, looked).words == keeping.KEEP
        page.run()
        assert not page.exception
        assert "database is locked" in page.error[0].value
    page.run()
    assert keeping.button(here, looked).words == f"{keeping.KEPT}: 2"


def test_several_deeds_at_once_are_done_in_order_and_once(page: AppTest, store: Store) -> None:
    many = [{"what": "name", "number": 2, "text": name, "n": n} for n, name in enumerate("abc", start=1)]
    send(page, {"shelf": {"deeds": many}})
    assert runs.one(store, 2).name == "c"
    runs.rename(store, 2, "by another tab")
    send(page, {"shelf": {"deeds": many}})
    assert runs.one(store, 2).name == "by another tab"


def test_several_picks_at_once_all_hold(page: AppTest, store: Store) -> None:
    what = [("drop", 1), ("drop", 2), ("drop", 3), ("pick", 3), ("pick", 1)]
    many = [{"what": each, "number": number, "text": "", "n": n} for n, (each, number) in enumerate(what, start=1)]
    send(page, {"shelf": {"deeds": many}})
    assert page.session_state["desk"].picked == (3, 1)


def test_a_run_opens_in_explore(page: AppTest) -> None:
    send(page, deed("open", 3, 1))
    assert not page.exception
    assert page.session_state["position"].recipe == RECIPES[2]
    assert page.session_state["bound"] == "Explore"
    assert page.session_state["history"]


@pytest.mark.parametrize("section", compared.SECTIONS)
@pytest.mark.parametrize("numbers", [(), (2,), (1, 2), (3, 2, 1)])
def test_every_section_is_drawn_for_any_number_of_runs(
    section: str, numbers: tuple[int, ...], page: AppTest, store: Store
) -> None:
    page.session_state["desk"] = Desk(picked=numbers, section=section)
    page.run()
    assert not page.exception
    assert not page.error


@pytest.mark.parametrize(
    "odd", [None, [], [None], [{"what": "sell", "number": 1, "text": "", "n": 1}], [{"what": "name", "n": 2}]]
)
def test_nothing_odd_that_a_browser_sends_is_a_deed(odd: object, page: AppTest, store: Store) -> None:
    send(page, {"shelf": {"deeds": odd}})
    send(page, {"shelf": {"deeds": [{"what": "delete", "number": 10**9, "text": "", "n": 9}]}})
    send(page, {"scatter": {"clicked": {"curve": 0, "point": 0, "n": 3, "customdata": [[1]]}}})
    assert not page.exception
    assert len(runs.listed(store)) == 3


@pytest.mark.parametrize("view", [script, APP])
def test_a_store_that_cannot_be_used_is_one_sentence_on_a_page_that_goes_on(
    view: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "text").write_text("no database")
    monkeypatch.setenv("PRUNESCOPE_RUNS", str(tmp_path / "text"))
    work._kept.clear()
    at = AppTest.from_file(APP, default_timeout=60) if view == APP else AppTest.from_function(view, default_timeout=60)
    opened(at)
    if view == APP:
        send(at, {"foot": pick("keep", "", 1)})
    assert not at.exception
    assert len(at.error) == 1
    assert "is no database" in at.error[0].value
    assert (tmp_path / "text").read_text() == "no database"


def test_a_run_without_answers_is_measured_again_on_request(page: AppTest, store: Store, measured: list) -> None:
    run = replace(measured[1][0], name="mine")
    runs.delete(store, 2)
    number = runs.record(store, run)
    page.session_state["desk"] = Desk(picked=(1, number), section=desk.BEHAVIOUR)
    page.run()
    send(page, {"pair": pick("again", "", 1)})
    until(page, lambda: core_keeping.held(store, run) is not None)
    assert runs.one(store, number).name == "mine"
    assert not page.error


@pytest.mark.parametrize("what", keeping.MEASURES)
def test_signals_and_time_are_measured_on_request(what: str, page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "CLOCK", replace(keeping.CLOCK, rounds=2, warm=1))
    page.session_state["desk"] = Desk(picked=(1, 3), section=desk.MORE)
    page.run()
    send(page, {"asked": pick(what, "", 1)})
    until(
        page, lambda: (job := keeping.study_job(HERE, _third(page), what, start=False)) is not None and not job.running
    )
    job = keeping.study_job(HERE, _third(page), what, start=False)
    title, note, head, rows = getattr(requested, what)(job)
    assert not job.trouble
    assert title
    assert note
    assert rows
    assert all(len(row) == len(head) for row in rows)


def _third(page: AppTest) -> Run:
    return runs.one(keeping.store(), 3)


def test_a_pair_never_holds_one_run_twice(store: Store) -> None:
    for before in (0, 1, 2, 3, 9):
        for after in (0, 1, 2, 3, 9):
            on = lies(store, Desk(picked=(1, 2, 3), before=before, after=after))
            assert on.pair[0].number != on.pair[1].number
    on = lies(store, Desk(picked=(1, 2, 3), before=1, after=2))
    assert choices._second(on, 1) == {"after": 1, "before": 2, "page": 0}
    assert choices._first(on, 2) == {"before": 2, "after": 1, "page": 0}


def test_plotly_knows_every_figure_and_every_run_is_on_it(store: Store) -> None:
    on = lies(store, Desk(picked=(1, 2, 3)))
    table = runs.figures(on.picked)
    sides = [Side(run.number, on.letter(run), run.number == 1, "said") for run in on.picked]
    pair = runs.pair(store, *on.pair)
    made = {
        "scatter": contrasts.scatter(table, sides),
        "parallel": contrasts.parallel(runs.placed(table), sides),
        "classes": contrasts.classes(behaviour.by_class(*pair[:2])),
        "confusions": contrasts.confusions(behaviour.confusions(*pair[:2])),
        "changes": contrasts.changes(behaviour.logit_changes(*pair[:2])),
    }
    for figure in made.values():
        assert figure["data"]
        go.Figure(figure)
        chart.drawing(figure)
    assert {trace["customdata"][0] for trace in made["scatter"]["data"]} == {1, 2, 3}
    letters = "".join(word for trace in made["parallel"]["data"][2:] for word in trace["text"])
    assert sorted(set(letters)) == ["A", "B", "C"]
    assert len(letters) == 3 * len(runs.placed(table)["dimension"].unique())


def test_nothing_is_an_empty_figure() -> None:
    nothing = runs.figures([])
    assert contrasts.scatter(nothing, []) == contrasts.parallel(runs.placed(nothing), []) == contrasts.empty()


def test_the_pictures_are_those_of_the_flipped_images_the_surest_first(page: AppTest, store: Store) -> None:
    page.session_state["desk"] = Desk(picked=(1, 3), section=desk.FLIPS)
    page.run()
    on = lies(store, Desk(picked=(1, 3)))
    pair = runs.pair(store, *on.pair)
    found = behaviour.flips(pair.before, pair.after)
    drawn = compared.flips(on, HERE)["gallery"].data["items"]
    shown = found.sort_values("confidence_after", ascending=False, kind="stable").head(desk.PAGE)
    assert len(drawn) == len(shown) > 1
    assert [item["name"].split(",")[0] for item in drawn] == [f"image {image}" for image in shown["image"]]
    assert all(item["source"].startswith("data:image/png;base64,") for item in drawn)
    assert len({item["source"] for item in drawn}) == len(drawn)


def test_inputs_that_are_no_pictures_are_rows(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "inputs", lambda position: np.zeros((5000, 30), np.float32))
    part = compared.flips(lies(store, Desk(picked=(1, 3))), HERE)["rows"]
    assert "no pictures" in part.data["note"]
    assert part.data["rows"]


def test_a_title_is_what_the_figures_say() -> None:
    table = pd.DataFrame({"class": [3, 8], "drop": [2.0, 5.0], "low": [-1.0, 1.0], "high": [5.0, 9.0]})
    assert verdicts.classes_title(table) == "Class 8 loses most: 5.0 points"
    assert verdicts.classes_title(table.assign(low=-1.0)) == "No class changes by more than chance"
    better = table.assign(drop=[-2.0, 0.0], low=-4.0, high=[-0.5, 1.0])
    assert verdicts.classes_title(better) == "Class 3 gains most: 2.0 points"
    assert verdicts.flips_title({"lost": 0, "gained": 0, "changed": 0}) == "No image is answered differently"
    assert verdicts.flips_title({"lost": 1, "gained": 0, "changed": 0}).startswith("1 image flipped: 1 lost")
    assert verdicts.differing_title(pd.DataFrame(), 2) == "The 2 recipes ask for the same"
    assert verdicts.changes_title({"median_change_after": 0.0}) == "Half of the images keep their scores exactly"


def test_the_list_says_size_accuracy_drop_and_what_the_recipe_does(store: Store) -> None:
    on = lies(store, Desk(picked=(1, 3)))
    lines = {line["number"]: line for line in compared.shelf_of(on, HERE).data["runs"]}
    assert lines[1]["dense"]
    assert (lines[1]["letter"], lines[2]["letter"], lines[3]["letter"]) == ("A", "", "B")
    report = on.listed[2].report
    assert lines[3]["right"].endswith(f"{100 * report['accuracy']:.1f} %")
    assert lines[3]["about"].startswith(verdicts.lost(on.listed[2], False))
    assert "fc1: 50.0 % removed by magnitude, 3 bits" in lines[3]["about"]
    assert shelf.WHAT == ("pick", "drop", "name", "note", "open", "delete")
