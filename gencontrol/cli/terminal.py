"""The terminal, or what takes its place: what it can show, and how wide it is."""

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

NARROWEST = 40
"""Columns: in fewer, tyro's help finds no place to break its lines and goes on for ever."""


@contextmanager
def any_text(*streams: Any) -> Iterator[None]:
    """Show what a stream's encoding cannot, such as a file name of another one, as escapes instead of failing.

    Args:
        streams: Text streams; those that cannot be told are left as they are.
    """
    with ExitStack() as stack:
        for stream in streams:
            if getattr(stream, "errors", None) == "strict" and hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
                stack.callback(stream.reconfigure, errors="strict")
        yield


def one_line(text: str) -> str:
    """A message as one line: what a terminal would obey, such as a line break in a name, is shown as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def say(text: str) -> None:
    """A line of a result, on standard output: names of files may hold anything."""
    print(one_line(text))


def log_to_stderr() -> None:
    """Show gencontrol's own log, with times, on standard error."""
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("gencontrol").setLevel(logging.INFO)


@contextmanager
def wide_enough() -> Iterator[None]:
    """Within the block, say that the terminal has as many columns as a help text needs."""
    before = os.environ.get("COLUMNS")
    if shutil.get_terminal_size().columns < NARROWEST:
        os.environ["COLUMNS"] = str(NARROWEST)
    try:
        yield
    finally:
        os.environ.pop("COLUMNS", None)
        if before is not None:
            os.environ["COLUMNS"] = before
