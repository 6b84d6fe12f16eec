"""Numbers among settings: finite and within what work can be done with, or an error that names the setting."""

from collections.abc import Mapping
from typing import Any

from gencontrol.errors import ConfigError
from gencontrol.numbers import check_number, is_number, number_text

Limits = Mapping[str, tuple[int | float, int | float]]
"""Name of a setting -> its least and its largest value, both allowed."""
# What numpy takes as a seed, which nerfstudio seeds too.
SEEDS = (0, 2**32 - 1)


def check_limits(settings: Any, limits: Limits, *, where: str = "") -> None:
    """Refuse numbers outside of their limits, and those that are no number.

    Args:
        settings: Any object with these attributes; one that is None is not set, and passes.
        limits: What each may be.
        where: Put before the name in the message, such as "machine.".

    Raises:
        ConfigError: Naming the setting, its limits and what it is.
    """
    for name, (least, most) in limits.items():
        value = getattr(settings, name)
        if value is None:
            continue
        try:
            check_number(value, name=name, at_least=least, at_most=most)
        except ConfigError as error:
            raise ConfigError(f"`{where}{name}` must be {_bounds(value, least, most)}.") from error


def _bounds(value: Any, least: int | float, most: int | float) -> str:
    """What was expected, by where the value lies, and what came."""
    # NaN alone is not itself.
    if not is_number(value) or value != value:
        return f"a number from {_plain(least)} to {_plain(most)}; got {value}"
    bounds = f"at most {_plain(most)}" if value > most else f"at least {_plain(least)}"
    return f"{bounds}; got {number_text(value)}"


def _plain(value: int | float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"
