"""What `ns-train` calls the settings: messages name them in backticks, and each door says there what a person typed."""

import dataclasses
import re
from typing import Any

from nerfstudio.engine.trainer import TrainerConfig

from gencontrol.nerf.method.config import SteeredDataManagerConfig, SteeredModelConfig

SETTING = r"`([a-z_]+(?:\.[a-z_]+)*)`"
"""A setting in a message, such as `grow` or `orbit.radius`."""
# Settings of `gencontrol nerf` that nerfstudio has under other names.
_OTHERS = {
    "steps": "--max-num-iterations",
    "output": "--output-dir",
    "learning_rate": "--optimizers.field.optimizer.lr",
    "eps": "--optimizers.field.optimizer.eps",
}


def in_studio_flags(message: str) -> str:
    """A message with flags of `ns-train` in the place of the settings that it names; other words stay."""
    return re.sub(SETTING, lambda found: studio_flag(found[1]) or found[0], message)


def studio_flag(setting: str) -> str | None:
    """The flag of `ns-train` for a setting of the run, its data or its model; None for what is none of them.

    Args:
        setting: Such as `grow`, or `orbit.radius` for one of a group.
    """
    if setting in _OTHERS:
        return _OTHERS[setting]
    group = setting.partition(".")[0]
    # A run's own are short for some of its parts'.
    owners = (("", TrainerConfig), ("pipeline.model.", SteeredModelConfig))
    for start, owner in (*owners, ("pipeline.datamanager.", SteeredDataManagerConfig)):
        if group in _names(owner):
            return f"--{start}{setting.replace('_', '-')}"
    return None


def _names(cls: Any) -> set[str]:
    return {field.name for field in dataclasses.fields(cls)}
