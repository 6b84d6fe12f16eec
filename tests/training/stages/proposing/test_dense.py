"""The dense loss: who answers for a box, and how wrong the answer is."""

import torch
from torch.testing import assert_close

from gencontrol.training.stages.proposing.dense import (
    answering,
    best_boxes,
    dense_losses,
    overlaps,
    patch_middles,
    to_corners,
    to_middles,
)


def test_middles_of_patches_go_row_by_row() -> None:
    assert_close(
        patch_middles(2, 4)[:5],
        torch.tensor([[0.125, 0.25], [0.375, 0.25], [0.625, 0.25], [0.875, 0.25], [0.125, 0.75]]),
    )


def test_boxes_turn_into_corners_and_back() -> None:
    boxes = torch.tensor([[0.5, 0.4, 0.2, 0.6]])
    assert_close(to_corners(boxes), torch.tensor([[0.4, 0.1, 0.6, 0.7]]))
    assert_close(to_middles(to_corners(boxes)), boxes)


def test_patches_around_a_boxs_middle_answer_for_it() -> None:
    middles = patch_middles(8, 8)
    # The middle half of a box of 4 patches' side is two patches wide; a small box has its nearest patch.
    boxes = torch.tensor([[[0.5, 0.5, 0.5, 0.5], [0.07, 0.95, 0.01, 0.01], [0.5, 0.5, 0.1, 0.1]]])
    answers = answering(middles, boxes, torch.tensor([[True, True, False]]))[0]
    assert answers[:, 0].nonzero()[:, 0].tolist() == [27, 28, 35, 36]
    assert answers[:, 1].nonzero()[:, 0].tolist() == [56]
    assert not answers[:, 2].any()


def test_of_two_boxes_the_nearer_one_in_its_own_measure_is_answered_for() -> None:
    middles = patch_middles(8, 8)
    boxes = torch.tensor([[[0.5, 0.5, 1.0, 1.0], [0.6875, 0.5, 0.5, 0.5]]])
    both = answering(middles, boxes, torch.ones(1, 2, dtype=torch.bool))[0]
    # Of the patch in row 3, column 5 the second box's middle is nearer, of column 4 (0.06 of 1 away) the first's.
    assert both[29].tolist() == [False, True] and both[28].tolist() == [True, False]
    alone = answering(middles, boxes, torch.tensor([[True, False]]))[0]
    assert alone[29].tolist() == [True, False]


def test_what_is_right_costs_nothing_and_what_is_wrong_more() -> None:
    middles = patch_middles(4, 4)
    boxes = torch.tensor([[[0.4, 0.4, 0.6, 0.6], [0.0, 0.0, 0.0, 0.0]]])
    true_of = torch.tensor([[[True, False], [False, False]]])
    answers = answering(middles, boxes, true_of.any(-1))[0, :, 0]
    logits = torch.full((1, 16, 2), -20.0)
    logits[0, answers, 0] = 20.0
    found = boxes[:, :1].expand(1, 16, 4).clone()
    right = dense_losses(logits, found, boxes=boxes, true_of=true_of, middles=middles)
    assert all(float(value) < 1e-5 for value in right.values())
    shifted = dense_losses(logits, found + torch.tensor([0.1, 0, 0, 0]), boxes=boxes, true_of=true_of, middles=middles)
    assert_close(shifted["sides"], torch.tensor(0.1))
    # Of 0.6 to 0.6, shifted by 0.1: 5/7 overlap, and the hull is as large as the union.
    assert_close(shifted["overlap"], torch.tensor(1 - 5 / 7))
    # Focal: a sure yes where there is nothing is -log(1 - p) times 0.75, per positive patch.
    logits[0, 0, 1] = 20.0
    wrong = dense_losses(logits, found, boxes=boxes, true_of=true_of, middles=middles)
    assert_close(wrong["names"], torch.tensor(0.75 * 20 / int(answers.sum())), rtol=1e-3, atol=0)


def test_nothing_in_the_picture_is_no_error() -> None:
    nothing = torch.zeros(1, 2, 3, dtype=torch.bool)
    losses = dense_losses(
        torch.full((1, 4, 3), -20.0),
        torch.rand(1, 4, 4),
        boxes=torch.zeros(1, 2, 4),
        true_of=nothing,
        middles=patch_middles(2, 2),
    )
    assert all(float(value) < 1e-5 for value in losses.values())


def test_each_phrase_has_the_box_of_the_surest_patch() -> None:
    logits = torch.tensor([[[0.0, 5.0], [1.0, 2.0], [3.0, -1.0]]])
    found = torch.arange(12.0).reshape(1, 3, 4)
    assert_close(best_boxes(logits, found), torch.stack([found[:, 2], found[:, 0]], dim=1))
    assert_close(overlaps(torch.tensor([[0.5, 0.5, 1, 1]]), torch.tensor([[0.5, 0.25, 1, 0.5]])), torch.tensor([0.5]))
