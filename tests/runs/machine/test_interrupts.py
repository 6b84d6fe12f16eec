"""Ctrl-C that a library swallows still ends the run."""

import signal
import threading
from collections.abc import Iterator

import pytest

from gencontrol.runs.machine.interrupts import check_interrupted, interruptible


def press_and_swallow() -> None:
    """What a bare `except:` in a module that is being imported does."""
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def usual_handler() -> Iterator[None]:
    """Python's own, which a test run in the background may lack; afterwards what was there."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_swallowed_interrupt_is_remembered() -> None:
    with interruptible():
        check_interrupted()
        press_and_swallow()
        with pytest.raises(KeyboardInterrupt):
            check_interrupted()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    check_interrupted()
    with interruptible():
        check_interrupted()


def test_an_ignored_signal_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interruptible():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        signal.raise_signal(signal.SIGINT)
        check_interrupted()


def test_other_threads_leave_the_handler_alone() -> None:
    seen = []

    def work() -> None:
        with interruptible():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
