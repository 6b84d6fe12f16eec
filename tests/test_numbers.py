"""Numbers within bounds pass, all else is refused in words that say the bounds."""

import json
import math
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from gencontrol.errors import ConfigError, InputError
from gencontrol.kinds import check_fields, checked
from gencontrol.numbers import check_number, check_temperature, is_finite, is_number, number_text, plain_number
from gencontrol.schedules import as_schedule
from gencontrol.tasks.llava.answering import Decoding


@pytest.mark.parametrize(
    ("value", "bounds"),
    [
        (0, {"at_least": 0}),
        (2.0, {"at_most": 2}),
        (1e-9, {"above": 0}),
        (0.999, {"below": 1}),
        (-1e300, {}),
        (0.5, {"at_least": 0.5, "at_most": 0.5}),
    ],
)
def test_what_lies_within(value: float | int, bounds: dict[str, Any]) -> None:
    check_number(value, name="x", **bounds)


@pytest.mark.parametrize(
    ("value", "bounds", "message"),
    [
        (-0.1, {"at_least": 0}, "x: expected 0 or more, got -0.1."),
        (2.1, {"at_least": 0, "at_most": 2}, "x: expected 0 or more and at most 2, got 2.1."),
        (0, {"above": 0, "at_most": 1}, "x: expected above 0 and at most 1, got 0."),
        (1.0, {"at_least": 0, "below": 1}, "x: expected 0 or more and below 1, got 1.0."),
        (
            1e300,
            {"at_least": 0, "at_most": 100000, "unit": "pixels"},
            "x: expected 0 or more pixels and at most 100,000",
        ),
        (math.nan, {}, "x: expected a finite number, got nan."),
        (math.inf, {"at_least": 0}, "x: expected 0 or more, got inf."),
        (-math.inf, {}, "x: expected a finite number, got -inf."),
        (True, {}, "x: expected a finite number, got True."),
    ],
)
def test_what_does_not(value: float | int, bounds: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_number(value, name="x", **bounds)
    assert str(caught.value).startswith(message)


def test_the_error_is_the_callers() -> None:
    with pytest.raises(InputError, match="strength: expected"):
        check_number(math.nan, name="strength", error=InputError)


@pytest.mark.parametrize("value", [10**309, -(10**309), math.nan, math.inf])
def test_what_no_float_holds_is_not_finite(value: float | int) -> None:
    assert not is_finite(value)
    with pytest.raises(ConfigError, match="x: expected a finite number, got "):
        check_number(value, name="x")


@pytest.mark.parametrize("value", [0, -3, 1.5, 10**308, -0.0])
def test_what_a_float_holds_is_finite(value: float | int) -> None:
    assert is_finite(value)
    assert number_text(value) == str(value)


def test_numbers_too_long_to_be_written_are_told_by_their_size() -> None:
    assert number_text(2**20_000) == "2^20000 and more"
    assert number_text(-(2**20_000) - 1) == "-2^20000 and more"
    assert number_text(math.inf) == "inf"


@pytest.mark.parametrize("fine", [0, 0.0, 1e-4, 1, 1e308])
def test_temperatures(fine: float) -> None:
    check_temperature(fine, name="`temperature`")


@pytest.mark.parametrize("wrong", [1e-300, 9e-5])
def test_temperatures_at_which_logits_overflow(wrong: float) -> None:
    with pytest.raises(ConfigError, match=rf"^`temperature`: expected 0, or 0\.0001 or more, got {wrong}\.$"):
        check_temperature(wrong, name="`temperature`")
    with pytest.raises(ConfigError, match=r"expected 0, or 0\.0001"):
        Decoding(temperature=wrong)


def test_temperatures_below_zero() -> None:
    with pytest.raises(ConfigError, match="expected 0 or more, got nan"):
        check_temperature(float("nan"), name="`temperature`")


@pytest.mark.parametrize(
    ("value", "plain"),
    [(np.uint8(200), 200), (np.int64(-3), -3), (np.float32(0.5), 0.5), (Fraction(1, 4), 0.25), (2**70, 2**70)],
)
def test_numbers_of_other_kinds_are_numbers(value: Any, plain: float | int) -> None:
    assert is_number(value)
    check_number(value, name="x", at_least=plain, at_most=plain)
    assert plain_number(value) == plain and type(plain_number(value)) is type(plain)


@pytest.mark.parametrize("value", [True, np.bool_(True), "3", None, 1j, np.ones(1), Fraction(10**400)])
def test_what_stays_as_it_is(value: Any) -> None:
    assert plain_number(value) is value
    with pytest.raises(ConfigError, match="x: expected"):
        check_number(value, name="x")


def number(value: Any) -> Any:
    """As nothing that a type checker would refuse; people have none."""
    return value


def test_calls_and_records_take_numbers_of_numpys() -> None:
    # At 8 bits 200 and 100 would be 44, and of 32 no text of JSON can be made.
    @checked
    def added(value: int) -> int:
        return value + 100

    assert added(number(np.uint8(200))) == 300

    @dataclass(frozen=True)
    class Record:
        share: float
        count: int | None = None

        def __post_init__(self) -> None:
            check_fields(self)

    assert json.dumps(asdict(Record(number(np.float32(0.5)), number(np.int64(3))))) == '{"share": 0.5, "count": 3}'
    assert as_schedule(number(np.float32(0.5))) == as_schedule(0.5)
