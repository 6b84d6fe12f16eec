"""The one file that a command writes beside what it prints: looked at before anything is loaded."""

from collections.abc import Sequence
from pathlib import Path

from gencontrol.errors import InputError
from gencontrol.files import is_taken
from gencontrol.runs.files.inputs import Input, check_apart
from gencontrol.runs.files.outputs import check_writable


def check_new_file(path: Path, inputs: Sequence[Input], *, overwrite: bool, setting: str = "output") -> None:
    """Refuse a file that is there already, that is read, or that cannot be written.

    Args:
        path: Where it goes.
        inputs: What the run reads.
        overwrite: Whether it may take the place of one that is there; never of what is read.
        setting: What names it.

    Raises:
        InputError: Says which.
        OutputError: A name that is too long.
    """
    check_apart([path], inputs, setting=setting)
    check_writable([path], setting=setting)
    # Last: `overwrite` would be no way out of the others.
    if is_taken(path) and not overwrite:
        raise InputError(f"{path} exists already: give `overwrite`, or another `{setting}`.")
