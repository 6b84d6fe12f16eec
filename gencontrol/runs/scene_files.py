"""Films and meshes of scenes: written over nothing that is read, and over nothing else unless that is asked for."""

from collections.abc import Mapping
from pathlib import Path

from gencontrol.errors import InputError
from gencontrol.files import is_taken
from gencontrol.runs.files.inputs import Input, check_folder_apart
from gencontrol.runs.files.new_file import check_new_file


def check_result(path: Path, *, reads: Mapping[str, Path | None], overwrite: bool) -> None:
    """Refuse a place for a film or a mesh, before it is made.

    Args:
        path: The file, or for a name without suffix the folder.
        reads: What is read, as messages call it -> where; None for what is not.
        overwrite: Whether what is there may be replaced.

    Raises:
        InputError: It is, or holds, what is read; or it is there, and may not be replaced.
        OutputError: A name that is too long, or a folder that may not be looked at.
    """
    inputs = [Input(path=place, what=what) for what, place in reads.items() if place is not None]
    if path.suffix or is_taken(path):
        check_new_file(path, inputs, overwrite=overwrite)
        return
    check_folder_apart(path, inputs)
    if path.is_dir() and any(path.iterdir()) and not overwrite:
        raise InputError(f"{path} exists already: give `overwrite`, or another `output`.")
