"""Boxes around parts."""

import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.focus.boxes import part_box
from gencontrol.regions.shapes import box_alpha


def test_part_box() -> None:
    assert part_box(box_alpha((3, 2, 9, 7), (12, 14))) == (3, 2, 9, 7)
    assert part_box(torch.ones(5, 6)) == (0, 0, 6, 5)
    faint = 0.2 * box_alpha((3, 2, 9, 7), (12, 14)) + 0.05 * box_alpha((0, 0, 14, 12), (12, 14))
    assert part_box(faint) == (3, 2, 9, 7)
    with pytest.raises(InputError, match="region is empty"):
        part_box(torch.zeros(4, 4))
