"""What a picture may hold, and its size."""

import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.images.picture import Picture, check_unit_range


def test_size_is_height_and_width() -> None:
    assert Picture(rgb=torch.zeros(3, 4, 5)).size == (4, 5)


def test_check_unit_range_clamps_rounding_only() -> None:
    values = torch.tensor([-5e-4, 0.5, 1 + 5e-4])
    assert check_unit_range(values, name="x").tolist() == [0.0, 0.5, 1.0]
    with pytest.raises(InputError, match=r"x: expected values in \[0, 1\]"):
        check_unit_range(values * 1.01, name="x")
