"""What an interrupt does to a command that works for minutes: the work ends, and what was done until then is kept."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def heard(grace: int = 0) -> Iterator[list[int]]:
    """A list that notes every interrupt; those after the first `grace` are raised too.

    Noted beside the exception because one that is raised in a finalizer is lost. Nothing changes outside the main
    thread, where no interrupt arrives.
    """
    noted: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        """Note an interrupt, and raise it once the grace is used up."""
        noted.append(number)
        if len(noted) > grace:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield noted
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)
