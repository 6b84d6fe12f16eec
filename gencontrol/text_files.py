"""Files of text that somebody names: read with a bound, and what is no such file is told in one way."""

import codecs
import errno
import json
import os
import re
import stat
import urllib.parse
from pathlib import Path
from typing import Any

from gencontrol.errors import GencontrolError, InputError

LARGEST = 2**26
"""Bytes: above every file of settings, list of names or camera path; a device goes on for ever."""

# An address, or what pathlib makes of one: a letter alone is a drive, and `data:` holds its content.
_ADDRESS = re.compile(
    r"(data:|[a-z][a-z0-9+.-]+://|(https?|ftps?|sftp|ssh|s3|gs|gcs|az|hf|hdfs|git|file):/)", re.IGNORECASE
)
# What stands before the path of a file on this machine.
_FILE = re.compile(r"file:(?:/{1,3}localhost(?=/)|//(?=/))?", re.IGNORECASE)


def web_address(name: str | Path) -> str | None:
    """The address that a file's name is, whole again where a path has taken a slash; None for any other name."""
    if not _ADDRESS.match(str(name)):
        return None
    # A path has one slash of the two; of a file's address, one of the three.
    return re.sub(r"^([\w+.-]+):/(?!/)", r"\1:///" if _FILE.match(str(name)) else r"\1://", str(name))


def check_no_address(
    path: str | Path, *, what: str, error: type[GencontrolError] = InputError, mend: str = "download it first"
) -> None:
    """Refuse an address where a file or a folder of this machine is expected; nothing is fetched.

    Args:
        path: As it was given. A file that is called so is one.
        what: What is expected, for the message: "a file of settings".
        error: The kind of error.
        mend: What is to be done about an address on the web.

    Raises:
        GencontrolError: Of the kind `error`.
    """
    address = web_address(path)
    if address is None or os.path.lexists(path):
        return
    if (local := file_of(address)) is not None:
        mend = f"give {local}"
    raise error(f"{address} is an address; expected {what}: {mend}.")


def file_of(address: str) -> str | None:
    """The path in an address of a file on this machine, `file:///a/b`; None for an address on the web."""
    if (match := _FILE.match(address)) is None:
        return None
    return urllib.parse.unquote(address[match.end() :])


def read_text(path: Path, *, what: str, error: type[GencontrolError] = InputError) -> str:
    """The text in a file, in UTF-8.

    Args:
        path: The file; what a shell makes of `<(...)` is read too, since it ends by itself.
        what: What is expected, for messages: "a file of settings".
        error: The kind of error.

    Raises:
        GencontrolError: Of the kind `error`: nothing there, a folder, a pipe that nobody may ever write into, a device,
            more than `LARGEST`, or another encoding.
    """
    content = read_bytes(path, what=what, error=error)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        if b"\0" in content and not content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise error(f"{path} is not a text file; expected {what}.") from None
        raise error(f"{path} is not in UTF-8 (byte {failure.start}); expected {what}: save it so.") from failure


def read_bytes(path: Path, *, what: str, error: type[GencontrolError] = InputError) -> bytes:
    """What a file of text holds, in whatever encoding.

    Args:
        path: See `read_text`.
        what: See `read_text`.
        error: See `read_text`.

    Raises:
        GencontrolError: Of the kind `error`: see `read_text`, but for the encoding.
    """
    check_regular(path, what=what, error=error)
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as failure:
        raise error(f"{path} cannot be read as {what}: {failure.strerror or failure}.") from failure
    if len(content) > LARGEST:
        raise error(f"{path} is larger than {LARGEST // 2**20} MB; expected {what}.")
    return content


def json_value(text: str | bytes) -> Any:
    """The value that a text of JSON stands for.

    Raises:
        ValueError: It is not JSON, or nested too deeply to be read, of which Python would say a RecursionError.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def json_bytes(value: Any) -> bytes:
    """A value as a file of JSON for people, in UTF-8.

    Args:
        value: Of plain kinds. A byte of a file's name that is not in UTF-8, which Python holds as half of a surrogate
            pair, is escaped as JSON does it, so that whoever reads the file has the same name.
    """
    return f"{json.dumps(value, indent=2, ensure_ascii=False)}\n".encode("utf-8", "backslashreplace")


def dead_link(path: Path) -> str | None:
    """What to say behind the name of a link that leads to nothing; None for anything else.

    Args:
        path: What may be a link.
    """
    if not path.is_symlink():
        return None
    try:
        os.stat(path)
    except FileNotFoundError:
        return f"is a link to {os.readlink(path)}, where nothing is"
    except OSError as failure:
        return "is a link that leads back to itself" if failure.errno == errno.ELOOP else None
    return None


def check_regular(path: Path, *, what: str, piped: bool = True, error: type[GencontrolError] = InputError) -> None:
    """Refuse what is not a file, before anything waits for it.

    Args:
        path: See `read_text`.
        what: See `read_text`.
        piped: Whether what a shell makes of `<(...)` will do; not where a reader goes back and forth.
        error: See `read_text`.

    Raises:
        GencontrolError: Of the kind `error`: nothing there, a folder, a pipe, a device, or a name that cannot be one.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        check_no_address(path, what=what, error=error)
        if (leads := dead_link(path)) is not None:
            raise error(f"{path} {leads}; expected {what}.") from None
        kind, ends = what.partition(" ")[2], what.endswith(" file")
        raise error(f"No {kind} at {path}." if ends else f"No file at {path}; expected {what}.") from None
    except (OSError, ValueError) as failure:
        reason = failure.strerror if isinstance(failure, OSError) else failure
        raise error(f"{str(path)!r} cannot be read as {what}: {reason}.") from None
    if stat.S_ISDIR(mode):
        raise error(f"{path} is a folder; expected {what}.")
    if stat.S_ISFIFO(mode) and (not piped or path.parent != Path("/dev/fd")):
        raise error(f"{path} is a pipe; expected {what}.")
    if not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode):
        raise error(f"{path} is a device or a socket; expected {what}.")
