"""The hand rules, on scenes of which the answer is plain, and at their bounds."""

import pytest
import torch
from torch.testing import assert_close

from gencontrol.errors import InputError
from gencontrol.relations.geometry import pair_geometry
from gencontrol.relations.rules import UNSURE, between, hand_rules
from gencontrol.relations.vocabulary import CONVERSE, RULED, SYMMETRIC


def answers(maps):
    found = hand_rules(pair_geometry(maps))
    return {name: found[..., place] for place, name in enumerate(RULED)}


def test_beside_and_above(boxes):
    found = answers(boxes((0, 4, 12, 16), (60, 4, 72, 16), (0, 28, 12, 40)))
    assert found["left of"][0, 1] > 0.97 and found["left of"][1, 0] < 0.03 and found["left of"][0, 2] < 0.05
    assert found["above"][0, 2] > 0.97 and found["above"][2, 0] < 0.03 and found["above"][0, 1] < 0.05
    assert not found["touching"].round().any() and not found["overlapping"].round().any()
    # Further apart along neither: nothing is said for certain, and nothing denied.
    assert found["above"][2, 1] < 0.03 and found["below"][2, 1] > 0.97


def test_the_margin_is_a_share_of_the_picture_or_of_small_things(boxes):
    # 20 pixels wide: the margin is 8 pixels, a tenth of 80.
    for shift, p in ((8, 0.5), (6, 0.269), (10, 0.731)):
        found = answers(boxes((10, 0, 30, 20), (10 + shift, 20, 30 + shift, 40)))["left of"]
        assert found[0, 1].item() == pytest.approx(p, abs=0.01)
    # 4 pixels wide: half of that.
    found = answers(boxes((10, 0, 14, 4), (12, 20, 16, 24)))["left of"]
    assert found[0, 1].item() == pytest.approx(0.5, abs=0.01)


def test_touching_is_a_gap_of_a_pixel_at_most(boxes):
    near = [answers(boxes((0, 0, 8, 8), (8 + gap, 0, 16, 8)))["touching"][0, 1] for gap in (0, 1, 2, 3)]
    assert near[0] > 0.9 and near[1] > 0.5 > near[2] and near[3] < 0.05


def test_masks_that_share_pixels_overlap(boxes):
    found = answers(boxes((0, 0, 20, 20), (15, 0, 35, 20), (60, 0, 70, 10)))
    assert found["overlapping"][0, 1] > 0.97 and found["overlapping"][0, 2] < 0.1


def test_what_bites_a_piece_out_of_the_other_is_in_front(boxes):
    whole, front = boxes((10, 10, 40, 30), (30, 20, 50, 38))
    found = answers(torch.stack([front, whole * (1 - front)]))
    assert found["in front of"][0, 1] > 0.85 and found["in front of"][1, 0] < 0.05
    assert found["behind"][1, 0] > 0.85 and found["overlapping"][0, 1] > 0.85
    # Beside each other, touching along a straight line, neither is.
    beside = answers(boxes((0, 0, 8, 8), (8, 0, 16, 8)))
    assert beside["in front of"].max() < 0.5 and beside["overlapping"].max() < 0.5
    # Apart, neither is, whatever the shapes.
    apart = answers(boxes((0, 0, 8, 8), (30, 0, 60, 30)))
    assert apart["in front of"].max() < 0.03


def test_inside_is_surrounded_and_smaller(boxes):
    outer, inner = boxes((10, 5, 50, 35), (20, 10, 30, 20))
    found = answers(torch.stack([inner, outer - inner]))
    assert found["inside"][0, 1] > 0.9 and found["around"][1, 0] > 0.9 and found["inside"][1, 0] < 0.03
    # Of two equal ones neither is inside, though each lies in the other.
    equal = answers(torch.stack([outer, outer]))
    assert equal["inside"].max() < 0.1 and equal["overlapping"][0, 1] > 0.97
    assert equal["left of"].max() < 0.05 and equal["bigger than"].max() < 0.1


def test_bigger_is_a_tenth_longer(boxes):
    found = answers(boxes((0, 0, 22, 22), (40, 0, 60, 20), (30, 30, 39, 39)))["bigger than"]
    assert found[0, 1].item() == pytest.approx(0.47, abs=0.02)  # log 1.1 = 0.095
    assert found[0, 2] > 0.97 and found[2, 0] < 0.03


def test_one_of_all_others_is_nearest(boxes):
    found = answers(boxes((0, 0, 8, 8), (12, 0, 20, 8), (60, 0, 68, 8)))["nearest to"]
    assert found[1, 0] > 0.9 and found[2, 0] < 0.1
    assert_close((found - UNSURE).sum(dim=0) + UNSURE, torch.full((3,), 1 - 2 * UNSURE))
    assert found[1, 2] > 0.5 > found[0, 2]


def test_between_is_on_the_way(boxes):
    maps = boxes((0, 0, 8, 8), (32, 2, 40, 10), (64, 0, 72, 8), (32, 32, 40, 40))
    found = between(pair_geometry(maps))
    assert found[1, 0, 2] > 0.95 and found[0, 1, 2] < 0.05 and found[2, 0, 1] < 0.05
    # Too far beside the way; and what is at an end is not between.
    assert found[3, 0, 2] < 0.1
    assert_close(found, found.transpose(1, 2))
    for place in range(4):
        assert not found[place, place].any() and not found[:, place, place].any()
    with pytest.raises(InputError, match="got a batch"):
        between(pair_geometry(maps[None]))


def test_converses_and_symmetric_ones(boxes):
    found = answers(
        torch.rand(5, 24, 30, generator=torch.Generator().manual_seed(0)) * boxes(*[(0, 0, 30, 24)] * 5, size=(24, 30))
    )
    for name, other in CONVERSE.items():
        assert_close(found[name], found[other].T)
    for name in SYMMETRIC & {*RULED}:
        assert_close(found[name], found[name].T)


def test_probabilities_are_such_and_padding_has_none(boxes):
    maps = torch.cat([boxes((0, 0, 9, 9), (5, 5, 30, 30)), torch.zeros(1, 40, 80)])
    found = hand_rules(pair_geometry(maps))
    assert found.shape == (3, 3, len(RULED)) and found.max() < 1
    assert found[0, 1].min() >= UNSURE and found[0, 1].max() <= 1 - UNSURE + 1e-6
    assert not found[2].any() and not found[:, 2].any() and not found[0, 0].any()


def test_the_order_of_the_regions_is_that_of_the_answers(boxes):
    maps = boxes((8, 8, 24, 24), (20, 16, 72, 32), (0, 0, 5, 9), (30, 30, 44, 40))
    order = torch.tensor([2, 0, 3, 1])
    first, second = hand_rules(pair_geometry(maps)), hand_rules(pair_geometry(maps[order]))
    assert_close(second, first[order][:, order])
