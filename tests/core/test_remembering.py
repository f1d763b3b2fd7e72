import csv
import io
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from core import remembering, runs
from core.recipe import from_json, to_json
from core.remembering import Noted, past, searching
from core.runs import Store, searches
from core.search import Confirmed, Goal, Opened, Point, Progress, lab
from tests.core.runs import example
from tests.core.search.test_search import noise

GOAL = Goal(drop=5.0, seconds=600)
FEW = 6  # recipes: enough to have one layer alone, whole recipes and the search for the goal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite"


def on() -> tuple:
    return *noise(300), None


def opening(path: Path) -> Callable[[], Store]:
    return lambda: runs.open_store(path)


def searched(path: Path, goal: Goal = GOAL, each: Callable[[list[Point]], None] = lambda points: None) -> list:
    """The events of a search that ends after a few recipes. each: called after every step with the points so far."""
    events: list = []
    for event in searching(on, goal, opening(path), lambda: len(points(events)) >= FEW):
        events.append(event)
        each(points(events))
    return events


def points(events: list) -> list[Point]:
    return [event.point for event in events if isinstance(event, Progress) and event.point]


def confirmed(events: list) -> tuple[Point, ...]:
    return next(event.points for event in events if isinstance(event, Confirmed))


def noted(events: list) -> Noted:
    return next(event for event in reversed(events) if isinstance(event, Noted))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was really measured: recipes on all images, and single layers."""
    found: list[str] = []
    measured, alone = lab.measured, lab.alone

    def whole(study, recipe, encoded):
        found.append(to_json(recipe))
        return measured(study, recipe, encoded)

    def single(study, layer, settings, wanted):
        found.append(f"{layer.name} {settings}")
        return alone(study, layer, settings, wanted)

    monkeypatch.setattr(lab, "measured", whole)
    monkeypatch.setattr(lab, "alone", single)
    return found


def test_every_recipe_is_kept_with_its_figures_and_the_images_it_was_measured_on(path):
    events = searched(path)
    kept = past(runs.open_store(path), noted(events).number)
    assert list(kept.points) == points(events)
    assert kept.confirmed == confirmed(events)
    assert kept.goal == GOAL
    assert kept.search.subject == runs.subject(*on())
    assert noted(events).why == ""


def test_the_same_search_again_measures_nothing_twice(path, asked):
    first = searched(path)
    before = len(asked)
    again = searched(path)
    assert points(again) == points(first)
    assert confirmed(again) == confirmed(first)
    assert noted(again).known == FEW
    assert [text for text in asked[before:] if text in asked[:before]] == []
    both = [past(runs.open_store(path), number) for number in (1, 2)]
    assert both[0].points == both[1].points


@pytest.mark.parametrize("other", [Goal(drop=5.0, seconds=600, seed=1), Goal(bytes=3000, seconds=600)])
def test_figures_are_known_on_the_same_images_whatever_is_asked_and_on_no_others(path, other):
    searched(path)
    assert (noted(searched(path, other)).known > 1) == (other.seed == GOAL.seed)


def test_what_came_before_a_step_is_in_the_store_when_the_next_one_comes(path, monkeypatch):
    monkeypatch.setattr(remembering, "SECOND", 0.0)
    seen: list[int] = []

    def look(found: list[Point]) -> None:
        listed = searches.listed(runs.open_store(path))
        kept = past(runs.open_store(path), 1).points if listed else ()
        assert list(kept) in (found, found[:-1])
        seen.append(len(kept))

    searched(path, each=look)
    assert max(seen) >= FEW - 1


def test_a_search_that_is_left_in_the_middle_is_kept_to_there(path, monkeypatch):
    monkeypatch.setattr(remembering, "SECOND", 1e9)  # nothing but its end makes it write
    steps = searching(on, GOAL, opening(path), lambda: False)
    found: list[Point] = []
    for step in steps:
        found += points([step])
        if len(found) == FEW:
            break
    steps.close()
    assert list(past(runs.open_store(path), 1).points) == found


def delete(path: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


def overwrite(path: Path) -> None:
    delete(path)
    path.write_text("something else")


@pytest.mark.parametrize("harm", [delete, overwrite])
def test_a_store_that_is_lost_on_the_way_ends_no_search_and_a_new_one_takes_all_of_it(path, harm, monkeypatch):
    monkeypatch.setattr(remembering, "SECOND", 0.0)
    monkeypatch.setattr(remembering, "LATER", 0.0)
    steps: list[int] = []

    def trouble(found: list[Point]) -> None:
        steps.append(len(found))
        if len(found) == 2 and steps.count(2) == 1:
            harm(path)
        if len(found) == 4 and harm is overwrite and steps.count(4) == 1:
            delete(path)

    events = searched(path, each=trouble)
    told = [event.why for event in events if isinstance(event, Noted) and event.why]
    assert all("is no database" in why and "\n" not in why for why in told)
    assert bool(told) == (harm is overwrite)
    assert list(past(runs.open_store(path), noted(events).number).points) == points(events)


def test_a_store_that_another_holds_ends_no_search(path, monkeypatch):
    monkeypatch.setattr(remembering, "SECOND", 0.0)
    monkeypatch.setattr(remembering, "LATER", 0.0)
    store = replace(runs.open_store(path), patience=0.05)
    monkeypatch.setattr(runs, "open_store", lambda path: store)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        held = [True]

        def release(found: list[Point]) -> None:
            if len(found) == 3 and held:
                held.pop()
                other.execute("ROLLBACK")

        events = searched(path, each=release)
    told = [event.why for event in events if isinstance(event, Noted) and event.why]
    assert told
    assert all("locked" in why for why in told)
    assert list(past(runs.open_store(path), noted(events).number).points) == points(events)


def test_without_any_store_a_search_finds_the_same_and_says_why_it_is_not_kept(tmp_path):
    (tmp_path / "text").write_text("something else")
    events = searched(tmp_path / "text")
    assert len(points(events)) == FEW
    assert confirmed(events)
    assert noted(events).number == 0
    assert "is no database" in noted(events).why
    assert isinstance(events[1], Opened)


def test_figures_that_are_none_are_measured_again_and_mended(path):
    events = searched(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute('UPDATE points SET figures = \'{"bytes": "many"}\' WHERE number % 3 = 0')
        other.execute("UPDATE points SET figures = 'none' WHERE number % 3 = 1")
    assert len(past(runs.open_store(path), 1).points) < FEW
    again = searched(path)
    assert points(again) == points(events)
    assert list(past(runs.open_store(path), 1).points) == points(events)


def test_a_store_of_runs_alone_is_read_as_before(path):
    store = runs.open_store(path)
    number = runs.record(store, example.run(1))
    assert searches.listed(store) == []
    with pytest.raises(ValueError, match="search 1 is not in"):
        past(store, 1)
    searched(path)
    assert runs.one(store, number).key == example.run(1).key
    assert [search.number for search in searches.listed(store)] == [1]


def test_a_search_that_is_forgotten_takes_only_what_no_other_measured(path):
    searched(path)
    searched(path)
    store = runs.open_store(path)
    before = past(store, 2)
    searches.forget(store, 1)
    assert past(store, 2) == before
    searches.forget(store, 2)
    assert searches.listed(store) == []
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT count(*) FROM points").fetchone() == (0,)
    with pytest.raises(ValueError, match="search 2 is not in"):
        searches.forget(store, 2)


def test_what_is_exported_is_what_was_measured_and_on_which_images(path):
    kept = past(runs.open_store(path), noted(searched(path)).number)
    lines = list(csv.DictReader(io.StringIO(remembering.to_csv(kept))))
    document = json.loads(remembering.as_json(kept))["measured on"]
    for images, expected in (("the searching images", kept.points), ("the confirming images", kept.confirmed)):
        own = [line for line in lines if line["measured_on"] == images]
        assert [int(line["bytes"]) for line in own] == [point.bytes for point in expected]
        assert [float(line["drop"]) for line in own] == [point.drop for point in expected]
        assert [from_json(line["recipe"]) for line in own] == [point.recipe for point in expected]
        assert [row["divergence"] for row in document[images]] == [point.divergence for point in expected]


def test_a_search_whose_goal_cannot_be_read_says_how_to_be_rid_of_it(path):
    searched(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE searches SET goal = '{\"drop\": -1}'")
    with pytest.raises(ValueError, match=r"search 1 of .* cannot be read .*; runs forget 1"):
        past(runs.open_store(path), 1)
