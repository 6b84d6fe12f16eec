"""Schedules: values between points, and what is refused."""

import math

import pytest

from gencontrol.errors import ConfigError
from gencontrol.guidance.schedules import Schedule, as_schedule, constant, value_at


def test_constant_never_changes() -> None:
    assert [value_at(constant(0.3), step) for step in (0, 1, 10**6)] == [0.3] * 3


@pytest.mark.parametrize(("step", "expected"), [(0, 0.5), (50, 0.5), (100, 0.5), (200, 0.6), (500, 0.9), (900, 0.9)])
def test_linear_between_points_and_flat_outside(step: int, expected: float) -> None:
    assert value_at(Schedule(points=((100, 0.5), (500, 0.9))), step) == pytest.approx(expected)


def test_cosine_follows_half_a_cosine() -> None:
    schedule = Schedule(points=((0, 1.0), (100, 0.0)), curve="cosine")
    for step in (0, 25, 50, 80, 100):
        assert value_at(schedule, step) == pytest.approx((1 + math.cos(math.pi * step / 100)) / 2)


def test_hold_keeps_the_earlier_value() -> None:
    schedule = Schedule(points=((0, 1.0), (10, 2.0), (20, 3.0)), curve="hold")
    assert [value_at(schedule, step) for step in (0, 9, 10, 19, 20)] == [1, 1, 2, 2, 3]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (2, constant(2.0)),
        ("0.25", constant(0.25)),
        ("0:0.5 500:0.9", Schedule(points=((0, 0.5), (500, 0.9)))),
        ("0:1, 10:0.1 cosine", Schedule(points=((0, 1.0), (10, 0.1)), curve="cosine")),
        ([[0, 1], [5, 2.5]], Schedule(points=((0, 1.0), (5, 2.5)))),
    ],
)
def test_schedules_are_read_from_numbers_text_and_pairs(given, expected: Schedule) -> None:
    assert as_schedule(given) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("fast", "Cannot read the schedule 'fast'"),
        ("", "at least one"),
        ("10:1 5:2", "must rise; got 10, 5"),
        ("0:nan", "must be finite"),
        ("0:1 2", "'0:0.5 500:0.9'"),
        (None, "Cannot read the schedule None: expected a number, pairs"),
        ([0, 1], r"Cannot read the schedule \[0, 1\]"),
        ([[5, 1], [0, 1]], "must rise; got 5, 0"),
    ],
)
def test_unreadable_schedules_say_what_is_expected(given: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        as_schedule(given)
