"""Where a server says that it runs, and how a program of the same user knows that it is really this one.

A file that only its owner can read holds the address and the token. A stranger's program may have taken the port over
by the time: so the server first proves that it knows the token, and only then is it sent.
"""

import hashlib
import hmac
import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gencontrol import __version__
from gencontrol.errors import OutputError
from gencontrol.text_files import json_value

_LARGEST = 2**16


@dataclass(frozen=True, kw_only=True)
class Address:
    """A server that runs."""

    port: int
    """On this machine's own address."""
    token: str
    """What it lets in."""
    process: int
    """Its number."""
    version: str
    """See `code_version`."""


def code_version() -> str:
    """What a server and a program that uses it have to agree in: the version, and in a checkout the code itself."""
    # In a checkout they lie beside each other, installed one in the other.
    pipelines = find_spec(".pipelines", "gencontrol")
    assert pipelines is not None and pipelines.submodule_search_locations is not None
    roots = (Path(__file__).parents[2], *map(Path, pipelines.submodule_search_locations))
    changed = hashlib.sha256()
    for root in roots:
        for file in sorted(root.rglob("*.py")):
            about = file.stat()
            changed.update(f"{file.relative_to(root)} {about.st_size} {about.st_mtime_ns}\n".encode())
    return f"{__version__} {changed.hexdigest()[:16]}"


def folder_of_servers() -> Path:
    """Where servers of this user are written down: in the session's own folder if there is one, else in the cache."""
    session = os.environ.get("XDG_RUNTIME_DIR")
    if session and _is_own(Path(session)):
        return Path(session) / "gencontrol"
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "gencontrol"


@contextmanager
def written_down(address: Address) -> Iterator[Path]:
    """Within the block a file says where the server is; the one that started last is found.

    Raises:
        OutputError: A folder that others can write in, or that cannot be made.
    """
    folder = folder_of_servers()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error.strerror}.") from error
    path, temporary = folder / "server.json", folder / f".server-{secrets.token_hex(4)}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(address), file)
    temporary.replace(path)
    try:
        yield path
    finally:
        found = read_address(path)
        if found is not None and found.token == address.token:
            path.unlink(missing_ok=True)


def read_address(path: Path | None = None) -> Address | None:
    """What such a file says; None where there is none, or one that others can read or write, or that is no such file.

    Args:
        path: The file; None is where servers of this user are written down.
    """
    path = path or folder_of_servers() / "server.json"
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not _is_private(os.fstat(file.fileno())):
                return None
            said = json_value(file.read(_LARGEST))
        return Address(**{name: kind(said[name]) for name, kind in _KINDS.items()})
    except (OSError, ValueError, KeyError, TypeError):
        return None


_KINDS: dict[str, Any] = {"port": int, "token": str, "process": int, "version": str}


def _is_private(about: os.stat_result) -> bool:
    return stat.S_ISREG(about.st_mode) and about.st_uid == os.getuid() and not about.st_mode & 0o077


def _is_own(folder: Path) -> bool:
    try:
        about = folder.stat()
    except OSError:
        return False
    return stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid() and not about.st_mode & 0o077


def proof(token: str, question: str) -> str:
    """What only who knows the token can answer to a question that was never asked before."""
    return hmac.new(token.encode(), question.encode(), hashlib.sha256).hexdigest()
