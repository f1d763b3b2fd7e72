import itertools
import threading
import time

import pytest

from core import jobs

SOON = 10  # seconds


def until(holds) -> None:
    end = time.monotonic() + SOON
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_job_yields_what_its_iterator_does_and_ends():
    job = jobs.start(lambda: iter(range(5)), "count")
    assert job.ended.wait(SOON)
    assert job.events == list(range(5))
    assert not job.running
    assert not job.trouble


def test_a_stopped_job_keeps_what_came_until_then():
    job = jobs.start(itertools.count, "count")
    until(lambda: len(job.events) > 3)
    jobs.stop(job)
    assert job.ended.wait(SOON)
    assert job.events == list(range(len(job.events)))


@pytest.mark.parametrize("how", ["stopped", "unwanted"])
def test_a_long_step_ends_where_it_breathes(how):
    begun, wanted = threading.Event(), threading.Event()

    def steps():
        while True:
            begun.set()
            jobs.breathe()
        yield

    job = jobs.start(steps, "long", lambda: not wanted.is_set())
    assert begun.wait(SOON)
    assert job.running
    jobs.stop(job) if how == "stopped" else wanted.set()
    assert job.ended.wait(SOON)
    assert (job.events, job.trouble) == ([], [])
    assert job.stopping.is_set()  # so that it is begun anew when someone asks again


def test_outside_a_job_nothing_ends():
    jobs.breathe()


def test_a_paused_job_waits_and_goes_on_where_it_was():
    step = threading.Semaphore(0)

    def steps():
        for number in range(4):
            step.acquire()
            yield number

    job = jobs.start(steps, "paused")
    step.release()
    until(lambda: job.events == [0])
    jobs.pause(job)
    step.release(3)
    time.sleep(0.05)
    assert len(job.events) <= 2  # one more step may have begun before the pause
    assert job.paused
    jobs.go_on(job)
    assert job.ended.wait(SOON)
    assert job.events == [0, 1, 2, 3]


def test_a_paused_job_can_be_stopped():
    job = jobs.start(itertools.count, "count")
    jobs.pause(job)
    jobs.stop(job)
    assert job.ended.wait(SOON)


@pytest.mark.parametrize(
    ("error", "said"), [(ValueError("no such layer"), "no such layer"), (KeyError("x"), "KeyError")]
)
def test_what_goes_wrong_is_a_sentence_and_ends_only_this_job(error, said):
    def steps():
        yield 1
        raise error

    job, other = jobs.start(steps, "fails"), jobs.start(lambda: iter([2]), "other")
    assert job.ended.wait(SOON)
    assert job.events == [1]
    assert said in job.trouble[0]
    assert other.ended.wait(SOON)
    assert other.events == [2]
