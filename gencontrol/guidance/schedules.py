"""Weights that change while training: a few (step, value) points and what happens between them."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from gencontrol.errors import ConfigError

Curve = Literal["linear", "cosine", "hold"]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A number as a function of the training step."""

    points: tuple[tuple[int, float], ...]
    """(step, value) pairs with rising steps; before the first and after the last the value stays."""
    curve: Curve = "linear"
    """Between two points: a straight line, half a cosine, or the earlier value held."""

    def __post_init__(self) -> None:
        steps = [step for step, _ in self.points]
        if not steps:
            raise ConfigError("A schedule needs at least one (step, value) point.")
        if steps != sorted(set(steps)):
            raise ConfigError(f"A schedule's steps must rise; got {', '.join(map(str, steps))}.")
        if not all(math.isfinite(value) for _, value in self.points):
            raise ConfigError(f"A schedule's values must be finite; got {self.points}.")


def constant(value: float) -> Schedule:
    """The same value at every step."""
    return Schedule(points=((0, float(value)),))


def value_at(schedule: Schedule, step: int) -> float:
    """The schedule's value at a step."""
    points = schedule.points
    if step <= points[0][0]:
        return points[0][1]
    for (left, low), (right, high) in pairwise(points):
        if step < right:
            return low + (high - low) * _progress((step - left) / (right - left), schedule.curve)
    return points[-1][1]


def as_schedule(value: Any) -> Schedule:
    """Read a schedule from a number, from pairs, or from text such as `0:0.5 500:0.9` or `0:1 1000:0.1 cosine`.

    Raises:
        ConfigError: The text or the pairs cannot be read.
    """
    if isinstance(value, Schedule):
        return value
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, int | float):
        return constant(float(value))
    try:
        points = tuple((int(step), float(number)) for step, number in value)
    except (TypeError, ValueError):
        raise ConfigError(
            f"Cannot read the schedule {value!r}: expected a number, pairs such as [[0, 0.5], [500, 0.9]], "
            "or text such as '0:0.5 500:0.9'."
        ) from None
    return Schedule(points=points)


def _progress(fraction: float, curve: Curve) -> float:
    if curve == "hold":
        return 0.0
    return fraction if curve == "linear" else (1 - math.cos(math.pi * fraction)) / 2


def _from_text(text: str) -> Schedule:
    words = text.replace(",", " ").split()
    curve: Curve = "linear"
    if words and words[-1] in ("linear", "cosine", "hold"):
        curve = words.pop()  # pyright: ignore[reportAssignmentType]
    try:
        if len(words) == 1 and ":" not in words[0]:
            return constant(float(words[0]))
        pairs = [word.split(":") for word in words]
        return Schedule(points=tuple((int(step), float(number)) for step, number in pairs), curve=curve)
    except ConfigError:
        raise
    except ValueError:
        raise ConfigError(
            f"Cannot read the schedule {text!r}: expected a number, or points such as '0:0.5 500:0.9', "
            "optionally followed by linear, cosine or hold."
        ) from None
