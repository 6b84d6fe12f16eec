"""Numbers that come in, checked in one way: finite, and within bounds that are said."""

import math
import numbers
from typing import Any, TypeGuard

from gencontrol.errors import ConfigError, GencontrolError

LEAST_TEMPERATURE = 1e-4
"""Above 0: far below it the likeliest word is drawn anyhow, until logits divided by it overflow."""

HEAVIEST = 1e6
"""Largest weight of a region: beyond it the other regions are nothing to float32."""


def check_number(
    value: Any,
    *,
    name: str,
    at_least: float | int | None = None,
    at_most: float | int | None = None,
    above: float | int | None = None,
    below: float | int | None = None,
    unit: str = "",
    error: type[GencontrolError] = ConfigError,
) -> None:
    """Refuse NaN, infinity, and what lies outside of the bounds.

    Args:
        value: The number, or what was given in its place.
        name: How the message calls it.
        at_least: Smallest value, if any.
        at_most: Largest value, if any.
        above: What it has to be above, if anything.
        below: What it has to be below, if anything.
        unit: What it counts, such as "pixels".
        error: What is raised.

    Raises:
        GencontrolError: Of the class `error`: not a number, not finite, or outside.
    """
    value = plain_number(value)
    known = isinstance(value, int | float) and not isinstance(value, bool)
    inside = (
        known
        and is_finite(value)
        and (at_least is None or value >= at_least)
        and (at_most is None or value <= at_most)
        and (above is None or value > above)
        and (below is None or value < below)
    )
    if not inside:
        bounds = _bounds(at_least=at_least, at_most=at_most, above=above, below=below, unit=unit)
        raise error(f"{name}: expected {bounds}, got {number_text(value) if known else value}.")


def check_temperature(value: Any, *, name: str) -> None:
    """Refuse a temperature that no word can be drawn at.

    Args:
        value: 0 for the likeliest word each time, or what logits are divided by.
        name: See `check_number`.

    Raises:
        ConfigError: Negative, not finite, or so little that what is divided overflows.
    """
    check_number(value, name=name, at_least=0)
    if 0 < value < LEAST_TEMPERATURE:
        raise ConfigError(f"{name}: expected 0, or {LEAST_TEMPERATURE:g} or more, got {value}.")


def is_number(value: Any) -> TypeGuard[float | int]:
    """Whether something is a real number, numpy's among them; True and False are none."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def plain_number(value: Any) -> Any:
    """Python's own number for numpy's, with which whoever reckons on would overflow at 8 or 32 bits; else what it is.

    Args:
        value: Anything.
    """
    if isinstance(value, int | float) or not is_number(value):
        return value
    try:
        return int(value) if isinstance(value, numbers.Integral) else float(value)
    except OverflowError:
        # A fraction that no float holds, which the bounds refuse.
        return value


def is_finite(value: float | int) -> bool:
    """Whether a float can hold the number: neither NaN nor infinite, nor a whole number beyond 1e308."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def number_text(value: float | int) -> str:
    """A number for a message: as Python writes it, but one that no float holds as what it is."""
    if is_finite(value) or isinstance(value, float):
        return str(value)
    # Python refuses to write out whole numbers of more than some thousand digits.
    return f"{'-' if value < 0 else ''}2^{abs(value).bit_length() - 1} and more"


def _bounds(
    *,
    at_least: float | int | None,
    at_most: float | int | None,
    above: float | int | None,
    below: float | int | None,
    unit: str,
) -> str:
    """The bounds in words, the unit behind the first."""
    words = [
        form.format(bound)
        for form, bound in (
            ("{:,.10g} or more", at_least),
            ("above {:,.10g}", above),
            ("at most {:,.10g}", at_most),
            ("below {:,.10g}", below),
        )
        if bound is not None
    ] or ["a finite number"]
    return " and ".join([f"{words[0]} {unit}".rstrip(), *words[1:]])
