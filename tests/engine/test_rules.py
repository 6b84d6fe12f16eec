"""Rules that cannot be."""

from typing import Any

import pytest

from gencontrol.engine import Rules
from gencontrol.errors import ConfigError
from gencontrol.runs.pairs.settings import PairsSettings


def test_usual_rules_and_bounds_that_are_reached() -> None:
    # The command line has the same ones.
    usual, flags = Rules(), PairsSettings()
    for name in ("score", "most", "overlap", "least_area", "most_area", "least_side", "agreement", "contrast"):
        assert getattr(usual, name) == getattr(flags, name), name
    assert usual.each == 1 and usual.agreement == 0.2 and usual.score is None and usual.most == 20
    Rules(score=1, overlap=0, least_area=0, most_area=1, least_side=1, agreement=-1)
    Rules(score=0, overlap=1, agreement=None, most=1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("score", 1.1),
        ("score", -0.1),
        ("most", 0),
        ("each", 0),
        ("overlap", 1.5),
        ("overlap", -0.5),
        ("least_area", -0.1),
        ("most_area", 1.1),
        ("most_area", 0.002),
        ("least_side", 0),
        ("agreement", 1.5),
        ("agreement", -1.5),
    ],
)
def test_numbers_out_of_range(field: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"`{field}`: expected .* got {value}"):
        Rules(**{field: value})
