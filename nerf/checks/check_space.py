"""Whether the disk has room for what a run writes: a checkpoint that fails at the end takes the whole run with it."""

import shutil
from pathlib import Path

import torch

from gencontrol.errors import InputError
from gencontrol.nerf.method.model import SteeredModel
from gencontrol.nerf.method.schedules import resolution_at
from gencontrol.schedules import as_schedule

# Previews, logs and the turntable.
_BESIDE = 1 << 23
# A value of the field in a checkpoint, and the two moments that Adam has of it.
_VALUES = 3


def check_space(model: SteeredModel, folder: Path) -> None:
    """Refuse to begin where the run could not be written at its end.

    Args:
        model: What is trained.
        folder: Where the run goes; the disk counts, also where the folder is not made yet.

    Raises:
        InputError: Less room than the run needs.
    """
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    free, needed = shutil.disk_usage(there).free, needed_bytes(model)
    if free < needed:
        raise InputError(
            f"The disk of {there} has {free / 1e6:.0f} MB left, and the run writes up to {needed / 1e6:.0f} MB: make "
            "room, or write it elsewhere (`output`)."
        )


def needed_bytes(model: SteeredModel) -> int:
    """At most what a run writes: two checkpoints, since one is removed only after the next is there, and the scene."""
    steps = [step for step, _ in as_schedule(model.config.resolution).points]
    largest = max(resolution_at(model.config, step) for step in steps)
    trained = sum(_bytes(value) for value in model.field.trained()) / model.field.resolution**3 * largest**3
    if model.config.representation == "hash":
        trained = sum(_bytes(value) for value in model.field.trained())
    kept = sum(_bytes(value) for value in model.buffers())
    scene = 16 * max(largest, model.lattice().shape[-1], model.field.resolution) ** 3
    return int(2 * (_VALUES * trained + kept) + scene) + _BESIDE


def _bytes(values: torch.Tensor) -> int:
    return values.numel() * values.element_size()
