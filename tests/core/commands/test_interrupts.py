import signal
import threading

import pytest

from core.commands.interrupts import heard


@pytest.mark.parametrize("grace", [0, 1, 2])
def test_an_interrupt_is_noted_and_raised_after_the_grace(grace):
    with heard(grace) as noted:
        for count in range(1, grace + 1):
            signal.raise_signal(signal.SIGINT)
            assert len(noted) == count
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert len(noted) == grace + 1


def test_afterwards_interrupts_are_what_they_were():
    before = signal.getsignal(signal.SIGINT)
    with heard():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_outside_the_main_thread_nothing_changes():
    before, seen = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with heard() as noted:
            seen.append((signal.getsignal(signal.SIGINT) is before, noted))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(True, [])]
