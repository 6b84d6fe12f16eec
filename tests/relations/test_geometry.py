"""What pairs of masks measure, against numbers that are known."""

import math

import pytest
import torch
from torch.testing import assert_close

from gencontrol.errors import InputError
from gencontrol.relations.geometry import (
    DIRECTIONS,
    PAIR_FEATURES,
    WORKING_SIDE,
    measure_shapes,
    pair_geometry,
    working_maps,
)


def near(found, expected, *, by=1e-5):
    assert found.item() == pytest.approx(expected, abs=by)


def test_shapes_of_boxes_are_shares_of_the_longer_side(boxes):
    shapes = pair_geometry(boxes((0, 0, 8, 4), (40, 20, 80, 40))).shapes
    assert_close(shapes.centre, torch.tensor([[4 / 80, 2 / 80], [60 / 80, 30 / 80]]))
    assert_close(shapes.box, torch.tensor([[0, 0, 8, 4], [40, 20, 80, 40]]) / 80)
    assert_close(shapes.area, torch.tensor([32.0, 800.0]) / 6400)
    assert_close(shapes.size, torch.tensor([32.0, 800.0]).sqrt() / 80)
    # A box twice as wide as high: (w^2 - h^2) / (w^2 + h^2), less the pixels' own spread.
    assert shapes.axis[1, 0].item() == pytest.approx(0.6, abs=0.01) and abs(shapes.axis[1, 1].item()) < 1e-5


def test_a_slanting_region_has_its_axis_there():
    line = torch.eye(20)[None]
    (axis,) = measure_shapes(line, torch.ones(1, dtype=torch.bool)).axis
    # y grows downwards, so that the main diagonal is at +45 degrees: (cos 90, sin 90).
    assert_close(axis, torch.tensor([0.0, 1.0]), atol=1e-4, rtol=0)


def test_offsets_go_from_the_object_to_the_subject(boxes):
    found = pair_geometry(boxes((0, 0, 8, 8), (40, 16, 48, 24)))
    near(found.feature("dx")[0, 1], -0.5)
    near(found.feature("dx")[1, 0], 0.5)
    near(found.feature("dy")[0, 1], -0.2)
    near(found.feature("distance")[0, 1], math.hypot(0.5, 0.2))
    near(found.feature("direction_x")[1, 0], 0.5 / math.hypot(0.5, 0.2))
    near(found.feature("direction_y")[1, 0], 0.2 / math.hypot(0.5, 0.2))


def test_sizes_and_overlap(boxes):
    found = pair_geometry(boxes((0, 0, 20, 20), (10, 0, 20, 10)))
    near(found.feature("size")[0, 1], 0.25)
    near(found.feature("size_of_other")[0, 1], 0.125)
    near(found.feature("log_size_ratio")[0, 1], math.log(2))
    near(found.feature("overlap")[0, 1], 0.25)
    near(found.feature("overlap_of_other")[0, 1], 1.0)
    near(found.feature("box_overlap")[0, 1], 1.0)
    half = pair_geometry(boxes((0, 0, 20, 20), (10, 0, 30, 20)))
    near(half.feature("box_overlap")[0, 1], 0.5)


def test_gaps_are_between_edges(boxes):
    found = pair_geometry(boxes((0, 0, 8, 8), (16, 20, 24, 30), (8, 0, 12, 8)))
    near(found.feature("gap_x")[0, 1], 8 / 80)
    near(found.feature("gap_y")[0, 1], 12 / 80)
    # From pixel (7, 7) to (16, 20), less the pixel that neighbours are apart.
    near(found.feature("gap")[0, 1], (math.hypot(9, 13) - 1) / 80)
    near(found.feature("gap")[0, 2], 0.0)


def test_contact_is_a_share_of_the_outline_and_support_of_the_lower_side(boxes):
    # A box of 4 x 4 on the middle of a table: 4 of the 20 pixels around it, corners included; 6 with the corners below.
    found = pair_geometry(boxes((20, 6, 24, 10), (10, 10, 40, 14)))
    near(found.feature("contact")[0, 1], 6 / 20)
    near(found.feature("support")[0, 1], 1.0)
    near(found.feature("support_of_other")[0, 1], 0.0)
    beside = pair_geometry(boxes((20, 6, 24, 10), (24, 6, 28, 10)))
    near(beside.feature("support")[0, 1], 0.0)
    assert beside.feature("contact")[0, 1] > 0.15


