"""Files that are written whole or not at all."""

import hashlib
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from gencontrol.errors import InputError


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path with the same suffix in the same folder; rename it to `path` when the block succeeds.

    The folder is made if there is none. If the block raises, the temporary file is removed and `path` is untouched.

    Raises:
        InputError: `path` is a folder, or lies below a file.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; expected the name of a file to write.")
    temporary = _sibling(path, suffix=path.suffix)
    try:
        # Made by open, not by tempfile, whose files nobody else could read.
        temporary.open("xb").close()
        usual = temporary.stat().st_mode
        yield temporary
        # safetensors puts a private file of its own in the place of the one that it is given.
        temporary.chmod(usual)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path, *, ours: Iterable[str] = ()) -> Iterator[Path]:
    """Yield a temporary sibling folder; it takes the place of `path` when the block succeeds.

    If the block raises, an existing folder is untouched.

    Args:
        path: The folder to write.
        ours: Patterns of file names, such as "*.png", and with a slash behind of folders', such as "unet/", that an
            existing folder may hold and lose. So that nobody's
            files are ever removed by a wrong path, a folder that holds anything else is refused before the block runs.

    Raises:
        InputError: `path` is a file, lies below one, or is a folder that holds anything but `ours`.
    """
    # "." has no name to put something beside, and cannot be renamed.
    path = path if path.name not in ("", "..") else path.resolve()
    check_replaceable(path, ours)
    temporary = _sibling(path)
    try:
        temporary.mkdir()
        yield temporary
        _open_up(temporary)
        _swap(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sha256(path: Path) -> str:
    """The file's SHA-256 digest in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sibling(path: Path, *, suffix: str = "") -> Path:
    """A path beside `path`, on the same disk and hidden, where nothing is yet; the folder around is made."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"{path} cannot be written: a folder on the way to it is a file.") from None
    return path.with_name(f".{path.stem}-{secrets.token_hex(6)}{suffix}")


def check_replaceable(path: Path, ours: Iterable[str]) -> None:
    """Refuse what `atomic_folder` refuses, before the work is done that is to be written.

    Args:
        path: The folder to write.
        ours: See `atomic_folder`.

    Raises:
        InputError: `path` is a file, or a folder that holds anything but `ours`.
    """
    patterns = tuple(ours)
    if path.is_file():
        raise InputError(f"{path} is a file; expected the name of a folder to write.")
    if not path.is_dir():
        return
    named = {entry.name: entry.name + "/" * entry.is_dir() for entry in path.iterdir()}
    others = sorted(name for name, full in named.items() if not any(fnmatch(full, p) for p in patterns))
    if others:
        raise InputError(f"{path} holds other things ({', '.join(others[:3])}): name a new folder.")


def _open_up(folder: Path) -> None:
    """Let those read a folder's files who may read the folder: safetensors makes files that nobody else may."""
    usual = folder.stat().st_mode & 0o666
    for file in folder.rglob("*"):
        if file.is_file():
            file.chmod(file.stat().st_mode | usual)


def _swap(new: Path, path: Path) -> None:
    if not path.exists():
        new.replace(path)
        return
    old = _sibling(path)
    path.replace(old)
    try:
        new.replace(path)
    except BaseException:
        old.replace(path)
        raise
    shutil.rmtree(old)
