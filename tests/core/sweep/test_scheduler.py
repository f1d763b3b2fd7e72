import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import dask
import pytest
from dask import distributed

from core import runs, sweep
from core.__main__ import main
from core.recipe import Recipe, Settings
from core.sweep import scheduler
from tests.core.sweep.test_sweep import CALIBRATED, DATA, GRID, RECIPES, figures, place

ASKING = """
import sys
from core import sweep
for address in sys.argv[1:]:
    try:
        sweep.cluster(address)
    except ValueError as error:
        print(error)
"""


def local(workers: int) -> distributed.LocalCluster:
    """Worker processes of a thread each, heard on this machine alone, without a dashboard."""
    quiet = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
    return distributed.LocalCluster(
        n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, scheduler_kwargs=quiet
    )


@pytest.fixture(scope="module")
def cluster() -> Iterator[distributed.LocalCluster]:
    """Two workers; Dask gives a recipe up that costs it two, and never a worker that starts again slowly."""
    patient = {"distributed.scheduler.allowed-failures": 1, "distributed.deploy.lost-worker-timeout": "1 hour"}
    with dask.config.set(patient), local(2) as made:
        yield made


def test_a_cluster_finds_what_threads_find(tmp_path, cluster):
    found = []
    for name, workers in (("one", sweep.cluster(cluster.scheduler_address)), ("other", sweep.threads(1))):
        (tmp_path / name).mkdir()
        where = place(tmp_path / name, workers)
        outcomes = list(sweep.sweep(where, [*RECIPES, CALIBRATED]))
        assert not any(outcome.failed for outcome in outcomes)
        found.append({outcome.run.key: figures(outcome.run) for outcome in outcomes})
    assert found[0] == found[1]


def loads(cluster: distributed.LocalCluster) -> dict[str, int]:
    """How many models each worker has loaded since it began."""
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
        return client.run(lambda: sweep.parcel._model.cache_info().misses)


def test_the_model_travels_once_a_worker(tmp_path, cluster):
    where, before = place(tmp_path, sweep.cluster(cluster.scheduler_address)), loads(cluster)
    for recipes in (RECIPES, [Recipe(Settings(bits=bits)) for bits in range(2, 8)], [CALIBRATED]):
        assert not any(outcome.failed for outcome in sweep.sweep(where, recipes))
    after = loads(cluster)
    assert all(after[worker] - before[worker] <= 1 for worker in before)


def test_the_command_line_hands_a_sweep_to_a_scheduler(capsys, tmp_path, cluster):
    (tmp_path / "grid.json").write_text(GRID)
    named = ["--model", "tests.core.plain:model", "--data", DATA, "--grid", str(tmp_path / "grid.json")]
    kept = ["--runs", str(tmp_path / "runs.sqlite")]
    assert main(["sweep", *named, "--scheduler", cluster.scheduler_address, *kept]) == 0
    assert "12 measured, 0 kept from before" in capsys.readouterr().out


def pids(cluster: distributed.LocalCluster) -> list[int]:
    """The processes of the workers that the scheduler knows."""
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
        return sorted(client.run(os.getpid).values())


def test_a_killed_worker_of_a_cluster_costs_no_recipe(tmp_path, cluster):
    before = pids(cluster)
    where = place(tmp_path, sweep.cluster(cluster.scheduler_address), "tests.core.sweep.models:slow")
    recipes = [Recipe(Settings(sparsity=0.1 * part, bits=bits)) for part in range(1, 6) for bits in (2, 3, 4)]
    running = sweep.sweep(where, recipes)
    outcomes = [next(running)]
    os.kill(before[0], signal.SIGKILL)
    outcomes += running
    assert len(outcomes) == len(recipes)
    assert not any(outcome.failed for outcome in outcomes)
    assert {run.key for run in runs.listed(where.store)} == {outcome.run.key for outcome in outcomes}
    assert before[0] not in pids(cluster)


def test_a_recipe_that_kills_the_workers_of_a_cluster_is_named(tmp_path, cluster):
    """The last one on this cluster: Dask may take a minute to start workers again that died as often."""
    where = place(tmp_path, sweep.cluster(cluster.scheduler_address), "tests.core.sweep.models:deadly")
    outcomes = list(sweep.sweep(where, [Recipe(Settings(sparsity=0.9)), *RECIPES]))
    (failed,) = [outcome.failed for outcome in outcomes if outcome.failed]
    assert "recipe 'sparsity=0.9': its worker died" in failed
    assert len(runs.listed(where.store)) == len(RECIPES)


def test_a_scheduler_that_does_not_answer_is_one_sentence(monkeypatch):
    monkeypatch.setattr(scheduler, "PATIENCE", 0.5)
    with pytest.raises(ValueError, match="scheduler 'tcp://127.0.0.1:9' does not answer") as refused:
        sweep.cluster("tcp://127.0.0.1:9")
    assert "\n" not in str(refused.value)


def test_what_is_no_address_is_one_line_each():
    """In a process of its own: what a library says when it lets go of things would come after the sentences."""
    addresses = ["nonsense", "nonsense://x", "127.0.0.1", "127.0.0.1:99999999", "tcp://:x", ""]
    done = subprocess.run([sys.executable, "-c", ASKING, *addresses], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    for said, address in zip(done.stdout.splitlines(), addresses, strict=True):
        assert said.startswith(f"scheduler '{address}' is no address (")


def test_a_sweep_whose_last_worker_has_gone_ends_with_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(scheduler, "PATIENCE", 1)
    monkeypatch.setattr(scheduler, "ABSENCE", 1)
    with local(1) as alone:
        where = place(tmp_path, sweep.cluster(alone.scheduler_address), "tests.core.sweep.models:slow")
        running = sweep.sweep(where, [Recipe(Settings(bits=bits)) for bits in range(2, 9)])
        kept = [next(running)]
        alone.scale(0)
        with pytest.raises(ValueError, match="has no workers, start some: dask worker tcp"):
            kept += running
        assert len(runs.listed(where.store)) == len(kept)


def test_a_scheduler_without_workers_is_one_sentence(monkeypatch):
    monkeypatch.setattr(scheduler, "PATIENCE", 0.5)
    with local(0) as empty, pytest.raises(ValueError, match="has no workers"):
        sweep.cluster(empty.scheduler_address)


def test_without_dask_a_sentence_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask", None)
    with pytest.raises(ValueError, match="pip install distributed"):
        sweep.cluster("tcp://127.0.0.1:8786")