def test_what_is_surrounded_sees_the_other_on_all_four_sides():
    frame = torch.zeros(40, 40)
    frame[5:35, 5:35] = 1
    frame[10:30, 10:30] = 0
    inner, beside = torch.zeros(2, 40, 40)
    inner[15:25, 15:25] = 1
    beside[15:25, 36:40] = 1
    found = pair_geometry(torch.stack([inner, frame, beside]))
    near(found.feature("enclosed")[0, 1], 1.0)
    near(found.feature("enclosed_other")[1, 0], 1.0)
    near(found.feature("enclosed")[1, 0], 0.0)
    near(found.feature("enclosed")[2, 1], 0.0)
    near(found.feature("in_hull")[0, 1], 1.0)
    near(found.feature("other_in_hull")[1, 0], 1.0)


def test_what_hides_lies_in_the_hull_of_what_it_hides(boxes):
    whole, front = boxes((10, 10, 40, 30), (30, 20, 50, 38))
    hidden = whole * (1 - front)
    found = pair_geometry(torch.stack([front, hidden]))
    assert found.feature("in_hull")[0, 1] > 0.1 and found.feature("in_hull")[1, 0] == 0


def test_hulls_are_convex_to_a_few_directions():
    y, x = torch.meshgrid(torch.arange(101.0), torch.arange(101.0), indexing="ij")
    disc = ((x - 50).square() + (y - 50).square() <= 40**2).float()
    far = ((x - 50).square() + (y - 50).square() > 43**2).float()
    found = pair_geometry(torch.stack([far, disc]))
    assert DIRECTIONS == 32 and found.feature("in_hull")[0, 1] == 0


def test_large_pictures_are_measured_small_and_give_the_same(boxes):
    maps = boxes((8, 8, 24, 24), (40, 16, 72, 32))
    large = maps.repeat_interleave(4, dim=-1).repeat_interleave(4, dim=-2)
    assert max(large.shape) > WORKING_SIDE and max(working_maps(large).shape[-2:]) == WORKING_SIDE
    names = [n for n in PAIR_FEATURES if n not in ("contact", "contact_of_other", "gap")]
    small, big = pair_geometry(maps), pair_geometry(large)
    for name in names:
        assert_close(small.feature(name), big.feature(name), atol=0.02, rtol=0, msg=name)


def test_a_faint_region_lies_where_a_strong_one_does(boxes):
    maps = boxes((8, 8, 24, 24), (40, 16, 72, 32))
    assert_close(pair_geometry(0.2 * maps).features, pair_geometry(maps).features)


def test_the_order_of_the_regions_is_that_of_the_answers(boxes):
    maps = boxes((8, 8, 24, 24), (20, 16, 72, 32), (0, 0, 5, 9), (30, 30, 44, 40))
    order = torch.tensor([2, 0, 3, 1])
    moved = pair_geometry(maps[order]).features
    assert_close(moved, pair_geometry(maps).features[order][:, order])


def test_padding_changes_nothing_and_is_nothing(boxes):
    maps = boxes((8, 8, 24, 24), (20, 16, 72, 32), (0, 0, 5, 9))
    padded = torch.cat([maps, torch.zeros(2, 40, 80)])
    batch = pair_geometry(torch.stack([padded, padded.flip(0)]))
    alone = pair_geometry(maps)
    assert_close(batch.features[0, :3, :3], alone.features)
    assert_close(batch.features[1, 2:, 2:], alone.features.flip(0, 1))
    assert not batch.features[0, 3:].any() and not batch.features[0, :, 3:].any()
    assert batch.pairs[0].sum() == 6 and not batch.shapes.box[0, 3:].any()
    left_out = pair_geometry(maps, used=torch.tensor([True, False, True]))
    assert not left_out.features[1].any() and left_out.features[0, 2].any()


def test_a_region_is_no_pair_with_itself(boxes):
    found = pair_geometry(boxes((8, 8, 24, 24), (20, 16, 72, 32)))
    assert not found.features.diagonal().any() and found.features.isfinite().all()


def test_gradients_reach_the_maps_and_are_finite(boxes):
    maps = boxes((8, 8, 24, 24), (20, 16, 72, 32)).requires_grad_()
    pair_geometry(maps).features.sum().backward()
    assert maps.grad is not None and maps.grad.isfinite().all() and maps.grad.any()


def test_no_maps_are_refused():
    for shape in ((0, 4, 4), (2, 0, 4)):
        with pytest.raises(InputError, match="Expected maps of at least one region"):
            pair_geometry(torch.zeros(shape))
    with pytest.raises(InputError, match="alphas: expected a tensor"):
        pair_geometry(torch.zeros(4, 4))
