"""What a server remembers of each visitor: a folder with a name that nobody guesses, and what lies in it."""

import secrets
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gencontrol.errors import InputError
from gencontrol.studio.scene.names import safe_name

MOST_SESSIONS = 200
"""Visitors at one time; each has a folder."""
MOST_FILES = 500
"""That one visitor sends."""
MOST_BYTES = 2**30
"""Of all of them together."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """A picture that a visitor works on."""

    path: Path
    """The file as it was sent."""
    shown: Path
    """A PNG of it for the page."""
    size: tuple[int, int]
    """(height, width) in pixels."""
    sha256: str
    """Of the file."""
    has_alpha: bool
    """Whether it has an alpha channel."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """A picture that was made."""

    path: Path
    """The file, with its record."""
    label: str
    """What stands below it."""
    settings: Mapping[str, Any]
    """Those of its run, by name."""
    first_seed: int
    """Of its run."""


class Session:
    """One visitor's page, from its opening to its end."""

    def __init__(self, name: str, folder: Path):
        """`name` is secret, who knows it is this visitor; `folder` holds everything of the visitor's."""
        self.name, self.folder = name, folder
        # What is worked on; and all pictures by the checksums of their files, so that a recalled one is found again.
        self.picture: Held | None = None
        self.pictures: dict[str, Held] = {}
        # Masks that were sent or recalled, by their names in the page.
        self.masks: dict[str, Path] = {}
        # Settings of the picture that was recalled last.
        self.recalled: Mapping[str, Any] = {}
        # The gallery, and the run that goes on.
        self.made: list[Made] = []
        self.cancelled = threading.Event()
        self._runs, self._received, self._bytes = 0, 0, 0
        # How many write into the folder, and what is done with it once the last of them is through.
        self._lock, self._users = threading.Lock(), 0
        self._end: Callable[[], None] | None = None

    @contextmanager
    def used(self) -> Iterator[None]:
        """Write into the folder within the block: a visit that is closed meanwhile takes it away only afterwards.

        Raises:
            InputError: The visit has been closed.
        """
        with self._lock:
            if self._end is not None:
                raise InputError("This page has been closed: load it again.")
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                end = None if self._users else self._end
            if end is not None:
                end()

    def close(self, end: Callable[[], None]) -> None:
        """End the run that goes on, and call `end` as soon as nobody writes into the folder."""
        with self._lock:
            self._end = end
            is_used = bool(self._users)
        self.cancelled.set()
        if not is_used:
            end()

    def place(self, name: str) -> Path:
        """A place for a file that is sent: below a folder of its own, so that it may keep its name.

        Raises:
            InputError: Too many files.
        """
        self._received += 1
        if self._received > MOST_FILES:
            raise InputError(f"More than {MOST_FILES} files were sent: open the page again.")
        folder = self.folder / "sent" / str(self._received)
        folder.mkdir(parents=True)
        return folder / safe_name(name)

    def receive(self, size: int) -> None:
        """Count bytes that are sent.

        Raises:
            InputError: Too many, all files together.
        """
        self._bytes += size
        if self._bytes > MOST_BYTES:
            raise InputError(f"More than {MOST_BYTES // 2**20} MB were sent: open the page again.")

    def next_run(self) -> Path:
        """A folder for the pictures of another run."""
        self._runs += 1
        folder = self.folder / "made" / str(self._runs)
        folder.mkdir(parents=True)
        return folder


class Sessions:
    """All visitors."""

    def __init__(self, root: Path, *, keeps: bool):
        """Folders lie in `root`; `keeps` leaves them there when visitors go."""
        self._root, self._keeps = root, keeps
        self._lock = threading.Lock()
        self._there: dict[str, Session] = {}

    def open(self) -> Session:
        """A new visitor.

        Raises:
            InputError: There are too many.
        """
        name = secrets.token_urlsafe(18)
        with self._lock:
            if len(self._there) >= MOST_SESSIONS:
                raise InputError(f"{MOST_SESSIONS} pages are open by now: close one of them.")
            session = self._there[name] = Session(name, self._root / name)
        session.folder.mkdir(parents=True)
        return session

    def find(self, name: str) -> Session:
        """A visitor.

        Raises:
            InputError: There is none of that name.
        """
        with self._lock:
            session = self._there.get(name)
        if session is None:
            raise InputError("This page is not known any more, the server was started anew: load it again.")
        return session

    def close(self, name: str) -> None:
        """End a visit: the run that goes on, and unless they are kept, the files."""
        with self._lock:
            session = self._there.pop(name, None)
        if session is None:
            return
        session.close(partial(self._take_away, session))

    def _take_away(self, session: Session) -> None:
        if not self._keeps or not session.made:
            shutil.rmtree(session.folder, ignore_errors=True)

    def names(self) -> Sequence[str]:
        """Of all visitors."""
        with self._lock:
            return list(self._there)
