"""A run measured batch by batch on a page's studio, and kept."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core import keeping, live, loading, pipeline, runs
from core.keeping import Kept
from core.live import Studio
from core.recipe import Recipe, Settings
from core.runs import Run, Store

RECIPES = (
    Recipe(),
    Recipe(Settings(sparsity=0.5, bits=4)),
    Recipe(Settings(sparsity=0.5, compensate="outputs"), bias="correct"),
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return runs.open_store(tmp_path / "runs.sqlite")


def opened(recipe: Recipe) -> tuple[Studio, Run]:
    loaded, data = loading.load_model("tests.core.plain:model"), loading.load_data("tests.core.plain:data")
    studio = live.opened(pipeline.study(loaded, data, recipe))
    return studio, runs.asked(runs.subject(loaded, data), recipe)


@pytest.mark.parametrize("recipe", RECIPES, ids=["dense", "codes", "calibrated"])
def test_what_is_kept_is_what_is_measured_in_one_pass(recipe: Recipe, store: Store) -> None:
    studio, run = opened(recipe)
    *shares, last = keeping.keeping(studio, run, store)
    assert shares[0] == 0.0
    assert shares[-1] == 1.0
    assert shares == sorted(shares)
    expected, answers = runs.measured(studio.study, run)
    assert runs.one(store, last.number).report == expected.report
    found = runs.arrays(store, last.number)
    assert found.keys() == answers.keys()
    assert all(np.array_equal(found[name], values) for name, values in answers.items())


def test_what_is_kept_with_answers_is_not_measured_again(store: Store) -> None:
    studio, run = opened(RECIPES[1])
    *_, first = keeping.keeping(studio, run, store)
    assert list(keeping.keeping(studio, run, store)) == [first]
    assert len(runs.listed(store)) == 1


def test_a_run_without_answers_is_measured_and_keeps_its_number_name_and_note(store: Store) -> None:
    studio, run = opened(RECIPES[1])
    measured, _ = runs.measured(studio.study, run)
    number = runs.record(store, replace(measured, name="mine", note="seen"))
    assert keeping.held(store, run) is None
    *_, last = keeping.keeping(studio, run, store)
    assert last == Kept(number)
    kept = keeping.held(store, run)
    assert (kept.number, kept.name, kept.note) == (number, "mine", "seen")


def test_several_runs_are_kept_in_turn_and_none_is_measured_twice(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, data = loading.load_model("tests.core.plain:model"), loading.load_data("tests.core.plain:data")
    wanted = [runs.asked(runs.subject(loaded, data), recipe) for recipe in RECIPES]
    numbers = list(keeping.all_kept(store, (loaded, data, None), wanted[1:]))
    assert [runs.one(store, number).key for number in numbers] == [run.key for run in wanted[1:]]
    assert all(runs.arrays(store, number) for number in numbers)
    measured = []
    monkeypatch.setattr(runs, "measured", lambda study, run: measured.append(run) or real(study, run))
    assert list(keeping.all_kept(store, (loaded, data, None), wanted))[1:] == numbers
    assert measured == wanted[:1]


real = runs.measured
