"""Settings of a calibration that cannot be."""

from dataclasses import replace

import pytest

from gencontrol.errors import ConfigError
from gencontrol.runs.calibration.settings import CalibrationSettings, check_calibration

GIVEN = CalibrationSettings(masks="masks")


def test_defaults_are_fine() -> None:
    check_calibration(GIVEN)
    assert (GIVEN.points, GIVEN.form, GIVEN.way, GIVEN.output) == (21, "a {}", "auto", "levels-curve.json")
    check_calibration(replace(GIVEN, points=3, form="{}"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"masks": ""}, "`masks`: name a folder"),
        ({"output": " "}, "`output` is empty"),
        ({"form": "a {thing}"}, "`form`: expected a text with one"),
        ({"points": 2}, "`points`: expected 3 or more and at most 1,001, got 2"),
    ],
)
def test_what_cannot_be(changes: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_calibration(replace(GIVEN, **changes))
