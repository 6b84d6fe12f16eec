"""Masks of annotations by hand."""

import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.tasks.protocols.outlines import outline_alpha, within


def test_polygons_and_run_lengths_are_the_same_mask() -> None:
    # The case of COCO's tools: rows 1-2 and columns 1-3 of 4 x 5.
    expected = torch.zeros(4, 5)
    expected[1:3, 1:4] = 1
    for outline in (
        [[1, 1, 4, 1, 4, 3, 1, 3]],
        [[1, 1, 2, 1, 2, 3, 1, 3], [2, 1, 4, 1, 4, 3, 2, 3]],
        {"size": [4, 5], "counts": [5, 2, 2, 2, 2, 2, 5]},
        {"size": [4, 5], "counts": "5220003"},
    ):
        assert torch.equal(outline_alpha(outline, (0, 0, 5, 4), (4, 5)), expected)


def test_a_thing_without_an_outline_is_its_box() -> None:
    expected = torch.zeros(4, 5)
    expected[2:, 3:] = 1
    for outline in (None, [], {"size": [4, 5], "counts": [20]}):
        assert torch.equal(outline_alpha(outline, (3, 2, 9, 9), (4, 5)), expected)


def test_boxes_that_stick_out_keep_a_pixel() -> None:
    assert within((-3, 1, 4, 99), (10, 20)) == (0, 1, 4, 10)
    assert within((30, -5, 40, -2), (10, 20)) == (19, 0, 20, 1)
    assert within((2, 2, 2, 2), (10, 20)) == (2, 2, 3, 3)


def test_outlines_that_cannot_be_meant() -> None:
    with pytest.raises(InputError, match=r"mask is 5 x 4, and its picture 6 x 4 \(width x height\)"):
        outline_alpha({"size": [4, 5], "counts": [20]}, (0, 0, 1, 1), (4, 6))
    with pytest.raises(InputError, match="fill 19 pixels"):
        outline_alpha({"size": [4, 5], "counts": [19]}, (0, 0, 1, 1), (4, 5))
    for outline in ([[1, 2, 3, 4]], [[1, 2, 3, 4, 5, 6, 7]], [["a"] * 6], [[float("nan")] * 6], 7):
        with pytest.raises(InputError, match=r"neither polygons nor run lengths: .*[^.]\.$"):
            outline_alpha(outline, (0, 0, 1, 1), (4, 5))
