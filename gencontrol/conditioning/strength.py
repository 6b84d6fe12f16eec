"""How strongly a region acts: between the whole image and the region, constant or changing over the steps."""

import re
from dataclasses import dataclass
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor

from gencontrol.errors import ConfigError, InputError
from gencontrol.kinds import check_fields, checked
from gencontrol.numbers import is_finite, number_text
from gencontrol.schedules import CURVES, Curve, Schedule, parse_points, text_of, value_at

ENDS = " (the whole image) through 1 (the region)"
"""What 0 and 1 are, in messages; a reference's weight over the steps is a schedule too, and has no such ends."""
MAX_STRENGTH = 2.0
"""Beyond twice the way from the whole image to the region, embeddings leave what hosts were trained on."""


def between(whole: Float[Tensor, "b d"], region: Float[Tensor, "b d"], strength: float) -> Float[Tensor, "b d"]:
    """`whole + strength (region - whole)`, exactly `region` at strength 1 and exactly `whole` at 0."""
    if strength == 1.0:
        return region
    return whole + strength * (region - whole)


@dataclass(frozen=True, kw_only=True)
class StrengthSchedule:
    """A strength that moves from `start` to `end` while the run goes from `begin` to `until`.

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
    through: tuple[tuple[float, float], ...] = ()
    """(position, strength) pairs on the way, with positions that rise from `begin` to `until`, both exclusive."""
    curve: Curve = "linear"
    """Between two of these: a straight line, half a cosine, or the earlier strength held."""

    def __post_init__(self) -> None:
        check_fields(self)
        check_strength(self.start, name="start")
        check_strength(self.end, name="end")
        for place, strength in self.through:
            check_strength(strength, name=f"the strength at {place:g} of the run")
        if not 0.0 <= self.begin <= self.until <= 1.0:
            raise InputError(
                f"A schedule needs 0 <= begin <= until <= 1, got begin {self.begin} and until {self.until}: "
                "they are fractions of the run."
            )
        places = [place for place, _ in self.points]
        if self.through and not all(a < b for a, b in pairwise(places)):
            raise InputError(f"A schedule's positions must rise, got {', '.join(f'{p:g}' for p in places)}.")
        if self.curve not in CURVES:
            raise InputError(f"curve: expected one of {', '.join(CURVES)}, got {self.curve!r}.")

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """Every (position, strength) pair, the ends included."""
        return ((self.begin, self.start), *self.through, (self.until, self.end))

    @property
    def is_constant(self) -> bool:
        """Whether the strength never changes."""
        return all(strength == self.start for _, strength in self.points)

    @property
    def text(self) -> str:
        """What `parse_schedule` reads as the same course."""
        if self.begin == self.until:
            # Two points in one place are no course: the window says where it jumps.
            return f"{self.start!r}:{self.end!r}@{self.begin!r}:{self.until!r}"
        return text_of(Schedule(points=self.points, curve=self.curve))

    def at(self, fraction: float) -> float:
        """The strength at a point of the run: 0 is the first step, 1 the last."""
        if fraction < self.begin:
            return self.start
        if fraction >= self.until:
            return self.end
        return value_at(Schedule(points=self.points, curve=self.curve), fraction)

    def at_step(self, step: int, steps: int) -> float:
        """The strength at one of `steps` steps, counted from 0."""
        return self.at(min(step / max(steps - 1, 1), 1.0))


def check_strength(value: float, *, name: str = "strength") -> None:
    """Refuse what lies outside [0, 2].

    Raises:
        InputError: Outside, or NaN.
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (is_number and is_finite(value) and 0.0 <= value <= MAX_STRENGTH):
        got = number_text(value) if is_number else value
        raise InputError(f"{name}: expected a number from 0{ENDS} to {MAX_STRENGTH:g}, got {got}.")


def as_strength(strength: "float | StrengthSchedule") -> StrengthSchedule:
    """A number as the schedule that keeps it.

    Raises:
        InputError: Outside [0, 2].
    """
    if isinstance(strength, StrengthSchedule):
        return strength
    check_strength(strength)
    return StrengthSchedule(start=strength, end=strength)


@checked
def parse_schedule(text: str) -> StrengthSchedule:
    """Read the strength at points of the run, or the short form for two of them.

    Args:
        text: Points `position:strength` and a curve, see `gencontrol.schedules`, such as `0:1 0.5:0.8 1:0.3 cosine`;
            positions are fractions of the run. One pair alone is the short form `start:end`, here as ever, or
            `start:end@begin:until` with the fractions between which it moves.

    Raises:
        InputError: Text of another form, or values outside their ranges.
    """
    words = re.sub(r"\s*([:@])\s*", r"\1", text).replace(",", " ").split()
    if len(words) < 2:
        return _from_short(text)
    try:
        schedule = parse_points(" ".join(words), fractions=True)
    except ConfigError as error:
        raise InputError(str(error)) from None
    return _from_points(schedule)


def _from_short(text: str) -> StrengthSchedule:
    strengths, separator, window = text.partition("@")
    try:
        start, end = map(float, strengths.split(":"))
        begin, until = map(float, window.split(":")) if separator else (0.0, 1.0)
    except ValueError:
        raise InputError(
            f"Expected start:end, such as 1:0.3, or start:end@begin:until, such as 1:0@0.2:0.6, or points "
            f"position:strength in fractions of the run, such as '0:1 0.5:0.8 1:0.3 cosine', got {text!r}."
        ) from None
    return StrengthSchedule(start=start, end=end, begin=begin, until=until)


def _from_points(schedule: Schedule) -> StrengthSchedule:
    if len(schedule.points) == 1:
        return as_strength(schedule.points[0][1])
    (begin, start), *through, (until, end) = ((float(place), strength) for place, strength in schedule.points)
    return StrengthSchedule(
        start=start, end=end, begin=begin, until=until, through=tuple(through), curve=schedule.curve
    )
