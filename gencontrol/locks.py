"""A folder that one run at a time writes to: who is there first holds it, until it ends or is killed."""

import errno
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gencontrol.errors import OutputError
from gencontrol.files import placing
from gencontrol.text_files import json_value

LOCK = ".gencontrol-lock"
"""The file that says who holds its folder."""
_HELD = (errno.EWOULDBLOCK, errno.EACCES)
_TRIES = 5
"""To make a folder that others take away."""
_LONGEST = 1000
"""Bytes that are read of what another run has written down."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder within the block, so that no other process does; it is made if there is none, and taken away again
    if it is empty in the end.

    The system lets go of what a process held that was killed, whatever it left behind. A process may hold a folder
    several times, and on disks that know no locks nothing is held.

    Raises:
        OutputError: Another process holds it; or it cannot be made or written in.
    """
    path, made = folder / LOCK, [place for place in (folder, *folder.parents) if not place.exists()]
    with placing(folder):
        descriptor = _taken(path)
    if descriptor is None:
        yield
        return
    try:
        yield
    finally:
        # Before it is let go: afterwards it may be another's.
        with suppress(OSError):
            path.unlink()
            # What was made for the lock alone goes with it: of a run that was refused nothing is left.
            for place in made:
                place.rmdir()
        os.close(descriptor)


def _taken(path: Path) -> int | None:
    """The open file by which this process holds a folder; None where it holds it already, or where nothing does."""
    while True:
        descriptor = _opened(path)
        try:
            if not _lock(descriptor):
                path.unlink(missing_ok=True)
                os.close(descriptor)
                return None
            if _is_there(path, descriptor):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, json.dumps(_this_process() | {"since": time.time()}).encode())
                return descriptor
        except BlockingIOError:
            holder = _read(descriptor)
            os.close(descriptor)
            if {name: holder.get(name) for name in _this_process()} == _this_process():
                return None
            raise OutputError(
                f"{path.parent} is in use: {_words(holder)}. Wait for its end, end it, or name another folder."
            ) from None
        except BaseException:
            os.close(descriptor)
            raise
        # Whoever held it has taken the file away since it was opened here.
        os.close(descriptor)


def _opened(path: Path) -> int:
    """Open a folder's lock, and make both where they are not there."""
    for _ in range(_TRIES):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Whoever made the folder and left nothing in it may have taken it away since.
        with suppress(FileNotFoundError):
            return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)


def _lock(descriptor: int) -> bool:
    """Lock an open file; False where neither the system nor its disk knows how.

    Raises:
        BlockingIOError: Another has.
    """
    try:
        import fcntl
    except ImportError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:
            raise BlockingIOError from error
        return False
    return True


def _is_there(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _this_process() -> dict[str, Any]:
    return {"host": socket.gethostname(), "process": os.getpid()}


def _read(descriptor: int) -> dict[str, Any]:
    """What a lock's file says; nothing where its holder has not written it yet."""
    try:
        said = json_value(os.pread(descriptor, _LONGEST, 0))
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _words(holder: dict[str, Any]) -> str:
    process, host, since = (holder.get(name) for name in ("process", "host", "since"))
    if not isinstance(process, int) or not isinstance(since, float):
        return "another process writes there"
    where = "" if host == socket.gethostname() else f" on {host}"
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(since))
    return f"process {process}{where} has been writing there since {began}"
