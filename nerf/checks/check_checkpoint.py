"""Whether there is a checkpoint to go on from, and whether it is one."""

import pickle
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gencontrol.errors import CheckpointError, GencontrolError, InputError
from gencontrol.text_files import check_regular

# What torch raises of files that are no checkpoints, and nerfstudio of those that hold something else.
_BROKEN = (RuntimeError, ValueError, KeyError, TypeError, IndexError, EOFError, OSError, pickle.UnpicklingError)


@contextmanager
def loading_checkpoint(file: Path) -> Iterator[None]:
    """Around nerfstudio's loading of a checkpoint: say in one line what it cannot use.

    Raises:
        CheckpointError: A file that is broken, or another method's.
    """
    try:
        yield
    except GencontrolError:
        raise
    except _BROKEN as error:
        # What torch says of a pickle is how to load it unsafely.
        is_pickle = isinstance(error, pickle.UnpicklingError)
        said = "damaged, or no weights of torch's" if is_pickle else str(error).strip().partition("\n")[0]
        raise CheckpointError(
            f"{file} cannot be read as a checkpoint of an `alphaclip-nerf` run with these settings: "
            f"{said or type(error).__name__}"
        ) from error


def checkpoint_file(config: Any) -> Path | None:
    """The file that a run goes on from; None if it begins anew. Its step is noted where other files lie beside it.

    Args:
        config: A run's, with `load_dir`, `load_step` and `load_checkpoint`.

    Raises:
        InputError: There is none.
    """
    if config.load_dir is None:
        if config.load_checkpoint is not None:
            check_regular(config.load_checkpoint, what="a checkpoint (step-NUMBER.ckpt of a run)")
        return config.load_checkpoint
    folder = Path(config.load_dir)
    if not folder.is_dir():
        raise InputError(f"`load_dir`: there is no folder {folder}; expected one with a run's checkpoints.")
    names = ((file, re.fullmatch(r"step-(\d+)\.ckpt", file.name)) for file in folder.iterdir())
    steps = {int(found[1]): file for file, found in names if found}
    if not steps:
        inner = folder / config.relative_model_dir
        advice = f": name {inner}" if inner.is_dir() else "; expected step-NUMBER.ckpt, as a run writes them"
        raise InputError(f"`load_dir`: {folder} holds no checkpoints{advice}.")
    # nerfstudio takes the number in every name of the folder for a step.
    if config.load_step is None and len(list(folder.iterdir())) > len(steps):
        config.load_step = max(steps)
    step = max(steps) if config.load_step is None else config.load_step
    if step not in steps:
        raise InputError(f"`load_step`: {folder} has no step {step}; it has {', '.join(map(str, sorted(steps)))}.")
    check_regular(steps[step], what="a checkpoint")
    return steps[step]
