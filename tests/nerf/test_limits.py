"""Limits of settings: the bounds themselves are allowed, and messages name the setting."""

from types import SimpleNamespace
from typing import Any

import pytest

from gencontrol.errors import ConfigError
from gencontrol.nerf.limits import SEEDS, check_limits

LIMITS = {"count": (1, 9), "angle": (-90.0, 90.0)}


@pytest.mark.parametrize(("count", "angle"), [(1, -90.0), (9, 90.0), (None, 0.5)])
def test_the_bounds_themselves_are_taken(count: int | None, angle: float) -> None:
    check_limits(SimpleNamespace(count=count, angle=angle), LIMITS)


@pytest.mark.parametrize(
    ("count", "angle", "message"),
    [
        (0, 0.0, "^`count` must be at least 1; got 0.$"),
        (10, 0.0, "^`count` must be at most 9; got 10.$"),
        (1, -90.5, "^`angle` must be at least -90; got -90.5.$"),
        (1, float("inf"), "^`angle` must be at most 90; got inf.$"),
        (1, float("nan"), "^`angle` must be a number from -90 to 90; got nan.$"),
        pytest.param(10**5000, 0.0, r"^`count` must be at most 9; got 2\^16609 and more\.$", id="huge"),
        pytest.param(-(10**400), 0.0, r"^`count` must be at least 1; got -2\^1328 and more\.$", id="huge and negative"),
        ("many", 0.0, r"^`count` must be a number from 1 to 9; got many\.$"),
        (True, 0.0, r"^`count` must be a number from 1 to 9; got True\.$"),
    ],
)
def test_what_lies_outside_is_refused_by_name(count: Any, angle: float, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_limits(SimpleNamespace(count=count, angle=angle), LIMITS)


def test_a_group_can_be_named() -> None:
    with pytest.raises(ConfigError, match=r"^`orbit.count` must"):
        check_limits(SimpleNamespace(count=0, angle=0.0), LIMITS, where="orbit.")


def test_seeds_are_those_that_numpy_takes() -> None:
    import numpy as np

    for seed in SEEDS:
        np.random.RandomState(seed)
    for seed in (SEEDS[0] - 1, SEEDS[1] + 1):
        with pytest.raises(ValueError, match="Seed"):
            np.random.RandomState(seed)
