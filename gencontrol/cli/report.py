"""What a command prints: results on standard output, everything else on standard error."""

import json
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from gencontrol.regions.region import RegionWarning
from gencontrol.runs.processes import is_first_process


@contextmanager
def notices() -> Iterator[None]:
    """Print the warnings about regions that the block raises, each once and as one line on standard error.

    All processes of a run check all pictures; the first of them says what there is to say.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RegionWarning)
        yield
    for message in dict.fromkeys(str(w.message) for w in caught if issubclass(w.category, RegionWarning)):
        note_once(message)
    for other in caught:
        if not issubclass(other.category, RegionWarning):
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)


@contextmanager
def told_before() -> Iterator[None]:
    """Drop the warnings about regions that the block raises: `notices` has printed them when all was checked."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RegionWarning)
        yield


def quiet_loading() -> None:
    """Switch the libraries' loading bars off where nobody watches them."""
    if not sys.stderr.isatty():
        from diffusers.utils import logging as diffusers_logging
        from transformers.utils import logging as transformers_logging

        diffusers_logging.disable_progress_bar()
        transformers_logging.disable_progress_bar()


def note(message: str) -> None:
    """A line for the person at the terminal, on standard error."""
    print(f"gencontrol: {message}", file=sys.stderr)


def note_once(message: str) -> None:
    """A line that all processes of a run would print: the first of them does."""
    if is_first_process():
        note(message)


def print_json(result: Any) -> None:
    """A result for programs, on standard output."""
    print(json.dumps(result, indent=2, ensure_ascii=False))


def table(rows: Sequence[Sequence[str]], *, header: Sequence[str]) -> str:
    """Rows under a header, columns aligned."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (header, *rows)]
    return "\n".join(line.rstrip() for line in lines)
