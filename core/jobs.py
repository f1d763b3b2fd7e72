"""Work that goes on in the background: an iterator in a thread of its own, which can pause, stop and fail alone."""

import os
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field

import torch


@dataclass(frozen=True, eq=False)
class Job:
    """What an iterator has yielded so far, and where it stands; read it from any thread.

    events: only ever appended to. trouble: one sentence about what ended it, if anything did. wanted: whether anyone
    still waits for it; once nobody does it stops by itself.
    """

    events: list[object] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    going: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    wanted: Callable[[], bool] = lambda: True

    @property
    def running(self) -> bool:
        """Whether more may come."""
        return not self.ended.is_set()

    @property
    def paused(self) -> bool:
        """Whether it waits for `go_on`."""
        return self.running and not self.going.is_set()


class Stopped(Exception):
    """Ends the work of a job that is to stop."""


OWN: ContextVar[Job | None] = ContextVar("the job that this thread runs", default=None)


def start(steps: Callable[[], Iterator[object]], name: str, wanted: Callable[[], bool] = lambda: True) -> Job:
    """A job that runs the iterator which `steps` makes, in a thread called `name`, on all processors but one."""
    job = Job(wanted=wanted)
    job.going.set()
    threading.Thread(target=_run, args=(job, steps), name=name, daemon=True).start()
    return job


def _run(job: Job, steps: Callable[[], Iterator[object]]) -> None:
    torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))
    OWN.set(job)
    try:
        for event in steps():
            job.events.append(event)
            job.going.wait()
            breathe()
    except Stopped:
        job.stopping.set()
    except (ValueError, OSError) as error:
        job.trouble.append(f"{error}")
    except Exception as error:  # a stranger's model may raise anything; it must not end anyone else's work
        job.trouble.append(f"it failed with {error!r}")
    finally:
        job.ended.set()


def breathe() -> None:
    """Ends the work of this thread's job here if it is to stop; long steps call it. Does nothing outside a job."""
    job = OWN.get()
    if job is not None and (job.stopping.is_set() or not job.wanted()):
        raise Stopped


def pause(job: Job) -> None:
    """Let it wait after the step that it is at."""
    job.going.clear()


def go_on(job: Job) -> None:
    """Let it go on after a pause."""
    job.going.set()


def stop(job: Job) -> None:
    """End it after the step that it is at; what came until then stays."""
    job.stopping.set()
    job.going.set()
