"""Jobs of the page: one for each thing that is measured, whoever asks."""

import threading
from collections.abc import Iterator

import pytest

from core import jobs
from dashboard import work


@pytest.fixture(autouse=True)
def _none_kept() -> Iterator[None]:
    work._kept.clear()
    yield
    work._kept.clear()


def test_a_key_is_measured_once() -> None:
    first = work.job(("a", 1), lambda: iter([1, 2]))
    assert first.ended.wait(10)
    assert work.job(("a", 1), lambda: iter([3])) is first is work.find(("a", 1))
    assert first.events == [1, 2]
    assert work.find(("a", 2)) is None


def _forever(gate: threading.Event) -> Iterator[int]:
    while True:
        yield 1
        gate.wait(10)


def _failing() -> Iterator[int]:
    yield 1
    raise ValueError("no")


def test_what_was_stopped_or_failed_starts_anew() -> None:
    gate = threading.Event()
    stopped = work.job("a", lambda: _forever(gate))
    jobs.stop(stopped)
    again = work.job("a", lambda: iter([2]))
    assert again is not stopped, "although its last step is not done"
    gate.set()
    assert stopped.ended.wait(10)
    jobs.stop(again)
    failed = work.job("a", _failing)
    assert failed is not stopped
    assert failed.ended.wait(10)
    assert work.job("a", lambda: iter([])) is not failed


def test_the_oldest_that_has_ended_goes_first_and_a_running_one_is_stopped() -> None:
    gate = threading.Event()
    running = work.job("first", lambda: _forever(gate))
    for number in range(work.MOST):
        assert work.job(number, lambda: iter([])).ended.wait(10)
    assert work.find("first") is running
    assert work.find(0) is None
    assert len(work._kept()[0]) == work.MOST
    others = [work.job(f"more {number}", lambda: _forever(gate)) for number in range(work.MOST)]
    assert work.find("first") is None
    assert running.stopping.is_set()
    for each in others:
        jobs.stop(each)
    gate.set()


def test_the_latest_of_some_jobs_is_the_one_that_runs_and_was_asked_for_last() -> None:
    gate = threading.Event()
    running = [work.job(key, lambda: _forever(gate)) for key in "ab"]
    ended = work.job("c", lambda: iter([]))
    assert ended.ended.wait(10)
    assert work.latest(["a", "b", "c"]) == "b"
    assert work.job("a", lambda: _forever(gate)) is running[0]
    assert work.latest(["a", "b", "c"]) == "a"
    assert work.latest(["c", "d"]) is None
    for each in running:
        jobs.stop(each)
    gate.set()


def test_jobs_whose_key_says_a_name_are_let_go_and_stopped() -> None:
    gate = threading.Event()
    named = work.job(("export", "upload:1:x", "digits"), lambda: _forever(gate))
    other = work.job(("export", "upload:2:x", "digits"), lambda: iter([1]))
    work.forget("upload:1:x")
    assert work.find(("export", "upload:1:x", "digits")) is None
    assert work.find(("export", "upload:2:x", "digits")) is other
    gate.set()
    assert named.ended.wait(10)
