"""Boxes as they come, and the box as its own mask."""

import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.proposals.segmenter import BoxSegmenter, check_boxes


def test_boxes_are_cut_at_the_edges() -> None:
    boxes = check_boxes(torch.tensor([[-5.0, 2, 40, 10], [3, 4, 5, 6]]), (20, 30))
    assert boxes.tolist() == [[0, 2, 30, 10], [3, 4, 5, 6]]


@pytest.mark.parametrize(
    "box", [(5.0, 5, 5, 9), (5, 9, 8, 9), (9, 5, 5, 9), (31, 0, 40, 5), (0, -9, 5, -1), (0, 0, float("nan"), 5)]
)
def test_a_box_that_is_none(box: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match=r"boxes\[1\] is \(.*within 30 x 20 \(width x height\)"):
        check_boxes(torch.tensor([[0.0, 0, 5, 5], box]), (20, 30))


def test_a_box_as_its_mask() -> None:
    boxes = torch.tensor([[2.0, 3, 6, 5], [0.6, 0.4, 2.4, 1.6], [-9, -9, 99, 99]])
    found = BoxSegmenter().segment(torch.zeros(3, 8, 10), boxes)
    assert found.scores is None and found.masks.shape == (3, 8, 10)
    assert found.masks[0].nonzero().tolist() == [[y, x] for y in (3, 4) for x in (2, 3, 4, 5)]
    assert found.masks[1].nonzero().tolist() == [[0, 1], [1, 1]]
    assert found.masks[2].all()
    assert BoxSegmenter().segment(torch.zeros(3, 8, 10), torch.zeros(0, 4)).masks.shape == (0, 8, 10)
