"""What is said of a disk that takes no more, whichever library met it."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gencontrol.errors import GencontrolError
from gencontrol.temporaries import is_temporary

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
"""What the system says of a disk that takes no more; only writing meets it."""


def refusal(error: Exception) -> str | None:
    """Why a file could not be written; None if the error is of another kind."""
    text = str(error)
    if isinstance(error, OSError):
        # A temporary file that is not there is our fault, or that of who removed it.
        is_ours = is_temporary(os.fsdecode(error.filename or "")) and error.errno != errno.ENOENT
        if error.errno is None:
            # Pillow's, of a picture that an encoder could not put into the file.
            return text.rstrip(".")
        return (error.strerror or text) if is_ours or error.errno in _FULL else None
    found = re.search(r"os error (\d+)", text)
    if found is not None and int(found[1]) in _FULL:
        # safetensors has an exception of its own, with the system's number in its text.
        return os.strerror(int(found[1]))
    if "inline_container.cc" in text and re.search("unexpected pos|fail(ed)? writing|write failed", text):
        # torch.save counts what it has written.
        return "the disk is full, or takes no files of this size"
    return None


@contextmanager
def instead_of(temporary: Path, path: Path) -> Iterator[None]:
    """Let what the block refuses name the file that was asked for: nobody knows the temporary one."""
    try:
        yield
    except GencontrolError as error:
        if str(temporary) not in str(error):
            raise
        raise type(error)(str(error).replace(str(temporary), str(path))) from error.__cause__
