"""Numbers among settings: finite and within what work can be done with, or an error that names the setting."""

import math
from collections.abc import Mapping
from typing import Any

from gencontrol.errors import ConfigError

Limits = Mapping[str, tuple[int | float, int | float]]
"""Name of a setting -> its least and its largest value, both allowed."""
# What numpy takes as a seed, which nerfstudio seeds too.
SEEDS = (0, 2**32 - 1)


def check_limits(settings: Any, limits: Limits, *, where: str = "") -> None:
    """Refuse numbers outside of their limits, and those that are no number.

    Args:
        settings: Any object with these attributes; one that is None is not set, and passes.
        limits: What each may be.
        where: Put before the name in the message, such as "Orbit ".

    Raises:
        ConfigError: Naming the setting, its limits and what it is.
    """
    for name, (least, most) in limits.items():
        value = getattr(settings, name)
        if value is None or least <= value <= most:
            continue
        bounds = f"at most {_plain(most)}" if value > most else f"at least {_plain(least)}"
        if math.isnan(value):
            bounds = f"a number from {_plain(least)} to {_plain(most)}"
        raise ConfigError(f"{where}{name} must be {bounds}; got {value}.")


def _plain(value: int | float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"
