"""Schedules: values between points, and what is refused."""

import math

import pytest

from gencontrol.errors import ConfigError
from gencontrol.schedules import Schedule, as_schedule, constant, parse_points, text_of, value_at


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


def test_positions_may_be_fractions_of_the_run() -> None:
    schedule = Schedule(points=((0.25, 1.0), (0.5, 0.0), (1.0, 2.0)))
    assert [value_at(schedule, at) for at in (0.0, 0.25, 0.375, 0.5, 0.75, 1.0)] == [1.0, 1.0, 0.5, 0.0, 1.0, 2.0]


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
    ("text", "expected"),
    [
        ("0:1 0.5:0.8 1:0.3 cosine", Schedule(points=((0.0, 1.0), (0.5, 0.8), (1.0, 0.3)), curve="cosine")),
        ("0:1,1:0.3 hold", Schedule(points=((0.0, 1.0), (1.0, 0.3)), curve="hold")),
        ("0.5", constant(0.5)),
    ],
)
def test_points_are_read_as_fractions_of_the_run(text: str, expected: Schedule) -> None:
    assert parse_points(text, fractions=True) == expected


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule(points=((0, 0.1 + 0.2), (500, 1e-9)), curve="hold"),
        Schedule(points=((0.1, 1.0), (1 / 3, 2.0), (1.0, -1.5)), curve="cosine"),
        Schedule(points=((0, 1.0), (7, 2.0))),
    ],
)
def test_text_is_read_back_to_the_last_digit(schedule: Schedule) -> None:
    fractions = isinstance(schedule.points[0][0], float)
    assert parse_points(text_of(schedule), fractions=fractions) == schedule


def test_text_is_short() -> None:
    assert text_of(Schedule(points=((0, 0.5), (500, 0.9)))) == "0:0.5 500:0.9"
    assert text_of(Schedule(points=((0.0, 1.0), (0.5, 0.25)), curve="cosine")) == "0.0:1.0 0.5:0.25 cosine"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0:1 1.5:0", r"Positions are fractions of the run, 0 to 1; got '0:1 1\.5:0'"),
        ("-0.1:1 1:0", "Positions are fractions"),
        ("nan:1 1:0", "Positions are fractions"),
        ("0:1 1", "points such as '0:1 0.5:0.8 1:0.3', optionally followed by linear, cosine or hold"),
        ("0.5:1 0.5:0", "must rise; got 0.5, 0.5"),
    ],
)
def test_unreadable_fractions(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_points(text, fractions=True)


def test_impossible_schedules() -> None:
    # Past the type checks that the tests run under, as a user without them would.
    wrong = object.__new__(Schedule)
    for name, value in (("points", ((0, 1.0),)), ("curve", "cubic")):
        object.__setattr__(wrong, name, value)
    with pytest.raises(ConfigError, match="curve: expected one of linear, cosine, hold, got 'cubic'"):
        wrong.__post_init__()
    with pytest.raises(ConfigError, match="positions and values must be finite"):
        Schedule(points=((math.inf, 1.0),))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("0.5:1 1:2", "Cannot read the schedule '0.5:1 1:2'.* '0:0.5 500:0.9'"),
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
