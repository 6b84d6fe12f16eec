"""`-` on the command line: a picture, a mask or embeddings through standard input, one result to standard output."""

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from io import BufferedIOBase
from pathlib import Path
from typing import Any, TypeVar

from gencontrol.errors import ConfigError, InputError
from gencontrol.runs.files.spooled import PREFIX, STREAM, deliver, spool

Flags = TypeVar("Flags")
_WHOLE = ("images", "embeds_in")
"""Settings that are paths."""
_WEIGHTED = ("mask", "negative_mask", "index_mask")
"""Settings that begin with a path; a weight or a class follows."""
READ_STREAMS = frozenset({*_WHOLE, *_WEIGHTED})
"""Settings that may name standard input."""


@contextmanager
def standard_streams(flags: Flags, *, suffix: str = "") -> Iterator[Flags]:
    """The flags with files in the place of `-`; within the block all that is printed goes to standard error, where
    standard output is to hold the result, which is sent when the block succeeds.

    Args:
        flags: A command's.
        suffix: Of the result's file, which says its format.

    Raises:
        ConfigError: Standard input for two things, or JSON where the result goes.
        InputError: A terminal, a closed or an empty stream, several processes.
        OutputError: A full disk.
    """
    uses, goes_out = _uses(flags), getattr(flags, "output", None) == STREAM
    if not uses and not goes_out:
        yield flags
        return
    _check(flags, uses, goes_out=goes_out)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        folder = Path(name)
        # Before anything is read: who sees a terminal wait for a picture wonders why.
        target = _writable(sys.stdout) if goes_out else None
        changed = {} if not uses else _renamed(flags, str(spool(_readable(sys.stdin), folder)))
        if target is None:
            yield replace(flags, **changed)  # pyright: ignore[reportArgumentType]
            return
        result = folder / f"stdout{suffix}"
        with redirect_stdout(sys.stderr):
            yield replace(flags, output=str(result), **changed)  # pyright: ignore[reportArgumentType]
        if result.is_file():
            deliver(result, target)


def _uses(flags: Any) -> list[str]:
    """The settings that name standard input, once for each time."""
    whole = [name for name in _WHOLE for text in _texts(flags, name) if text == STREAM]
    return whole + [name for name in _WEIGHTED for text in _texts(flags, name) if _is_stream(text)]


def _is_stream(text: str) -> bool:
    return text == STREAM or text.startswith((f"{STREAM}:", f"{STREAM}="))


def _texts(flags: Any, name: str) -> Sequence[str]:
    value = getattr(flags, name, None)
    return () if value is None else (value,) if isinstance(value, str) else value


def _renamed(flags: Any, path: str) -> dict[str, Any]:
    """The settings that name standard input, with the file in its place."""
    changed: dict[str, Any] = {}
    for name in (*_WHOLE, *_WEIGHTED):
        texts = tuple(path + text[1:] if _is_stream(text) else text for text in _texts(flags, name))
        if texts != tuple(_texts(flags, name)):
            changed[name] = texts[0] if isinstance(getattr(flags, name), str) else texts
    return changed


def _check(flags: Any, uses: Sequence[str], *, goes_out: bool) -> None:
    if len(uses) > 1:
        named = " and ".join(f"`{name}`" for name in uses)
        raise ConfigError(f"{named} are all to come through standard input, which is read once: give files.")
    if goes_out and getattr(flags, "format", None) == "json":
        raise ConfigError("`output` -: standard output holds the result, and has no room for `format` json.")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError("standard input and output are one process's: give files to a run of several.")


def _readable(stream: Any) -> BufferedIOBase:
    if stream is None or stream.closed:
        raise InputError("standard input is closed: give a file, or send something through it.")
    if stream.isatty():
        raise InputError("standard input is a terminal: send a picture through it, as in `< photo.png`.")
    return stream.buffer


def _writable(stream: Any) -> BufferedIOBase:
    if stream is None or stream.closed:
        raise InputError("standard output is closed: name a file as `output`.")
    if stream.isatty():
        raise InputError("standard output is a terminal, which shows no pictures: send it on, as in `> out.png`.")
    stream.flush()
    return stream.buffer
