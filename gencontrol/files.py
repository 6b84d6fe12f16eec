"""Files that are written whole or not at all, and never over what nobody asked to be written over."""

import errno
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from gencontrol.disks import instead_of, refusal
from gencontrol.errors import GencontrolError, InputError, OutputError, reason_of
from gencontrol.temporaries import remove_leftovers, temporary_name
from gencontrol.text_files import check_no_address

_ENDINGS = frozenset(
    f".{kind}"
    for kind in "csv gif glb jpeg jpg json jsonl mov mp4 npy obj onnx pt pth ply png safetensors stl usdz webp".split()
)
"""Of what is written here: a file that is called so was to have a name before it, and is hidden without."""
_SYSTEM_FOLDERS = (Path("/dev"), Path("/proc"), Path("/sys"))
"""Where files are the system's own; /dev/shm, which is for everybody, lies in one of them."""


@contextmanager
def atomic_file(path: Path, *, exclusive: bool = False) -> Iterator[Path]:
    """Yield a temporary path with the same suffix in the same folder; rename it to `path` when the block succeeds.

    The folder is made if there is none. If the block raises, the temporary file is removed and `path` is untouched.
    What a killed process has left in the folder is removed too.

    Args:
        path: The file to write.
        exclusive: Whether a file that has come to lie at `path` meanwhile, of another process say, is kept.

    Raises:
        InputError: `path` is a folder, a device or a pipe, or lies below a file.
        OutputError: A full disk, a name that is too long, a folder that may not be written in; with `exclusive`, a file
            that is there.
    """
    check_target(path)
    temporary = _sibling(path, suffix=path.suffix)
    with writing(path), instead_of(temporary, path):
        try:
            # Made by open, not by tempfile, whose files nobody else could read.
            temporary.open("xb").close()
            usual = temporary.stat().st_mode
            yield temporary
            # safetensors puts a private file of its own in the place of the one that it is given.
            temporary.chmod(usual)
            _place(temporary, path, exclusive=exclusive)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path, *, ours: Iterable[str] = (), exclusive: bool = False) -> Iterator[Path]:
    """Yield a temporary sibling folder; it takes the place of `path` when the block succeeds.

    If the block raises, an existing folder is untouched. A link is followed: what it leads to is replaced.

    Args:
        path: The folder to write.
        ours: Patterns of file names, such as "*.png", and with a slash behind of folders', such as "unet/", that an
            existing folder may hold and lose. So that nobody's
            files are ever removed by a wrong path, a folder that holds anything else is refused before the block runs.
        exclusive: Whether a folder with anything in it that has come to lie at `path` meanwhile is kept.

    Raises:
        InputError: `path` is a file, lies below one, or is a folder that holds anything but `ours`.
        OutputError: A full disk, a name that is too long, a folder that may not be written in; with `exclusive`, a
            folder that is there.
    """
    # "." has no name to put something beside, and cannot be renamed; a link is not what is to be replaced.
    path = resolved(path) if path.name in ("", "..") or path.is_symlink() else path
    check_replaceable(path, ours)
    temporary = _sibling(path)
    with writing(path), instead_of(temporary, path):
        try:
            temporary.mkdir()
            yield temporary
            _open_up(temporary)
            _swap(temporary, path, exclusive=exclusive)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say in one way what each library says in its own of a disk that is full, where the block writes `path`.

    Raises:
        OutputError: The disk is full, its owner's share of it used up, or it takes no files of this size.
    """
    try:
        yield
    except GencontrolError:
        raise
    except Exception as error:
        reason = refusal(error)
        if reason is None:
            raise
        raise OutputError(f"{path} cannot be written: {reason}.") from error


def sha256(path: Path) -> str:
    """The file's SHA-256 digest in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def resolved(path: Path) -> Path:
    """The path without links and dots.

    Raises:
        InputError: Links that lead in a circle, or a path that cannot be one.
    """
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        # Python 3.11 raises RuntimeError at a circle, and ValueError at a zero byte.
        raise InputError(f"{path} leads nowhere: {reason_of(error)}.") from error


def is_taken(path: Path) -> bool:
    """Whether a file lies there that a new one would take the place of; a link that leads nowhere is one too."""
    return os.path.lexists(path) and not path.is_dir()


def check_target(path: Path) -> None:
    """Refuse what `atomic_file` refuses, before the work is done that is to be written; nothing is made.

    Raises:
        InputError: `path` is an address, an ending alone, a folder, a device, a pipe or a socket, or lies where the
            system's own files lie.
        OutputError: A name that is too long, or a folder that may not be looked at.
    """
    _check_here(path, "the name of a file to write")
    with placing(path):
        try:
            mode = path.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            mode = stat.S_IFREG
    if stat.S_ISDIR(mode):
        raise InputError(f"{path} is a folder; expected the name of a file to write.")
    if not stat.S_ISREG(mode):
        raise InputError(f"{path} is a device, a pipe or a socket; expected the name of a file to write.")
    if _is_system(resolved(path.parent)):
        raise InputError(f"{path} is the system's own; expected the name of a file to write.")


