import csv
import io
import json
import random
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from core import pipeline, runs
from core.loading import load_data, load_model
from core.recipe import Recipe, Settings
from tests.core.runs import example, killing

MODEL, DATA = "tests.core.plain:model", "tests.core.plain:data"


@pytest.fixture
def store(tmp_path) -> runs.Store:
    return runs.open_store(tmp_path / "runs.sqlite")


def test_a_run_comes_back_equal(store):
    run = replace(
        example.run(3), name="mine", note="two\nlines", extra={"epochs": 3}, kind="recover", settings={"lr": 0.1}
    )
    number = runs.record(store, run, example.answers(3))
    back = runs.one(store, number)
    assert replace(back, number=0, at="") == run
    assert back.at.endswith("+00:00")
    found = runs.arrays(store, number)
    assert {name: array.dtype for name, array in found.items()} == {"predicted": np.uint8, "change": np.float32}
    for name, array in example.answers(3).items():
        assert np.array_equal(found[name], array)


def test_what_was_measured_is_found_again_and_nothing_else(store):
    runs.record(store, example.run(1))
    assert runs.find(store, runs.asked(example.SUBJECT, example.run(1).recipe)).report == example.run(1).report
    assert runs.find(store, example.run(2)) is None


def test_a_run_measured_again_keeps_its_number_name_and_note(store):
    number = runs.record(store, example.run(1), example.answers(1))
    runs.rename(store, number, "mine")
    runs.annotate(store, number, "why")
    again = replace(example.run(1), report={"accuracy": 0.5}, name="other")
    assert runs.record(store, again) == number
    back = runs.one(store, number)
    assert (back.name, back.note, back.report) == ("mine", "why", {"accuracy": 0.5})
    assert runs.arrays(store, number)
    assert len(runs.listed(store)) == 1


def test_a_deleted_run_is_gone_and_its_number_is_not_used_again(store):
    numbers = [runs.record(store, example.run(i), example.answers(i)) for i in range(3)]
    runs.delete(store, numbers[2])
    assert [run.number for run in runs.listed(store)] == numbers[:2]
    assert runs.arrays(store, numbers[2]) == {}
    assert runs.record(store, example.run(2)) > numbers[2]


@pytest.mark.parametrize(
    "change",
    [
        lambda s: runs.delete(s, 9),
        lambda s: runs.rename(s, 9, "x"),
        lambda s: runs.annotate(s, 9, "x"),
        lambda s: runs.one(s, 9),
    ],
)
def test_a_number_that_is_not_there_is_named(store, change):
    with pytest.raises(ValueError, match="run 9 is not in"):
        change(store)


@pytest.mark.parametrize(
    "same",
    [
        Recipe(Settings(sparsity=0.5, rank=1), {"fc": {"bits": 4}, "conv": {"rank": 1}}),
        Recipe(Settings(sparsity=0.5), {"conv": {}, "fc": {"bits": 4, "sparsity": 0.5}}),
        Recipe(Settings(sparsity=0.5), {"fc": {"bits": 4}}, model={"name": "other", "sha256": "d" * 64}),
    ],
)
def test_recipes_that_say_the_same_have_one_key(same):
    one = Recipe(Settings(sparsity=0.5), {"fc": {"bits": 4}})
    assert runs.asked(example.SUBJECT, same).key == runs.asked(example.SUBJECT, one).key


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(Settings(sparsity=0.6), {"fc": {"bits": 4}}),
        Recipe(Settings(sparsity=0.5), {"fc": {"bits": 3}}),
        Recipe(Settings(sparsity=0.5), {"fc2": {"bits": 4}}),
        Recipe(Settings(sparsity=0.5), {"fc": {"bits": 4}}, batchnorm="recalibrate"),
        Recipe(Settings(sparsity=0.5), {"fc": {"bits": 4}}, bias="correct"),
    ],
)
def test_recipes_that_differ_have_keys_that_differ(recipe):
    one = Recipe(Settings(sparsity=0.5), {"fc": {"bits": 4}})
    assert runs.asked(example.SUBJECT, recipe).key != runs.asked(example.SUBJECT, one).key


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model_sha256", "d" * 64),
        ("answers", "d" * 64),
        ("data_sha256", "d" * 64),
        ("calibration", "first 200"),
        ("seed", 1),
        ("versions", example.VERSIONS | {"torch": "3"}),
        ("versions", example.VERSIONS | {"report": "prunescope/report/2"}),
    ],
)
def test_figures_of_another_subject_are_not_found(field, value):
    other = replace(example.SUBJECT, **{field: value})
    assert runs.asked(other, Recipe()).key != runs.asked(example.SUBJECT, Recipe()).key


def test_kinds_and_their_settings_are_told_apart():
    asked = [("measured", {}), ("recover", {}), ("recover", {"epochs": 1}), ("recover", {"epochs": 2})]
    assert len({runs.asked(example.SUBJECT, Recipe(), *each).key for each in asked}) == 4


def test_models_with_the_same_weights_that_answer_differently_are_told_apart():
    data = load_data(DATA)
    subjects = [runs.subject(load_model(f"tests.core.sweep.models:{name}"), data) for name in ("relu", "tanh")]
    assert subjects[0].model_sha256 == subjects[1].model_sha256
    assert len({runs.asked(replace(subject, model="same"), Recipe()).key for subject in subjects}) == 2


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(Settings(sparsity=0.5, bits=4)),
        Recipe(batchnorm="recalibrate"),
        Recipe(Settings(sparsity=0.5, pattern="row"), shrink="remove"),
    ],
)
def test_a_measured_run_is_what_apply_reports(recipe):
    loaded, data = load_model(MODEL), load_data(DATA)
    study = pipeline.study(loaded, data, recipe)
    run, answers = runs.measured(study, runs.asked(runs.subject(loaded, data), recipe))
    applied = pipeline.apply(study, recipe)
    files = pipeline.files(study, recipe, applied, pipeline.measure(study, applied))
    assert run.report == json.loads(files["report.json"])
    assert json.loads(run.written) == json.loads(files["recipe.json"])
    assert (answers["predicted"] == answers["true"]).mean() == run.report["accuracy"]
    assert np.array_equal(answers["true"], data.targets[run.first_image :])


