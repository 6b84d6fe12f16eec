"""What a command prints: results on standard output, everything else on standard error."""

import json
import math
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from gencontrol.cli.flags import in_flags
from gencontrol.cli.terminal import one_line
from gencontrol.runs.machine.processes import is_first_process


@contextmanager
def notices(flags: type | None = None) -> Iterator[None]:
    """Print what the library warns of within the block, as one line on standard error; settings go by their flags.

    All processes of a run check all pictures, and pictures are read again when their turn comes: so the first process
    says each thing once. What a process has to say of its own share it says itself.

    Args:
        flags: The command's dataclass of flags.
    """
    from gencontrol.alpha_clip.weights.state_names import CheckpointWarning
    from gencontrol.images.picture import PictureWarning
    from gencontrol.regions.region import RegionWarning
    from gencontrol.runs.notices import RunWarning, ShareWarning

    told: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        """Our own warnings as one line, all else as Python shows it."""
        text = in_flags(str(message), flags)
        if issubclass(category, ShareWarning):
            note(text)
        elif not issubclass(category, PictureWarning | RegionWarning | RunWarning | CheckpointWarning):
            before(message, category, *place, **more)
        elif is_first_process() and text not in told:
            told.add(text)
            note(text)

    with warnings.catch_warnings():
        for ours in (PictureWarning, RegionWarning, RunWarning, CheckpointWarning):
            warnings.simplefilter("always", ours)
        before, warnings.showwarning = warnings.showwarning, show
        yield


def note(message: str) -> None:
    """A line for the person at the terminal, on standard error."""
    print(f"gencontrol: {one_line(message)}", file=sys.stderr)


def print_json(result: Any) -> None:
    """A result for programs, on standard output; NaN and infinity, which are no JSON, are null.

    What cannot be written in the stream's encoding, such as a file name of another one, is escaped as JSON does it.
    """
    text = json.dumps(_finite(result), indent=2, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(_finite(result), indent=2, allow_nan=False)
    print(text)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    return [_finite(entry) for entry in value] if isinstance(value, list | tuple) else value


def table(rows: Sequence[Sequence[str]], *, header: Sequence[str]) -> str:
    """Rows under a header, columns aligned; each cell is one line."""
    rows = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (header, *rows)]
    return "\n".join(line.rstrip() for line in lines)


def markdown(rows: Sequence[Sequence[str]], *, header: Sequence[str]) -> str:
    """The same as a table of Markdown."""
    first, *rest = ("| " + " | ".join(one_line(cell) for cell in row) + " |" for row in (header, *rows))
    return "\n".join([first, "|" + "---|" * len(header), *rest])
