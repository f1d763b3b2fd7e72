import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from core import pipeline, report, runs, sources, sweep
from core.loading import load_data, load_model
from core.recipe import Recipe, Settings
from core.sources import Sources
from core.sweep import Parcel, Place

DATA = "tests.core.plain:data"
RECIPES = [Recipe(Settings(sparsity=sparsity, bits=bits)) for sparsity in (0.25, 0.5) for bits in (2, 4)]
CALIBRATED = Recipe(Settings(sparsity=0.5), batchnorm="recalibrate")


def parcel(model: str = "tests.core.plain:model") -> Parcel:
    return Parcel(Sources(model, data=DATA), runs.subject(load_model(model), load_data(DATA)))


def place(folder: Path, workers: sweep.Workers, model: str = "tests.core.plain:model") -> Place:
    return Place(runs.open_store(folder / "runs.sqlite"), parcel(model), workers)


def figures(run: runs.Run) -> dict[str, object]:
    return {name: run.report[name] for name in ("accuracy", "drop", "bytes", "sparsity", "images", "macs")}


@pytest.mark.parametrize(
    "workers", [sweep.threads(1), sweep.threads(3), sweep.processes(2)], ids=["thread", "threads", "processes"]
)
def test_a_sweep_finds_what_one_recipe_after_the_other_does(tmp_path, workers):
    where, recipes = place(tmp_path, workers), [*RECIPES, CALIBRATED]
    outcomes = list(sweep.sweep(where, recipes))
    assert {outcome.fresh for outcome in outcomes} == {True}
    loaded, data = load_model(where.parcel.sources.model), load_data(DATA)
    for recipe in recipes:
        asked = runs.asked(where.parcel.subject, recipe)
        alone, answers = runs.measured(pipeline.study(loaded, data, recipe), asked)
        kept = runs.find(where.store, asked)
        assert figures(kept) == figures(alone)
        assert np.array_equal(runs.arrays(where.store, kept.number)["predicted"], answers["predicted"])


def test_each_recipe_is_measured_on_a_study_of_its_own_basis(tmp_path):
    coarse = Settings(bits=2, group="tensor")
    recipes = [Recipe(coarse, **beside) for beside in ({}, {"equalize": "ranges"}, {"bias": "correct"})]
    recipes.append(Recipe(coarse, equalize="ranges", batchnorm="recalibrate"))
    where = place(tmp_path, sweep.threads(1), "tests.core.sweep.models:relu")
    assert len(list(sweep.sweep(where, recipes))) == len(recipes)
    loaded, data = load_model(where.parcel.sources.model), load_data(DATA)
    for recipe in recipes:
        asked = runs.asked(where.parcel.subject, recipe)
        alone, _ = runs.measured(pipeline.study(loaded, data, recipe), asked)
        assert figures(runs.find(where.store, asked)) == figures(alone)
    drops = [run.report["accuracy"] for run in runs.listed(where.store)]
    assert len(set(drops)) == len(recipes)  # or the recipes could be taken for each other unseen


def test_a_sweep_goes_on_where_it_stopped(tmp_path):
    where = place(tmp_path, sweep.threads(1))
    running = sweep.sweep(where, RECIPES)
    first = next(running)
    running.close()
    kept = {run.number for run in runs.listed(where.store)}
    assert first.run.number in kept
    outcomes = list(sweep.sweep(where, RECIPES))
    assert {outcome.run.number for outcome in outcomes if not outcome.fresh} == kept
    assert len(runs.listed(where.store)) == len(outcomes) == len(RECIPES)
    assert not any(outcome.fresh for outcome in sweep.sweep(where, RECIPES))


def test_recipes_that_say_the_same_are_measured_once(tmp_path):
    where = place(tmp_path, sweep.threads(2))
    same = Recipe(Settings(sparsity=0.25, bits=2, rank=1), {"fc": {"bits": 2}})
    assert len(list(sweep.sweep(where, [RECIPES[0], same]))) == 1


def test_a_recipe_that_cannot_be_measured_is_named_and_the_others_go_on(tmp_path):
    where = place(tmp_path, sweep.threads(1))
    odd = Recipe(Settings(bits=2), {"nowhere": {"bits": 4}})
    outcomes = list(sweep.sweep(where, [odd, *RECIPES]))
    (failed,) = [outcome.failed for outcome in outcomes if outcome.failed]
    assert "nowhere bits=4" in failed
    assert len(runs.listed(where.store)) == len(RECIPES)


def test_a_recipe_that_kills_its_worker_is_named_and_the_others_go_on(tmp_path):
    where = place(tmp_path, sweep.processes(2), "tests.core.sweep.models:deadly")
    killer = Recipe(Settings(sparsity=0.9))
    outcomes = list(sweep.sweep(where, [RECIPES[0], killer, *RECIPES[1:]]))
    (failed,) = [outcome for outcome in outcomes if outcome.failed]
    assert failed.failed == "recipe 'sparsity=0.9': its worker died each of 3 times"
    assert outcomes[-1] == failed
    assert len(runs.listed(where.store)) == len(RECIPES)


