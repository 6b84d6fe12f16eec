"""Ctrl-C that is not lost: a library that catches everything while it is imported must not swallow it for good."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """A handler that raises KeyboardInterrupt as Python's own does, and remembers that it did."""

    def __init__(self) -> None:
        self.pressed = False

    def __call__(self, signal_number: int, frame: FrameType | None) -> None:
        """Called by Python for a SIGINT."""
        self.pressed = True
        raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[None]:
    """Remember a Ctrl-C within the block, for `check_interrupted`; one that is ignored stays so."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, Interrupts())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def check_interrupted() -> None:
    """Stop here if Ctrl-C was pressed before and a library swallowed it.

    Raises:
        KeyboardInterrupt: It was.
    """
    handler = signal.getsignal(signal.SIGINT)
    if isinstance(handler, Interrupts) and handler.pressed:
        raise KeyboardInterrupt
