"""What a picture may hold, and its size."""

import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.images.picture import Picture, byte_planes, check_unit_range, unit_planes


def test_size_is_height_and_width() -> None:
    assert Picture(rgb=torch.zeros(3, 4, 5)).size == (4, 5)


def test_check_unit_range_clamps_rounding_only() -> None:
    values = torch.tensor([-5e-4, 0.5, 1 + 5e-4])
    assert check_unit_range(values, name="x").tolist() == [0.0, 0.5, 1.0]
    with pytest.raises(InputError, match=r"x: expected values in \[0, 1\]"):
        check_unit_range(values * 1.01, name="x")


def test_planes_of_bytes_are_floats_when_they_are_asked_for() -> None:
    levels = torch.tensor([[0, 51, 255]], dtype=torch.uint8)
    picture = Picture(rgb=levels.expand(3, -1, -1), alpha=levels)
    assert picture.alpha is not None
    assert picture.alpha.tolist() == picture.rgb[2].tolist() == [[0.0, torch.tensor(0.2).item(), 1.0]]
    assert picture.size == (1, 3) and repr(picture) == "Picture(3 x 1, torch.uint8, with alpha)"
    assert levels.tolist() == [[0, 51, 255]]


def test_planes_of_floats_are_the_callers_own() -> None:
    rgb = torch.rand(3, 4, 5, dtype=torch.float64)
    assert Picture(rgb=rgb).rgb is rgb and Picture(rgb=rgb).alpha is None
    assert repr(Picture(rgb=rgb)) == "Picture(5 x 4, torch.float64)"
    assert unit_planes(rgb) is rgb


def test_values_within_the_range_are_not_copied() -> None:
    values = torch.tensor([0.0, 0.5, 1.0], requires_grad=True)
    assert check_unit_range(values, name="x") is values
    over = (values + 5e-4).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(check_unit_range(over, name="x").sum(), over)
    assert gradient.tolist() == [1.0, 1.0, 0.0]


def test_planes_as_bytes() -> None:
    stored = torch.tensor([[[0, 255]]], dtype=torch.uint8)
    assert byte_planes(stored) is stored
    assert byte_planes(torch.tensor([[-1.0, 0.5, 0.502, 2.0]])).tolist() == [[0, 128, 128, 255]]
