"""Things that are lent to one at a time: who comes first is served first."""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

Thing = TypeVar("Thing")
_POLL = 0.2
"""Seconds between two looks at whether who waits still wants it."""


class _Ticket(Generic[Thing]):
    """Of one who waits."""

    def __init__(self) -> None:
        self.thing: Thing | None = None
        self.ready = threading.Event()


class Turns(Generic[Thing]):
    """Holds the things, and who waits for one.

    Not a `queue.Queue`: who asks it again and again, in order to look meanwhile whether it is still wanted, stands at
    the end of the line each time, and may wait for as long as others come.
    """

    def __init__(self, things: Sequence[Thing]):
        """All of them are idle."""
        self._lock = threading.Lock()
        self._idle = list(things)
        self._waiting: deque[_Ticket[Thing]] = deque()

    @contextmanager
    def borrowed(self, cancelled: threading.Event) -> Iterator[Thing | None]:
        """One of the things, within the block, once all who came before have had theirs.

        Args:
            cancelled: Is set when it is not wanted any more.

        Yields:
            None where that was so before it came.
        """
        thing = self._wait(cancelled)
        try:
            yield thing
        finally:
            if thing is not None:
                self._give_back(thing)

    def _wait(self, cancelled: threading.Event) -> Thing | None:
        ticket: _Ticket[Thing] = _Ticket()
        with self._lock:
            # While somebody waits nothing is idle.
            if self._idle:
                return self._idle.pop()
            self._waiting.append(ticket)
        while not cancelled.is_set() and not ticket.ready.wait(_POLL):
            pass
        with self._lock:
            if ticket.thing is None:
                self._waiting.remove(ticket)
        return ticket.thing

    def _give_back(self, thing: Thing) -> None:
        with self._lock:
            if not self._waiting:
                self._idle.append(thing)
                return
            ticket = self._waiting.popleft()
            ticket.thing = thing
        ticket.ready.set()
