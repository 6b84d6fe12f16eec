"""The process that keeps the model, as its server sees it, and what runs in it.

A process of its own: a run neither makes the page slow nor can take it along, and its folder and its warnings, which
are a process's, are the run's alone.
"""

import json
import logging
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection
from typing import Any, Protocol, runtime_checkable

from tqdm import tqdm

from gencontrol.runs.notices import quiet_loggers
from gencontrol.studio.environment import environment
from gencontrol.studio.warm.turns import Turns

CANCEL = b"cancel"
"""What a server sends to end the run."""
_POLL = 0.2
"""Seconds between two looks at whether a run is to end, where it says nothing."""
_GRACE = 5.0
"""Seconds that one waits for a process that has ended, or was told to."""
_PATIENT = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
"""Unless they are set: threads that spin while they wait would cost the browser, and each other, their core."""
_LOG = logging.getLogger(__name__)


def work(connection: Connection) -> None:
    """Carry out jobs one after another, until the server is gone."""
    # Ctrl-C reaches all processes of a terminal: the server ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The lock that tqdm makes for itself is a semaphore of the system's, which a process that is ended leaves behind.
    tqdm.set_lock(threading.RLock())
    quiet_loggers()
    from gencontrol.studio.warm.jobs import Stopped, carry_out
    from gencontrol.studio.warm.kept import Kept

    kept = Kept()

    def tell(message: Mapping[str, Any]) -> None:
        connection.send_bytes(json.dumps(message).encode())

    def check() -> None:
        if connection.poll() and connection.recv_bytes() == CANCEL:
            raise Stopped

    while True:
        try:
            text = connection.recv_bytes()
            if text == CANCEL:
                # Of a run that was over by then.
                continue
            carry_out(json.loads(text), kept, tell, check)
        except (EOFError, BrokenPipeError, ConnectionError):
            return
        except Exception as error:
            # A fault of ours: whoever started the run is told in a line, and the log has where it was.
            traceback.print_exc()
            line = f"{type(error).__name__}: {error}".splitlines()[0]
            tell({"kind": "error", "type": "Fault", "message": f"a fault of gencontrol ended the run ({line})."})


@runtime_checkable
class Runner(Protocol):
    """What carries runs out."""

    def run(self, job: Mapping[str, Any], cancelled: threading.Event | None = None) -> Iterator[dict[str, Any]]:
        """See `Worker.run`."""
        ...


class Worker:
    """Such a process."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._closed = False
        self._start()

    def _start(self) -> None:
        self._connection, theirs = self._context.Pipe()
        self._process = self._context.Process(target=work, args=(theirs,), daemon=True)
        with environment({name: os.environ.get(name, value) for name, value in _PATIENT.items()}):
            self._process.start()
        theirs.close()

    def run(self, job: Mapping[str, Any], cancelled: threading.Event) -> Iterator[dict[str, Any]]:
        """Have a job carried out.

        Args:
            job: See `gencontrol.studio.warm.jobs.carry_out`.
            cancelled: Is set when the run is to end: it does so at its next step.

        Yields:
            What the run tells; the last message is of the kind `done` or `error`.
        """
        over = False
        try:
            self._connection.send_bytes(json.dumps(job).encode())
            told = False
            while not over:
                if cancelled.is_set() and not told:
                    told = True
                    self._connection.send_bytes(CANCEL)
                if self._connection.poll(_POLL):
                    message = json.loads(self._connection.recv_bytes())
                    over = message["kind"] in ("done", "error")
                    yield message
        except (EOFError, OSError):
            over = True
            yield self._died()
        finally:
            if not over:
                # Whoever listened is gone.
                self._drain()

    def _drain(self) -> None:
        """Have the run ended, and take what it still tells."""
        try:
            self._connection.send_bytes(CANCEL)
            while json.loads(self._connection.recv_bytes())["kind"] not in ("done", "error"):
                pass
        except (EOFError, OSError):
            self._died()

    def _died(self) -> dict[str, Any]:
        if self._closed:
            return {"kind": "error", "type": "Stopped", "message": "the server has ended."}
        self._process.join(timeout=_GRACE)
        code = self._process.exitcode
        _LOG.warning("the process that draws has ended (%s) and is started again", code)
        self._connection.close()
        self._start()
        text = f"the process that draws has ended ({code}), perhaps for lack of memory; it is started again."
        return {"kind": "error", "type": "Fault", "message": text}

    def close(self) -> None:
        """End it, and the run in it."""
        self._closed = True
        self._connection.close()
        self._process.terminate()
        self._process.join(timeout=_GRACE)


class Pool:
    """The workers of a server; each has one run at a time, and who comes while all are busy waits for their turn."""

    def __init__(self, count: int):
        """As many runs at one time."""
        self._workers = [Worker() for _ in range(count)]
        self._turns = Turns(self._workers)

    def run(self, job: Mapping[str, Any], cancelled: threading.Event | None = None) -> Iterator[dict[str, Any]]:
        """See `Worker.run`."""
        cancelled = cancelled or threading.Event()
        with self._turns.borrowed(cancelled) as worker:
            if worker is None:
                yield {"kind": "error", "type": "Stopped", "message": "stopped."}
                return
            yield from worker.run(job, cancelled)

    def warm_up(self, job: Mapping[str, Any], failed: Callable[[dict[str, Any]], None]) -> None:
        """Have every worker do a job, all at once, while nobody waits for it.

        Args:
            job: See `Worker.run`.
            failed: Is given the message of each that ends in an error, in a thread of its own.
        """

        def do() -> None:
            for message in self.run(job):
                if message["kind"] == "error":
                    failed(message)

        for _ in self._workers:
            threading.Thread(target=do, daemon=True).start()

    def close(self) -> None:
        """End all of them."""
        for worker in self._workers:
            worker.close()
