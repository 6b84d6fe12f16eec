"""What a run's settings alone say to be wrong: looked at before pictures, encoders and checkpoints are opened."""

from pathlib import Path
from typing import Any

import torch

from gencontrol.errors import ConfigError, InputError
from gencontrol.files import check_folder
from gencontrol.nerf.checks.check_run import check_steps
from gencontrol.nerf.checks.check_settings import check_settings
from gencontrol.nerf.limits import SEEDS, check_limits
from gencontrol.nerf.method.datamanager import check_views
from gencontrol.nerf.method.schedules import schedules_of
from gencontrol.nerf.method.steered_parts import missing_sources
from gencontrol.numbers import check_number

# A learning rate beyond the largest is one that nothing but the bounds of float32 is reached with.
_RATES = (1e-9, 100.0)


def check_config(config: Any) -> None:
    """Refuse settings that no run can be made with; nothing is made, and no picture is read.

    Args:
        config: A run's, as nerfstudio's trainer takes them.

    Raises:
        ConfigError: Saying which setting.
        InputError: A folder for runs that cannot be one; or a scene or a file of parts that is not there.
        OutputError: A folder for runs that may not be written in.
    """
    check_steps(config.max_num_iterations)
    _check_name(config.timestamp)
    check_limits(config.machine, {"seed": SEEDS}, where="machine.")
    for group in config.optimizers.values():
        check_number(group["optimizer"].lr, name="`learning_rate`", at_least=_RATES[0], at_most=_RATES[1])
    _check_device(config.machine.device_type)
    check_settings(config.pipeline.model)
    schedules_of(config.pipeline.model)
    check_views(config.pipeline.datamanager)
    _check_sources(config)
    check_folder(Path(config.output_dir))


def _check_name(timestamp: str) -> None:
    if not timestamp.strip() or Path(timestamp).name != timestamp or timestamp == "..":
        raise ConfigError(f"`timestamp`: expected the name of a folder for the run, got {timestamp!r}: leave it out.")


def _check_sources(config: Any) -> None:
    missing = missing_sources(config.pipeline.model)
    if missing and config.load_dir is None and config.load_checkpoint is None:
        raise InputError(f"There is nothing to train: {', '.join(missing)} cannot be found.")


def _check_device(name: str) -> None:
    there = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    if name in there and not there[name]():
        raise ConfigError(f"`machine.device_type` is {name}, and there is none here that torch can use: give cpu.")
