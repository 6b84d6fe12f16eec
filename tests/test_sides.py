"""Axes of one name are equally long in all tensors of a call, or one line says which two do not go together."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.sides import matched


def plain(
    a: Float[Tensor, "*b d"], b: Float[Tensor, "*#b d"], c: Float[Tensor, "k d"] | None = None, *, scale: float = 1.0
) -> float:
    del a, b, c
    return scale


def views(rgb: Float[Tensor, "n 3 h w"], behind: Float[Tensor, "#n 3 #h #w"]) -> int:
    return len(rgb) + len(behind)


def _ones(*shape: int) -> Tensor:
    return torch.ones(shape)


@pytest.mark.parametrize(
    "shapes", [((2, 8), (2, 8)), ((2, 8), (1, 8)), ((5, 2, 8), (2, 8)), ((8,), (8,)), ((1, 8), (2, 8))]
)
def test_what_goes_together(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    assert matched(plain)(_ones(*shapes[0]), _ones(*shapes[1]), scale=3.0) == 3
    assert matched(plain)(_ones(*shapes[0]), b=_ones(*shapes[1]), c=_ones(4, 8)) == 1


@pytest.mark.parametrize(
    ("call", "given", "said"),
    [
        (
            plain,
            (_ones(2, 8), _ones(3, 8)),
            "plain: `a` (b..., d) of shape (2, 8) and `b` (b..., d) of shape (3, 8) do",
        ),
        (plain, (_ones(2, 8), _ones(2, 7)), "do not go together: d differs."),
        (plain, (_ones(2, 8), _ones(1, 8), _ones(4, 7)), "`c` (k, d) of shape (4, 7) do not go together: d differs."),
        (views, (_ones(2, 3, 9, 9), _ones(3, 3, 1, 1)), "do not go together: n differs."),
        (views, (_ones(2, 3, 9, 9), _ones(1, 3, 9, 4)), "do not go together: w differs."),
        (
            views,
            (_ones(2, 4, 9, 9), _ones(1, 3, 1, 1)),
            "views: rgb: expected a tensor (n, 3, h, w), got shape (2, 4, 9, 9)",
        ),
        (views, (_ones(2, 3, 9), _ones(1, 3, 1, 1)), "views: rgb: expected a tensor (n, 3, h, w) of floats, got shape"),
    ],
)
def test_what_does_not(call: Callable[..., Any], given: tuple[Tensor, ...], said: str) -> None:
    with pytest.raises(InputError) as refused:
        matched(call)(*given)
    assert said in str(refused.value)


def test_stretched_axes_and_missing_arguments() -> None:
    assert matched(views)(_ones(2, 3, 9, 9), _ones(1, 3, 1, 9)) == 3
    with pytest.raises(TypeError, match="missing"):
        matched(views)(_ones(2, 3, 9, 9))  # pyright: ignore[reportCallIssue]


def test_numbers_of_numpys_become_pythons() -> None:
    @matched
    def kind(value: float, *more: Any, **named: Any) -> list[type]:
        return [type(one) for one in (value, *more, *named.values())]

    two: Any = np.float32(2)
    assert kind(two, np.uint8(3), "a", size=np.int64(4)) == [float, int, str, int]
