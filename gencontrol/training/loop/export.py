"""What a finished run leaves for its users: only what an export writes itself is ever replaced by one."""

import os
import shutil
from collections.abc import Set
from pathlib import Path

from torch import nn

from gencontrol.errors import InputError
from gencontrol.files import atomic_folder
from gencontrol.temporaries import temporary_name
from gencontrol.training.loop.task import Task

_SHOWN = 3
"""Names in a message."""


def check_export(task: Task, module: nn.Module, folder: Path) -> None:
    """Refuse a folder that an export could not replace, before the training whose end it is.

    What the stage writes is seen by having it write, beside the folder, the module as it is.

    Args:
        task: The stage.
        module: Its module, of any step.
        folder: Where the export will go.

    Raises:
        InputError: It holds what no export of this stage writes.
    """
    if not names_in(folder):
        return
    trial = folder.resolve().with_name(temporary_name())
    try:
        trial.mkdir()
        task.export(module, trial)
        _check_names(folder, names_in(trial))
    finally:
        shutil.rmtree(trial, ignore_errors=True)


def write_export(task: Task, module: nn.Module, folder: Path) -> None:
    """Write the export, whole or not at all, in the place of an earlier one.

    Raises:
        InputError: The folder holds what no export of this stage writes.
    """
    # Its names are compared here, at every depth.
    with atomic_folder(folder, ours=("*",)) as temporary:
        task.export(module, temporary)
        _check_names(folder, names_in(temporary))


def names_in(folder: Path) -> set[str]:
    """What lies in a folder at any depth, relative to it; a link to a folder counts as it stands."""
    found = set()
    for above, folders, files in os.walk(folder):
        links = [name for name in folders if (Path(above) / name).is_symlink()]
        found |= {str((Path(above) / name).relative_to(folder)) for name in (*files, *links)}
    return found


def _check_names(folder: Path, ours: Set[str]) -> None:
    others = sorted(names_in(folder) - ours)
    if others:
        more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        raise InputError(
            f"{folder} holds what no export of this stage writes ({', '.join(others[:_SHOWN])}{more}), and it would be "
            "lost: move it elsewhere, or name another folder for the run."
        )
