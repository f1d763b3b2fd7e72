"""What a lesson measures: quick ones in the studio's turn while the page waits, slow ones in the background."""

import time
from collections.abc import Hashable, Iterator
from functools import lru_cache
from threading import Lock
from typing import NamedTuple

from core import jobs, lessons, live
from core.jobs import Job
from core.lessons import Lesson, Measured
from core.lessons.filling import Figure
from core.live import Studio
from core.pipeline import Study
from dashboard import offers, state, work
from dashboard.lessons.standing import Sitting
from dashboard.state import Position

WRONG = "wrong"
UNSEEN = 4.0  # seconds without a look at what is measured in the background, after which it ends


class Found(NamedTuple):
    """start: what a prediction is held against. now: with the control where it stands. Both None until measured."""

    start: Measured | None = None
    now: Measured | None = None
    running: bool = False
    trouble: str = ""


def studio_of(position: Position) -> Studio:
    """The position's model on its data, the first images left to calibrate on."""
    weights = offers.arguments().weights if position.model == offers.arguments().model else None
    return state.studio((position.model, weights), position.data, True, "keep")


@lru_cache(maxsize=256)
def why_not(studio: Studio, name: str) -> str:
    """Why the model cannot have a lesson, '' where it can."""
    return lessons.why_not(lessons.lesson(name), studio.study)


@lru_cache(maxsize=64)
def opening(studio: Studio, name: str) -> dict[str, Figure]:
    """The figures that a lesson's texts may name before anything is measured."""
    return studio.worker.submit(lessons.opening, lessons.lesson(name), studio.study).result()


@lru_cache(maxsize=128)
def at(studio: Studio, name: str, value: float) -> Measured:
    """What a quick lesson measures with its control at a value."""
    return studio.worker.submit(lessons.measured, lessons.lesson(name), studio.study, value).result()


def found(position: Position, lesson: Lesson, sitting: Sitting) -> Found:
    """What has been measured of what a sitting asked for; starts what has not."""
    if sitting.guess is None:
        return Found()
    if lesson.slow:
        return _in_the_background(position, lesson, sitting.value)
    studio = studio_of(position)
    try:
        start = at(studio, lesson.name, lesson.control.start)
        return Found(start, start if sitting.value is None else at(studio, lesson.name, sitting.value))
    except ValueError as error:
        return Found(trouble=f"{error}")


def wrong(position: Position, lesson: Lesson, sitting: Sitting) -> Found:
    """What the usual tutorial's version comes to, once it was asked for."""
    if not sitting.ran:
        return Found()
    if lesson.slow:
        job = _job(position, lesson, WRONG)
        return Found(now=_result(job), running=job.running, trouble=_trouble(job))
    try:
        return Found(now=_ran_wrong(studio_of(position), lesson.name))
    except ValueError as error:
        return Found(trouble=f"{error}")


@lru_cache(maxsize=32)
def _ran_wrong(studio: Studio, name: str) -> Measured:
    return studio.worker.submit(lessons.ran_wrong, lessons.lesson(name), studio.study).result()


@lru_cache(maxsize=2)
def aside(studio: Studio) -> tuple[Study, Lock]:
    """The studio's study with a model of its own, for the background, and whose turn it is: what one job measured of
    it the next need not."""
    return live.apart(studio), Lock()


def _key(position: Position, lesson: Lesson, value: float | str | None) -> tuple:
    weights = offers.arguments().weights if position.model == offers.arguments().model else None
    return "lesson", position.model, weights, position.data, lesson.name, value


def _in_the_background(position: Position, lesson: Lesson, value: float | None) -> Found:
    start = _job(position, lesson, None)
    first = _result(start)
    if first is None or value is None:
        return Found(first, first, start.running, _trouble(start))
    job = _job(position, lesson, value)
    return Found(first, _result(job), job.running, _trouble(job))


def _result(job: Job) -> Measured | None:
    return job.events[0] if job.events else None


def _trouble(job: Job) -> str:
    return job.trouble[0] if job.trouble else ""


def _job(position: Position, lesson: Lesson, value: float | str | None) -> Job:
    """The job of a lesson, or of its WRONG version; one that has failed is not tried again by itself."""
    key, studio = _key(position, lesson, value), studio_of(position)
    known, looked = work.find(key), _looked(key)
    looked[0] = time.monotonic()
    if known is not None and (known.events or not known.stopping.is_set()):
        return known

    def steps() -> Iterator[Measured]:
        study, turn = aside(studio)
        with turn:
            made = lessons.ran_wrong(lesson, study) if value == WRONG else lessons.measured(lesson, study, value)
        yield made

    return work.job(key, steps, lambda: time.monotonic() - looked[0] < UNSEEN)


@lru_cache(maxsize=256)
def _looked(key: Hashable) -> list[float]:
    """When a session last asked for what a key says: a lesson that everyone has left is measured no further."""
    return [0.0]


def running(position: Position, lesson: Lesson, sitting: Sitting) -> bool:
    """Whether something is being measured for a sitting."""
    asked = {None, sitting.value} if sitting.guess is not None else set()
    jobs_asked = [work.find(_key(position, lesson, each)) for each in (*asked, *([WRONG] if sitting.ran else []))]
    return any(job is not None and job.running and not job.stopping.is_set() for job in jobs_asked)


def cancel(position: Position, lesson: Lesson, sitting: Sitting) -> None:
    """End what is being measured for a sitting."""
    for value in (None, sitting.value):
        job = work.find(_key(position, lesson, value))
        if job and job.running:
            jobs.stop(job)
