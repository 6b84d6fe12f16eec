"""Files and folders that are not finished yet: what they are called, and whether anybody still writes them."""

import hashlib
import os
import re
import secrets
import shutil
import socket
import time
from pathlib import Path

_NAME = re.compile(r"\.gencontrol-tmp-(?P<host>[0-9a-f]{8})-(?P<process>\d+)-[0-9a-f]{12}(\..*)?")
"""The name says whose they are. It does not hold the finished file's, which may be as long as the disk allows."""
_LONGEST_SUFFIX = 16
"""Characters of a suffix that is kept: libraries read the format from it."""
_ABANDONED = 24 * 3600.0
"""Seconds after which another machine's is taken for abandoned: whether its process lives cannot be seen."""
_TICK = 1.0
"""Seconds by which the clocks of disks and processes may differ."""


def temporary_name(suffix: str = "") -> str:
    """A name that nothing else has, of this process."""
    kept = suffix if len(suffix) <= _LONGEST_SUFFIX else ""
    return f".gencontrol-tmp-{_this_host()}-{os.getpid()}-{secrets.token_hex(6)}{kept}"


def is_temporary(path: str | Path) -> bool:
    """Whether a path is, or lies in, what is not finished yet."""
    return any(_NAME.fullmatch(part) for part in Path(path).parts)


def remove_leftovers(folder: Path) -> None:
    """Remove from a folder what processes that were killed have left there.

    Raises:
        OSError: The folder cannot be read, or not be written in.
    """
    with os.scandir(folder) as entries:
        found = [(Path(entry), _NAME.fullmatch(entry.name)) for entry in entries if entry.name.startswith(".")]
    for path, name in found:
        if name is None or not _is_left(path, host=name["host"], process=int(name["process"])):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _this_host() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _is_left(path: Path, *, host: str, process: int) -> bool:
    import psutil

    try:
        made = path.lstat().st_mtime
        if host != _this_host():
            return time.time() - made > _ABANDONED
        maker = psutil.Process(process)
        # Numbers are given again: a process that began after the file was made is not its maker.
        return maker.status() == psutil.STATUS_ZOMBIE or maker.create_time() > made + _TICK
    except (psutil.NoSuchProcess, OverflowError):
        return True
    except (FileNotFoundError, psutil.AccessDenied):
        return False
