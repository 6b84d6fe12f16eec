"""The long runs of a server: one at a time, the others wait; each is its owner's, and outlives the page."""

import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gencontrol.errors import InputError, reason_of
from gencontrol.runs.radiance import CreationSettings
from gencontrol.studio.spatial.process import Handle, start_process
from gencontrol.studio.spatial.records import (
    OUTPUTS,
    OVER,
    Job,
    State,
    Status,
    read_job,
    read_state,
    write_job,
    write_state,
)

MOST_RUNS = 100
"""Of one owner."""
_LOG = logging.getLogger(__name__)
_PATIENCE = 5.0
"""Seconds that a process has to end when it is asked to."""
_UNKNOWN = "There is no such run: choose one of the list."
_ENDED = "the server ended while it went on."


@dataclass(frozen=True, kw_only=True)
class Run:
    """One of them."""

    name: str
    """A secret: who knows it, and is its owner, sees it."""
    folder: Path
    """Everything of it."""
    job: Job
    """What is asked for."""
    state: State
    """How far it is."""

    @property
    def result(self) -> Path | None:
        """The folder of a finished one's scene."""
        return self.folder / self.state.result if self.state.status == "done" else None


class SpatialRuns:
    """Holds the jobs, who waits, and the processes that go on."""

    def __init__(self, root: Path, *, start: Callable[[Path], Handle] = start_process, most: int = 1):
        """Folders lie in `root`, and those that are there are found again; `most` go on at one time."""
        self._root, self._start, self._most = root, start, most
        self._lock = threading.RLock()
        self._jobs: dict[str, Job] = {}
        self._waiting: deque[str] = deque()
        self._going: dict[str, tuple[Handle, threading.Thread]] = {}
        self._stopped: set[str] = set()
        self._closed = False
        root.mkdir(parents=True, exist_ok=True)
        for folder in root.iterdir():
            self._find_again(folder)

    def _find_again(self, folder: Path) -> None:
        """A run of a server that was here before."""
        try:
            job, state = read_job(folder), read_state(folder)
        except InputError:
            return
        self._jobs[folder.name] = job
        if state.status not in OVER:
            self._leave(folder.name, "failed", message=_ENDED)

    def begin(self, owner: str, settings: Callable[[Path], CreationSettings]) -> str:
        """Begin a run, or have it wait for its turn.

        Args:
            owner: Whose it is.
            settings: Given the folder in which results go, says what is wanted.

        Returns:
            Its name.

        Raises:
            GencontrolError: What `settings` raises; too many runs, or a server that ends.
        """
        name = secrets.token_urlsafe(12)
        folder = self._root / name
        job = Job(owner=owner, made=time.time(), settings=settings(folder / OUTPUTS))
        with self._lock:
            if self._closed:
                raise InputError("The server is ending: start it again, and then the run.")
            if sum(known.owner == owner for known in self._jobs.values()) >= MOST_RUNS:
                raise InputError(f"There are {MOST_RUNS} runs by now: start the server again, with another folder.")
            write_job(folder, job)
            self._jobs[name] = job
            self._leave(name, "waiting")
            self._waiting.append(name)
            self._next()
        return name

    def _next(self) -> None:
        """Begin what waits, as long as there is room; the lock is held."""
        while self._waiting and len(self._going) < self._most and not self._closed:
            name = self._waiting.popleft()
            try:
                handle = self._start(self._root / name)
            except OSError as error:
                self._leave(name, "failed", message=f"its process could not be started: {reason_of(error)}.")
                continue
            thread = threading.Thread(target=self._watch, args=(name, handle), daemon=True)
            self._going[name] = (handle, thread)
            thread.start()

    def _watch(self, name: str, handle: Handle) -> None:
        """Wait for a process' end, say how it went where it did not itself, and begin the next."""
        handle.join()
        with self._lock:
            try:
                if read_state(self._root / name).status not in OVER:
                    self._leave_ended(name, handle.exitcode)
            except (InputError, OSError) as error:
                # A damaged file, or a full disk: whoever waits goes on all the same.
                _LOG.warning("how the run %s ended could not be kept: %s", name, error)
            finally:
                del self._going[name]
                self._next()

    def _leave_ended(self, name: str, code: int | None) -> None:
        if name in self._stopped:
            self._leave(name, "stopped", message=_ENDED if self._closed else "")
            return
        text = f"the process of the run has ended ({code}), perhaps for lack of memory."
        self._leave(name, "failed", message=text)

    def stop(self, owner: str, name: str) -> Run:
        """End a run, or take it out of those that wait; one that is over stays as it is.

        Raises:
            InputError: The owner has none of that name.
        """
        self.find(owner, name)
        self._end(name)
        return self.find(owner, name)

    def _end(self, name: str) -> None:
        with self._lock:
            if name in self._waiting:
                self._waiting.remove(name)
                self._leave(name, "stopped", message=_ENDED if self._closed else "")
            going = self._going.get(name)
            if going is None:
                return
            self._stopped.add(name)
        handle, thread = going
        handle.terminate()
        thread.join(timeout=_PATIENCE)
        if thread.is_alive():
            handle.kill()
            thread.join(timeout=_PATIENCE)

    def find(self, owner: str, name: str) -> Run:
        """A run.

        Raises:
            InputError: The owner has none of that name: others' are as if they were not there.
        """
        job = self._jobs.get(name)
        if job is None or job.owner != owner:
            raise InputError(_UNKNOWN)
        return self.known(name)

    def known(self, name: str) -> Run:
        """A run, for who knows its name.

        Raises:
            InputError: There is none of that name, or it is damaged.
        """
        job = self._jobs.get(name)
        if job is None:
            raise InputError(_UNKNOWN)
        folder = self._root / name
        return Run(name=name, folder=folder, job=job, state=read_state(folder))

    def of(self, owner: str) -> list[Run]:
        """An owner's runs, the newest first."""
        with self._lock:
            names = [name for name, job in self._jobs.items() if job.owner == owner]
        found = []
        for name in names:
            try:
                found.append(self.find(owner, name))
            except InputError as error:
                # One that is damaged hides no other.
                _LOG.warning("%s", error)
        return sorted(found, key=lambda run: run.job.made, reverse=True)

    def ahead(self, name: str) -> int:
        """How many runs come before one that waits: those that go on, and those that wait longer."""
        with self._lock:
            return len(self._going) + self._waiting.index(name) if name in self._waiting else 0

    def close(self) -> None:
        """End all that go on, and wait until their processes are gone."""
        with self._lock:
            self._closed = True
            names = [*self._waiting, *self._going]
        for name in names:
            self._end(name)

    def _leave(self, name: str, status: Status, *, message: str = "") -> None:
        write_state(self._root / name, State(status=status, message=message, changed=time.time()))