def check_replaceable(path: Path, ours: Iterable[str]) -> None:
    """Refuse what `atomic_folder` refuses, before the work is done that is to be written.

    Args:
        path: The folder to write.
        ours: See `atomic_folder`.

    Raises:
        InputError: `path` is an address or a file, lies where the system's own files lie, or is a folder that holds
            anything but `ours`.
        OutputError: A name that is too long, or a folder that may not be looked at.
    """
    patterns = tuple(ours)
    _check_here(path, "the name of a folder to write")
    with placing(path):
        if path.exists() and not path.is_dir():
            raise InputError(f"{path} is a file; expected the name of a folder to write.")
        if _is_system(resolved(path.parent)):
            raise InputError(f"{path} is the system's own; expected the name of a folder to write.")
        if not path.is_dir():
            return
        named = {entry.name: entry.name + "/" * entry.is_dir() for entry in path.iterdir()}
    others = sorted(name for name, full in named.items() if not any(fnmatch(full, p) for p in patterns))
    if others:
        raise InputError(f"{path} holds other things ({', '.join(others[:3])}): name a new folder.")


def check_folder(path: Path) -> None:
    """Refuse a folder that cannot be made or written in, before the work is done; what it holds stays beside it.

    Raises:
        InputError: `path` is an address or a file or lies below one, or lies where the system's own files lie.
        OutputError: A name that is too long, or a folder that may not be looked at or written in.
    """
    _check_here(path, "the name of a folder to write")
    with placing(path):
        nearest = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not nearest.is_dir():
        raise InputError(f"{path} cannot be written: {nearest} is a file; expected the name of a folder to write.")
    if _is_system(resolved(path)):
        raise InputError(f"{path} is the system's own; expected the name of a folder to write.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise OutputError(f"{path} cannot be written: you may not write in {nearest}.")


def _check_here(path: Path, what: str) -> None:
    """Refuse an address, whose folders would be made here, under a name that nobody looks for; and an ending alone."""
    if path.name.lower() in _ENDINGS and not path.is_dir():
        raise InputError(f"{path}: expected {what}, got an ending alone.")
    if not path.parent.exists():
        check_no_address(path, what=what, mend="write on this machine, and upload it from there")


def _is_system(folder: Path) -> bool:
    inside = any(folder.is_relative_to(system) for system in _SYSTEM_FOLDERS)
    return inside and not folder.is_relative_to("/dev/shm")


@contextmanager
def placing(path: Path) -> Iterator[None]:
    """Say of `path` whatever the system says against it, where the block only looks at it or makes room for it.

    Raises:
        OutputError: A name that is too long, links in a circle, a folder that may not be looked at or written in.
    """
    try:
        yield
    except GencontrolError:
        raise
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}.") from error


def _sibling(path: Path, *, suffix: str = "") -> Path:
    """A path beside `path`, on the same disk and hidden, where nothing is yet; the folder around is made."""
    with placing(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise InputError(f"{path} cannot be written: a folder on the way to it is a file.") from None
        remove_leftovers(path.parent)
    return path.with_name(temporary_name(suffix))


def _open_up(folder: Path) -> None:
    """Let those read a folder's files who may read the folder: safetensors makes files that nobody else may."""
    usual = folder.stat().st_mode & 0o666
    for file in folder.rglob("*"):
        if file.is_file():
            file.chmod(file.stat().st_mode | usual)


def _place(temporary: Path, path: Path, *, exclusive: bool) -> None:
    if not exclusive:
        temporary.replace(path)
        return
    try:
        _link(temporary, path)
    except FileExistsError:
        raise _taken(path) from None


def _taken(path: Path) -> OutputError:
    return OutputError(f"{path} is there by now: another run has written it meanwhile, and it is kept.")


def _link(temporary: Path, path: Path) -> None:
    """Give a finished file its name, unless something has that name: a rename would not ask."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:
        # A disk without links.
        path.open("xb").close()
        temporary.replace(path)


def _swap(new: Path, path: Path, *, exclusive: bool) -> None:
    if exclusive:
        try:
            # A folder that holds anything is never renamed over.
            new.rename(path)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
            raise _taken(path) from None
        return
    if not path.exists():
        new.replace(path)
        return
    # Not a temporary name: what a kill leaves here is the user's.
    old = path.with_name(f".gencontrol-old-{secrets.token_hex(6)}")
    path.replace(old)
    try:
        new.replace(path)
    except BaseException:
        old.replace(path)
        raise
    shutil.rmtree(old)
