"""Strength: the straight line through the whole image and the region, and its course over the steps."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from gencontrol.conditioning.strength import StrengthSchedule, as_strength, between, check_strength, parse_schedule
from gencontrol.errors import InputError


def test_between_is_the_line_through_both() -> None:
    whole, region = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, -2.0]])
    assert torch.equal(between(whole, region, 0.0), whole)
    assert torch.equal(between(whole, region, 1.0), region)
    assert_close(between(whole, region, 0.5), torch.tensor([[2.0, 0.0]]))
    assert_close(between(whole, region, 2.0), torch.tensor([[5.0, -6.0]]))


def test_strength_one_is_exact_in_half_precision() -> None:
    generator = torch.Generator().manual_seed(0)
    whole, region = torch.randn(2, 1, 64, generator=generator).half()
    assert torch.equal(between(whole, region, 1.0), region)


def test_schedule_moves_linearly_within_its_window() -> None:
    schedule = StrengthSchedule(start=1.0, end=0.0, begin=0.25, until=0.75)
    assert [schedule.at(f) for f in (0.0, 0.25, 0.5, 0.75, 1.0)] == [1.0, 1.0, 0.5, 0.0, 0.0]


def test_schedule_jumps_where_the_window_is_a_point() -> None:
    schedule = StrengthSchedule(start=2.0, end=0.5, begin=0.5, until=0.5)
    assert [schedule.at(f) for f in (0.0, 0.49, 0.5, 1.0)] == [2.0, 2.0, 0.5, 0.5]


def test_first_and_last_step_have_the_ends() -> None:
    schedule = StrengthSchedule(start=1.5, end=0.5)
    assert [schedule.at_step(i, 5) for i in range(5)] == [1.5, 1.25, 1.0, 0.75, 0.5]
    # After the last step callbacks ask for one more; with a single step there is nothing to move.
    assert schedule.at_step(5, 5) == 0.5
    assert schedule.at_step(0, 1) == 1.5


def test_a_number_is_a_constant_schedule() -> None:
    assert as_strength(0.3) == StrengthSchedule(start=0.3, end=0.3)
    assert as_strength(0.3).is_constant
    assert not StrengthSchedule(start=0.0).is_constant


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1:0.3", StrengthSchedule(start=1.0, end=0.3)),
        ("1:0@0.2:0.6", StrengthSchedule(start=1.0, end=0.0, begin=0.2, until=0.6)),
        (" 1 : 0 @ 0.2 : 0.6 ", StrengthSchedule(start=1.0, end=0.0, begin=0.2, until=0.6)),
        ("0:1 1:0.3", StrengthSchedule(start=1.0, end=0.3)),
        ("0:1,1:0.3", StrengthSchedule(start=1.0, end=0.3)),
        ("0.2:1 0.6:0", StrengthSchedule(start=1.0, end=0.0, begin=0.2, until=0.6)),
        (
            "0:1 0.5:0.8 1:0.3 cosine",
            StrengthSchedule(start=1.0, end=0.3, through=((0.5, 0.8),), curve="cosine"),
        ),
        ("0.5:0.7 hold", StrengthSchedule(start=0.7, end=0.7)),
        ("0.7 linear", StrengthSchedule(start=0.7, end=0.7)),
    ],
)
def test_parse_schedule(text: str, expected: StrengthSchedule) -> None:
    assert parse_schedule(text) == expected


@pytest.mark.parametrize("text", ["", "1", "1:2:3", "a:b", "1:0@0.5", "1:0@"])
def test_parse_schedule_refuses_other_text(text: str) -> None:
    with pytest.raises(InputError, match=r"Expected start:end, such as 1:0\.3"):
        parse_schedule(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0:1 1.5:0.3", "Positions are fractions of the run"),
        ("0:1 0.5", "Cannot read the schedule '0:1 0.5'.*points such as '0:1 0.5:0.8 1:0.3'"),
        ("0:1 1:0@0.2:0.6", "Cannot read the schedule"),
        ("0.5:1 0.2:0", "must rise; got 0.5, 0.2"),
        ("0:1 0.5:2.5 1:1", "the strength at 0.5 of the run: expected a number from 0"),
        ("0:1 1:3", "end: expected a number from 0"),
    ],
)
def test_parse_schedule_refuses_points_outside_their_ranges(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_schedule(text)


@pytest.mark.parametrize(
    "schedule",
    [
        StrengthSchedule(),
        StrengthSchedule(start=0.1 + 0.2, end=1 / 3, begin=0.2, until=0.6),
        StrengthSchedule(start=2.0, end=0.5, begin=0.5, until=0.5),
        StrengthSchedule(start=1.0, end=0.3, through=((0.25, 0.5), (0.5, 0.8)), curve="hold"),
    ],
)
def test_text_is_read_back(schedule: StrengthSchedule) -> None:
    assert parse_schedule(schedule.text) == schedule


def test_strength_goes_through_every_point_along_its_curve() -> None:
    places = (0.0, 0.25, 0.5, 0.75, 1.0)
    course = {"start": 1.0, "end": 0.0, "begin": 0.0, "until": 1.0, "through": ((0.5, 2.0),)}
    assert [StrengthSchedule(**course).at(f) for f in places] == [1.0, 1.5, 2.0, 1.0, 0.0]
    assert [StrengthSchedule(**course, curve="hold").at(f) for f in places] == [1.0, 1.0, 2.0, 2.0, 0.0]
    eighth = StrengthSchedule(**course, curve="cosine").at(0.125)
    assert eighth == pytest.approx(1 + (1 - math.cos(math.pi / 4)) / 2)


def test_a_strength_that_comes_back_is_not_constant() -> None:
    assert not StrengthSchedule(through=((0.5, 0.2),)).is_constant
    assert StrengthSchedule(through=((0.5, 1.0),)).is_constant


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"through": ((0.0, 1.0),)}, "positions must rise, got 0, 0, 1"),
        ({"through": ((0.5, 1.0), (0.4, 1.0))}, "positions must rise, got 0, 0.5, 0.4, 1"),
        ({"through": ((0.7, 1.0),), "until": 0.6}, "positions must rise"),
    ],
)
def test_impossible_courses(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        StrengthSchedule(**settings)


def test_there_is_no_other_curve(unchecked: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match="curve: expected one of linear, cosine, hold, got 'cubic'"):
        unchecked(StrengthSchedule, **vars(StrengthSchedule()) | {"curve": "cubic"})


@pytest.mark.parametrize("value", [-0.1, 2.1, float("nan"), float("inf")])
def test_strength_outside_its_range(value: float) -> None:
    with pytest.raises(InputError, match=r"strength: expected a number from 0 \(the whole image\) .* got"):
        check_strength(value)
    with pytest.raises(InputError, match="start: expected"):
        StrengthSchedule(start=value)


@pytest.mark.parametrize(("begin", "until"), [(0.6, 0.2), (-0.1, 1.0), (0.0, 1.1)])
def test_window_outside_the_run(begin: float, until: float) -> None:
    with pytest.raises(InputError, match="0 <= begin <= until <= 1"):
        StrengthSchedule(begin=begin, until=until)


def test_defaults_are_the_region_throughout() -> None:
    assert StrengthSchedule() == StrengthSchedule(start=1.0, end=1.0, begin=0.0, until=1.0, through=(), curve="linear")
    assert StrengthSchedule().is_constant
