"""How strongly a region acts: between the whole image and the region, constant or changing over the steps."""

import math
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from gencontrol.errors import InputError

MAX_STRENGTH = 2.0
"""Beyond twice the way from the whole image to the region, embeddings leave what hosts were trained on."""


def between(whole: Float[Tensor, "b d"], region: Float[Tensor, "b d"], strength: float) -> Float[Tensor, "b d"]:
    """`whole + strength (region - whole)`, exactly `region` at strength 1 and exactly `whole` at 0."""
    if strength == 1.0:
        return region
    return whole + strength * (region - whole)


@dataclass(frozen=True, kw_only=True)
class StrengthSchedule:
    """A strength that moves linearly from `start` to `end` while the run goes from `begin` to `until`.

    Before `begin` it is `start`, after `until` it is `end`; with both at the same place it jumps there.
    """

    start: float = 1.0
    """Strength at the first step; [0, 2]. 0 is the whole image, 1 the region."""
    end: float = 1.0
    """Strength at the last step; [0, 2]."""
    begin: float = 0.0
    """Where in the run it starts to move; [0, 1], 0 is the first step."""
    until: float = 1.0
    """Where in the run it arrives; [0, 1], 1 is the last step."""

    def __post_init__(self) -> None:
        check_strength(self.start, name="start")
        check_strength(self.end, name="end")
        if not 0.0 <= self.begin <= self.until <= 1.0:
            raise InputError(
                f"A schedule needs 0 <= begin <= until <= 1, got begin {self.begin} and until {self.until}: "
                "they are fractions of the run."
            )

    @property
    def is_constant(self) -> bool:
        """Whether the strength never changes."""
        return self.start == self.end

    def at(self, fraction: float) -> float:
        """The strength at a point of the run: 0 is the first step, 1 the last."""
        if fraction < self.begin:
            return self.start
        if fraction >= self.until:
            return self.end
        return self.start + (self.end - self.start) * (fraction - self.begin) / (self.until - self.begin)

    def at_step(self, step: int, steps: int) -> float:
        """The strength at one of `steps` steps, counted from 0."""
        return self.at(min(step / max(steps - 1, 1), 1.0))


def check_strength(value: float, *, name: str = "strength") -> None:
    """Refuse what lies outside [0, 2].

    Raises:
        InputError: Outside, or NaN.
    """
    if not (math.isfinite(value) and 0.0 <= value <= MAX_STRENGTH):
        raise InputError(
            f"{name}: expected a number from 0 (the whole image) over 1 (the region) to {MAX_STRENGTH:g}, got {value}."
        )


def as_schedule(strength: "float | StrengthSchedule") -> StrengthSchedule:
    """A number as the schedule that keeps it.

    Raises:
        InputError: Outside [0, 2].
    """
    if isinstance(strength, StrengthSchedule):
        return strength
    check_strength(strength)
    return StrengthSchedule(start=strength, end=strength)


def parse_schedule(text: str) -> StrengthSchedule:
    """Read `start:end`, or `start:end@begin:until` with fractions of the run.

    Raises:
        InputError: Text of another form, or values outside their ranges.
    """
    strengths, separator, window = text.partition("@")
    try:
        start, end = map(float, strengths.split(":"))
        begin, until = map(float, window.split(":")) if separator else (0.0, 1.0)
    except ValueError:
        raise InputError(
            f"Expected start:end, such as 1:0.3, or start:end@begin:until, such as 1:0@0.2:0.6, got {text!r}."
        ) from None
    return StrengthSchedule(start=start, end=end, begin=begin, until=until)
