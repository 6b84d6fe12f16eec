"""What came through standard input, or is to go to standard output: files for as long as a run takes.

Pictures are read more than once, and results are written whole or not at all: both want a file. `-` is what such a file
is called in records and results, where its own name would mean nothing later.
"""

import re
import tempfile
from io import BufferedIOBase
from pathlib import Path
from typing import Any

from gencontrol.errors import InputError
from gencontrol.files import writing

STREAM = "-"
"""What stands for a standard stream."""
PREFIX = "gencontrol-stream-"
"""What the folder of such files begins with."""
LARGEST = 2**30
"""Bytes of one input: above every picture and every file of embeddings that anybody pipes."""
_CHUNK = 2**20
_WORDS = {"stdin": "standard input", "stdout": "standard output"}
_SUFFIXES = ((b"\x93NUMPY", ".npy"), (b"{", ".json"))
"""How files begin that are told by their suffix."""


def spool(stream: BufferedIOBase, folder: Path) -> Path:
    """Copy a stream into a file of its own.

    Args:
        stream: What is read to its end.
        folder: See `PREFIX`.

    Returns:
        The file.

    Raises:
        InputError: Nothing comes, or more than `LARGEST`.
        OutputError: A full disk.
    """
    path = folder / "stdin"
    size = 0
    with writing(path), path.open("xb") as file:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > LARGEST:
                raise InputError(f"standard input is longer than {LARGEST // 2**20} MB: give a file.")
            file.write(chunk)
    if not size:
        raise InputError("standard input is empty: nothing was sent through it.")
    with path.open("rb") as file:
        start = file.read(16)
    suffix = next((suffix for mark, suffix in _SUFFIXES if start.startswith(mark)), "")
    return path.rename(path.with_suffix(suffix)) if suffix else path


def deliver(path: Path, stream: BufferedIOBase) -> None:
    """Copy a finished file to a stream.

    Raises:
        OutputError: A full disk.
        BrokenPipeError: Nobody reads any more.
    """
    # Past Python's own buffer, which would try again at the end what a full disk has refused.
    raw = getattr(stream, "raw", stream)
    with writing(Path(_WORDS["stdout"])), path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            _write_whole(chunk, raw)


def _write_whole(content: bytes, raw: Any) -> None:
    left = memoryview(content)
    while left:
        # A raw stream may take a part, and a full pipe that does not wait nothing.
        left = left[raw.write(left) or 0 :]


def stream_or_path(path: Path) -> str:
    """The path as records and results name it: `-` for a standard stream."""
    return STREAM if path.parent.name.startswith(PREFIX) else str(path)


def in_words(message: str) -> str:
    """A message with standard streams called what they are, where it names their files."""
    folder = re.escape(str(Path(tempfile.gettempdir()) / PREFIX))
    return re.sub(rf"{folder}\w+/(stdin|stdout)(\.\w+)?", lambda found: _WORDS[found[1]], message)