def test_arrays_that_would_need_pickle_are_refused(store):
    with pytest.raises(ValueError, match="its type is object"):
        runs.record(store, example.run(), {"odd": np.array([{}])})
    assert runs.listed(store) == []


def test_the_csv_holds_the_figures_and_the_recipe(store):
    runs.record(store, replace(example.run(2), name='a "name", with comma', note="two\nlines"))
    (row,) = csv.DictReader(io.StringIO(runs.to_csv(runs.listed(store))))
    assert (row["name"], row["note"]) == ('a "name", with comma', "two\nlines")
    assert float(row["accuracy"]) == example.run(2).report["accuracy"]
    assert (row["drop_ci95_low"], row["drop_ci95_high"]) == ("0.0", "1.0")
    assert json.loads(row["recipe"]) == json.loads(example.run(2).written)
    assert row["does"] == "threshold=2.0"


def test_the_json_holds_everything_but_arrays(store):
    runs.record(store, example.run(2), example.answers(2))
    document = json.loads(runs.to_json(runs.listed(store)))
    (run,) = document["runs"]
    assert document["format"] == "prunescope/runs/1"
    assert run["report"] == example.run(2).report
    assert run["recipe"] == json.loads(example.run(2).written)
    assert run["subject"]["model_sha256"] == example.SUBJECT.model_sha256


def test_what_was_kept_outlives_ten_kills_and_no_half_run_is_there(tmp_path):
    path, rng, kept = tmp_path / "runs.sqlite", random.Random(0), {}
    for kill in range(10):
        kept |= killing.killed(path, 1000 * kill, rng)
    assert killing.require_whole(path, kept) >= len(kept) >= 10


def test_two_processes_and_their_threads_write_to_one_file(tmp_path):
    path = tmp_path / "runs.sqlite"
    code = (
        "import sys; from concurrent.futures import ThreadPoolExecutor as Pool; from core import runs;"
        "from tests.core.runs import example; first = int(sys.argv[2]); store = runs.open_store(sys.argv[1]);"
        "list(Pool(4).map(lambda i: runs.record(store, example.run(i), example.answers(i)), range(first, first + 25)))"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path), str(first)]) for first in (0, 20)]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert killing.require_whole(path, {}) == 45  # five were measured by both


def test_whoever_reads_sees_whole_runs_while_others_write(store):
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(lambda: [runs.record(store, example.run(i), example.answers(i)) for i in range(20)])
        while not writing.done():
            for run in runs.listed(store):
                assert runs.arrays(store, run.number).keys() == {"predicted", "change"}
    assert len(writing.result()) == 20


def test_a_writer_waits_for_another_that_takes_its_time(store):
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other, ThreadPoolExecutor(1) as pool:
        other.execute("BEGIN IMMEDIATE")
        writing = pool.submit(runs.record, store, example.run())
        with pytest.raises(TimeoutError):
            writing.result(timeout=0.3)
        other.execute("COMMIT")
        assert writing.result(timeout=30) == 1


@pytest.mark.parametrize(
    "spoiled",
    [
        "report = 'no JSON'",
        "report = '[]'",
        f"report = '{'[' * 50_000}'",
        """report = json_set(report, '$.accuracy', '<b>x</b>')""",
        """report = json_set(report, '$.drop', json('null'))""",
        """subject = '{"a": 1}'""",
        """subject = json_set(subject, '$.versions', 1)""",
        "recipe = '1'",
        "settings = 'null'",
        "name = x'ff'",
    ],
)
def test_a_run_that_something_else_wrote_into_is_named_and_can_be_deleted(store, spoiled):
    runs.record(store, example.run(1))
    number = runs.record(store, example.run(2))
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute(f"UPDATE runs SET {spoiled} WHERE number = {number}")
    with pytest.raises(ValueError, match=rf"^run {number} of '.*' cannot be read .*; delete it with: runs delete"):
        runs.listed(store)
    runs.delete(store, number)
    assert len(runs.listed(store)) == 1


def test_a_recipe_that_another_program_wrote_is_named_by_its_run(store):
    number = runs.record(store, example.run(1))
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute("""UPDATE runs SET recipe = '{"format": "prunescope/recipe/9"}'""")
    with pytest.raises(ValueError, match=f"^run {number}: recipe: format is 'prunescope/recipe/9'"):
        _ = runs.one(store, number).recipe


def test_files_are_kept_with_their_run_and_go_with_it(store):
    files = {"model.safetensors": bytes(range(256)), "empty": b""}
    with_them, without = runs.record(store, example.run(1), files=files), runs.record(store, example.run(2))
    assert runs.files(store, with_them) == files
    assert runs.files(store, without) == {}
    assert runs.with_files(store) == {with_them}
    runs.record(store, example.run(1))
    assert runs.files(store, with_them) == files
    runs.delete(store, with_them)
    assert runs.files(store, with_them) == {}
    assert runs.with_files(store) == frozenset()


def test_a_store_of_before_there_were_files_takes_them(store):
    number = runs.record(store, example.run(1))
    assert runs.files(store, number) == {}
    assert runs.with_files(store) == frozenset()
    runs.record(store, example.run(1), files={"a": b"b"})
    assert runs.files(store, number) == {"a": b"b"}
