"""Numbers of a run: what can be, and one check of guidance for the pipelines and the command line."""

import inspect
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gencontrol.conditioning.sampling import check_guidance, check_sampling
from gencontrol.errors import ConfigError, InputError


@pytest.mark.parametrize("scale", [0, 1.0, 3.0, 1000.0])
def test_scales_that_can_be(scale: float) -> None:
    check_guidance(scale)


@pytest.mark.parametrize(
    ("scale", "bound"), [(-0.1, "0 or more"), (1000.1, "at most 1000"), (1e30, "at most"), (math.nan, "0 or more")]
)
def test_scales_that_cannot(scale: float, bound: str) -> None:
    with pytest.raises(InputError, match=f"guidance_scale: expected a scale of {bound}"):
        check_guidance(scale)


def test_a_scale_is_a_number() -> None:
    """By itself: where types are checked, as in these tests, it is not reached with anything else."""
    wrong: Any = SimpleNamespace(scale=None)
    with pytest.raises(InputError, match=r"expected a number, got .*3\.0.*, a float32: give a float\.$"):
        inspect.unwrap(check_guidance)(np.float32(3))  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="guidance_scale: expected a number, got None"):
        inspect.unwrap(check_guidance)(wrong.scale)


def test_a_negative_needs_guidance() -> None:
    check_guidance(1.01, negative="x")
    with pytest.raises(ConfigError, match="x acts through classifier-free guidance: give scale above 1"):
        check_guidance(1.0, negative="x", name="scale", error=ConfigError)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"steps": 0}, "num_inference_steps: expected 1 or more"),
        ({"steps": 10_001}, "num_inference_steps: expected 1 or more and at most 10,000, got 10001"),
        ({"pictures": 0}, "num_images_per_prompt: expected 1 or more"),
        ({"pictures": 100_001}, "num_images_per_prompt: .* at most 100,000"),
        ({"eta": math.nan}, "eta: expected 0 or more and at most 1, got nan"),
        ({"eta": 1.1}, "eta: expected"),
        ({"size": (13, None)}, "height: expected a multiple of 8 pixels, got 13"),
        ({"size": (None, -8)}, "width: expected 8 or more pixels and at most 8,192, got -8"),
        ({"size": (8200, 8)}, "height: expected 8 or more pixels and at most 8,192, got 8200"),
    ],
)
def test_numbers_with_which_nothing_is_drawn(numbers: dict, message: str) -> None:
    check_sampling(steps=1, pictures=1, eta=1)
    check_sampling(steps=10_000, pictures=100_000, size=(8, 8192))
    given: Any = {"steps": 1, "pictures": 1} | numbers
    with pytest.raises(InputError, match=message):
        check_sampling(**given)