def test_a_recipe_whose_worker_died_once_is_measured(tmp_path, monkeypatch):
    flag = tmp_path / "flag"
    flag.touch()
    monkeypatch.setenv("KILL_ONE", str(flag))
    where = place(tmp_path, sweep.processes(1), "tests.core.sweep.models:once")
    assert [outcome.failed for outcome in sweep.sweep(where, RECIPES)] == [""] * 4
    assert not flag.exists()
    assert len(runs.listed(where.store)) == 4


def test_the_processors_are_shared_evenly(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert [sweep.workers.processor_share(count) for count in (1, 2, 3, 8, 99)] == [8, 4, 2, 1, 1]


@pytest.mark.parametrize("make", [sweep.threads, sweep.processes])
def test_no_workers_are_refused(make):
    with pytest.raises(ValueError, match="workers is 0, expected 1 or more"):
        make(0)


def test_a_worker_with_another_model_says_so(tmp_path):
    held = parcel()
    other = Parcel(Sources("tests.core.sweep.models:relu", data=DATA), held.subject)
    (outcome,) = sweep.sweep(Place(runs.open_store(tmp_path / "runs"), other, sweep.threads(1)), RECIPES[:1])
    assert "worker: model of 'tests.core.sweep.models:relu' is relu here, expected model" in outcome.failed


def test_files_travel_with_the_parcel(tmp_path):
    data = load_data(DATA)
    npz = tmp_path / "images.npz"
    np.savez(npz, x=data.inputs, y=data.targets)
    model = "tests.core.plain:model"
    subject = runs.subject(load_model(model), load_data(str(npz)))
    packed = sweep.with_files(Parcel(Sources(model, data=str(npz)), subject))
    npz.unlink()
    asked = runs.asked(subject, RECIPES[0])
    assert sweep.measure(packed, asked.written).run.report["data"] == "images"


def test_a_sweep_prepares_its_data_and_takes_a_metric_as_apply_does(tmp_path):
    named = Sources("tests.core.plain:model", data=DATA, preprocess=("mean=0.25", "std=2"), metric="top5", device="cpu")
    loaded = sources.model_of(named)
    data = sources.data_of(named, loaded)
    store = runs.open_store(tmp_path / "runs.sqlite")
    there = Place(store, Parcel(named, runs.subject(loaded, data)), sweep.processes(1))
    (outcome,) = sweep.sweep(there, RECIPES[:1])
    study = pipeline.study(loaded, data, RECIPES[0])
    tally = pipeline.measure(study, pipeline.apply(study, RECIPES[0]))
    assert outcome.run.report["metric"] == report.metric(tally, tally.images)
    plain = Place(
        store, Parcel(Sources("tests.core.plain:model", data=DATA), runs.subject(loaded, data)), there.workers
    )
    assert sweep.asked(plain.parcel, RECIPES[0]).key != outcome.run.key


GRID = """{"format": "prunescope/grid/1", "grid": {"sparsity": [0.1, 0.2, 0.3, 0.4], "bits": [2, 3, 4]}}"""


@pytest.fixture
def command(tmp_path) -> Iterator[list[str]]:
    """A sweep of twelve slow recipes on two processes."""
    (tmp_path / "grid.json").write_text(GRID)
    kept = str(tmp_path / "runs.sqlite")
    named = ["--model", "tests.core.sweep.models:slow", "--data", DATA, "--grid", str(tmp_path / "grid.json")]
    return [sys.executable, "-m", "core", "sweep", *named, "--workers", "2", "--runs", kept]


def ended(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=20)[1]


def test_a_sweep_that_is_killed_leaves_no_worker_and_goes_on(tmp_path, command):
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        said = running.stdout.readline()
        children = psutil.Process(running.pid).children(recursive=True)
        running.send_signal(signal.SIGKILL)
    assert said.startswith("1 of 12: run 1,")
    assert ended(children)
    kept = len(runs.listed(runs.open_store(tmp_path / "runs.sqlite")))
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"{12 - kept} measured, {kept} kept from before" in again.stdout
    assert 0 < kept < 12


def test_an_interrupted_sweep_is_one_sentence(command):
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        running.stdout.readline()
        os.killpg(running.pid, signal.SIGINT)
        _, complaint = running.communicate(timeout=60)
    assert running.returncode == 2
    assert complaint.count("\n") == 1
    assert "the same command goes on from there" in complaint


def test_a_worker_that_is_killed_costs_no_recipe(command):
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        running.stdout.readline()
        time.sleep(0.2)
        workers = [
            child for child in psutil.Process(running.pid).children() if "spawn_main" in " ".join(child.cmdline())
        ]
        workers[0].kill()
        said, complaint = running.communicate(timeout=120)
    assert (running.returncode, complaint) == (0, "")
    assert len(workers) == 2
    assert "12 measured, 0 kept from before" in said
