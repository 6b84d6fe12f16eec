"""Numbers that change over a run: a few (position, value) points and what happens between them.

One text form for all of them: points `position:value` with rising positions, and optionally the curve between them,
such as `0:0.5 500:0.9` or `0:1 0.5:0.8 1:0.3 cosine`. Positions are steps where a length is known only later (weights
while training), and fractions of the run, 0 to 1, where it is not (strength).
"""

import math
import typing
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from gencontrol.configuration import shown
from gencontrol.errors import ConfigError
from gencontrol.kinds import check_fields, checked
from gencontrol.numbers import is_finite, is_number

Curve = Literal["linear", "cosine", "hold"]
CURVES: tuple[Curve, ...] = typing.get_args(Curve)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A number as a function of the position in a run."""

    points: tuple[tuple[int | float, float], ...]
    """(position, value) pairs with rising positions; before the first and after the last the value stays."""
    curve: Curve = "linear"
    """Between two points: a straight line, half a cosine, or the earlier value held."""

    def __post_init__(self) -> None:
        check_fields(self)
        positions = [position for position, _ in self.points]
        if not positions:
            raise ConfigError("A schedule needs at least one (position, value) point.")
        if not all(is_finite(number) for point in self.points for number in point):
            raise ConfigError(f"A schedule's positions and values must be finite; got {self.points}.")
        if positions != sorted(set(positions)):
            raise ConfigError(f"A schedule's positions must rise; got {', '.join(map(str, positions))}.")
        if self.curve not in CURVES:
            raise ConfigError(f"curve: expected one of {', '.join(CURVES)}, got {self.curve!r}.")


@checked
def constant(value: float) -> Schedule:
    """The same value everywhere."""
    return Schedule(points=((0, float(value)),))


@checked
def value_at(schedule: Schedule, position: int | float) -> float:
    """The schedule's value at a step, or at a fraction of the run: what its points count."""
    points = schedule.points
    if position <= points[0][0]:
        return points[0][1]
    for (left, low), (right, high) in pairwise(points):
        if position < right:
            return low + (high - low) * _progress((position - left) / (right - left), schedule.curve)
    return points[-1][1]


def as_schedule(value: Any) -> Schedule:
    """Read a schedule over steps from a number, from pairs, or from text such as `0:0.5 500:0.9` or `0:1 1000:0 hold`.

    Raises:
        ConfigError: The text or the pairs cannot be read.
    """
    if isinstance(value, Schedule):
        return value
    if isinstance(value, str):
        return parse_points(value, fractions=False)
    if is_number(value):
        return constant(float(value))
    try:
        points = tuple((int(step), float(number)) for step, number in value)
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(
            f"Cannot read the schedule {shown(value)}: expected a number, pairs such as [[0, 0.5], [500, 0.9]], "
            "or text such as '0:0.5 500:0.9'."
        ) from None
    return Schedule(points=points)


def parse_points(text: str, *, fractions: bool) -> Schedule:
    """Read the text form: points apart by spaces or commas, and a curve; or a number alone, which stays.

    Args:
        text: Such as `0:1 0.5:0.8 1:0.3 cosine`.
        fractions: Whether positions are fractions of the run, [0, 1], instead of whole steps.

    Raises:
        ConfigError: Text of another form, or positions outside the run or not rising.
    """
    words = text.replace(",", " ").split()
    curve: Curve = "linear"
    if words and words[-1] in CURVES:
        curve = typing.cast(Curve, words.pop())
    try:
        if len(words) == 1 and ":" not in words[0]:
            return constant(float(words[0]))
        pairs = [word.split(":") for word in words]
        points = tuple((float(at) if fractions else int(at), float(value)) for at, value in pairs)
    except ValueError:
        example = "0:1 0.5:0.8 1:0.3" if fractions else "0:0.5 500:0.9"
        raise ConfigError(
            f"Cannot read the schedule {text!r}: expected a number, or points such as {example!r}, "
            f"optionally followed by {', '.join(CURVES[:-1])} or {CURVES[-1]}."
        ) from None
    if fractions and not all(0 <= position <= 1 for position, _ in points):
        raise ConfigError(f"Positions are fractions of the run, 0 to 1; got {text!r}.")
    return Schedule(points=points, curve=curve)


def text_of(schedule: Schedule) -> str:
    """The text that `parse_points` reads as this schedule, to the last digit."""
    words = [f"{position!r}:{value!r}" for position, value in schedule.points]
    return " ".join(words + ([] if schedule.curve == "linear" else [schedule.curve]))


def _progress(fraction: float, curve: Curve) -> float:
    if curve == "hold":
        return 0.0
    return fraction if curve == "linear" else (1 - math.cos(math.pi * fraction)) / 2
