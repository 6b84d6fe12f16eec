"""Shapes: who is inside, how soft, what is refused."""

import math

import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.nerf.field import grid
from gencontrol.nerf.parts.shapes import (
    Box,
    Difference,
    Ellipsoid,
    HalfSpace,
    Sphere,
    Union,
    Voxels,
    Whole,
    check_inside,
    grown,
    membership,
    shape_text,
    signed_distance,
)

BOX = Box(centre=(0.2, 0.0, -0.1), size=(0.8, 0.4, 0.6))
SPHERE = Sphere(centre=(0.1, 0.2, 0.3), radius=0.5)
EGG = Ellipsoid(centre=(0.0, 0.0, 0.2), size=(1.0, 0.5, 0.8))
HALF = HalfSpace(point=(0.0, 0.0, 0.25), normal=(0.0, 0.0, 2.0))


def points(count: int = 5000) -> torch.Tensor:
    return torch.rand(count, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1


def inside(shape) -> torch.Tensor:
    return membership(shape, points()) > 0


def test_each_shape_holds_the_points_its_definition_says() -> None:
    x, y, z = points().unbind(-1)
    assert torch.equal(inside(BOX), ((x - 0.2).abs() <= 0.4) & (y.abs() <= 0.2) & ((z + 0.1).abs() <= 0.3))
    assert torch.equal(inside(SPHERE), (x - 0.1) ** 2 + (y - 0.2) ** 2 + (z - 0.3) ** 2 <= 0.25)
    assert torch.equal(inside(EGG), (x / 0.5) ** 2 + (y / 0.25) ** 2 + ((z - 0.2) / 0.4) ** 2 <= 1)
    assert torch.equal(inside(HALF), z >= 0.25)
    assert inside(Whole()).all()


def test_sets_follow_set_algebra() -> None:
    assert torch.equal(inside(Union(of=(BOX, SPHERE))), inside(BOX) | inside(SPHERE))
    assert torch.equal(inside(Difference(of=BOX, without=SPHERE)), inside(BOX) & ~inside(SPHERE))


def test_sets_have_the_bounds_of_their_members_distances() -> None:
    box, ball = signed_distance(BOX, points()), signed_distance(SPHERE, points())
    assert torch.equal(signed_distance(Union(of=(BOX, SPHERE)), points()), torch.minimum(box, ball))
    assert torch.equal(signed_distance(Difference(of=BOX, without=SPHERE), points()), torch.maximum(box, -ball))


def test_an_ellipsoids_distance_is_a_bound_that_is_exact_along_its_shortest_axis() -> None:
    x = torch.tensor([[0.0, 0.5, 0.2], [0.0, 0.0, 0.2], [1.0, 0.0, 0.2]])
    assert signed_distance(EGG, x).tolist() == pytest.approx([0.25, -0.25, 0.25], abs=1e-6)  # the last is 0.5 away


def test_the_surface_itself_is_inside() -> None:
    x = torch.tensor([[0.0, 0.0, 0.25], [0.0, 0.0, 0.2499]])
    assert membership(HALF, x).tolist() == [1.0, 0.0]


def test_turning_is_counter_clockwise_from_above() -> None:
    arm = Box(centre=(0.0, 0.0, 0.0), size=(1.6, 0.2, 0.2), turn=45.0)
    tip = torch.tensor([[0.5, 0.5, 0.0], [0.5, -0.5, 0.0]])
    assert membership(arm, tip).tolist() == [1.0, 0.0]


def test_pitch_and_roll_come_before_the_turn() -> None:
    long = {"centre": (0.0, 0.0, 0.0), "size": (0.2, 0.2, 1.6)}
    tipped = Box(**long, pitch=90.0)  # type: ignore[arg-type]  # its own z now lies along -y
    assert membership(tipped, torch.tensor([[0.0, -0.7, 0.0], [0.0, 0.0, 0.7]])).tolist() == [1.0, 0.0]
    rolled = Ellipsoid(**long, roll=90.0, turn=90.0)  # type: ignore[arg-type]  # z to x, and then x to y
    assert membership(rolled, torch.tensor([[0.0, 0.7, 0.0], [0.7, 0.0, 0.0]])).tolist() == [1.0, 0.0]


def test_distances_are_exact_for_spheres_boxes_and_half_spaces() -> None:
    probe = torch.tensor([[0.2, 0.0, 0.5], [0.9, 0.5, 0.2 + 0.4], [0.2, 0.0, -0.1]])
    outside_corner = math.sqrt(0.3**2 + 0.3**2 + 0.4**2)
    assert signed_distance(BOX, probe).tolist() == pytest.approx([0.3, outside_corner, -0.2], abs=1e-5)
    assert signed_distance(HALF, probe).tolist() == pytest.approx([-0.25, -0.35, 0.35], abs=1e-5)
    tilted = HalfSpace(point=(0.1, 0.0, 0.0), normal=(3.0, 0.0, 4.0))
    assert signed_distance(tilted, torch.tensor([[1.1, 0.0, 0.0], [0.1, 7.0, -0.5]])).tolist() == pytest.approx(
        [-0.6, 0.4], abs=1e-5
    )
    assert signed_distance(SPHERE, probe[:1]).item() == pytest.approx(math.sqrt(0.01 + 0.04 + 0.04) - 0.5, abs=1e-5)


def test_a_soft_edge_rises_inwards_and_is_exactly_zero_outside() -> None:
    along = torch.tensor([[-0.51, 0.0, 0.0], [-0.5, 0.0, 0.0], [-0.4, 0.0, 0.0], [-0.3, 0.0, 0.0], [0.0, 0.0, 0.0]])
    ball = Sphere(centre=(0.0, 0.0, 0.0), radius=0.5)
    assert membership(ball, along, softness=0.2).tolist() == pytest.approx([0, 0, 0.5, 1, 1], abs=1e-5)
    outside = ~inside(SPHERE)
    assert membership(SPHERE, points(), softness=0.1)[outside].abs().max() == 0


def test_a_lifted_mask_is_inside_where_it_interpolates_to_one_half() -> None:
    values = (grid.nodes(9)[:, 0] > 0.2).float().reshape(9, 9, 9)  # nodes at 0, 0.25: the edge is at 0.125
    x = torch.tensor([[0.10, 0.0, 0.0], [0.15, 0.0, 0.0], [0.9, 0.3, -0.2]])
    assert membership(Voxels(values=values), x).tolist() == [0.0, 1.0, 1.0]
    # A value changes from 0 to 1 over a spacing of 0.25: at its middle the distance is exact, and so is the sign.
    slope = signed_distance(Voxels(values=values), torch.tensor([[0.0625, 0.0, 0.0], [0.125, 0.0, 0.0], [0.25, 0, 0]]))
    assert slope.tolist() == pytest.approx([0.125, 0.0, -0.25], abs=1e-6)
    assert signed_distance(Voxels(values=torch.zeros(5, 3, 2)), x).tolist() == pytest.approx([0.5] * 3)


def test_a_highlight_outside_the_scene_is_refused_and_a_good_one_measured() -> None:
    far = Sphere(centre=(3.0, 0.0, 0.0), radius=0.5)
    with pytest.raises(InputError, match=r"highlight of 'hat' encloses nothing of the scene, which spans \[-1, 1\]"):
        check_inside(far, name="hat")
    assert check_inside(HalfSpace(point=(0.0, 0.0, 0.0), normal=(1.0, 0.0, 0.0)), name="x") == pytest.approx(
        0.5, abs=0.02
    )
    small = Sphere(centre=(0.0, 0.0, 0.0), radius=0.05)  # fits between coarser nodes
    assert check_inside(small, name="x") == pytest.approx(4 / 3 * math.pi * 0.05**3 / 8, rel=0.7)


@pytest.mark.parametrize("shape", [BOX, SPHERE, HALF, Union(of=(BOX, SPHERE))], ids=lambda s: type(s).__name__)
def test_a_grown_shape_holds_what_is_no_further_away(shape) -> None:
    distance, bigger = signed_distance(shape, points()), inside(grown(shape, 0.1))
    # A box keeps its corners, which are further than that from it.
    assert bigger[distance <= 0.0999].all() and not bigger[distance > 0.1 * 3**0.5 + 1e-4].any()
    assert not bigger[distance > 0.1001].any() or isinstance(shape, Box | Union)


def test_a_union_grows_in_each_member_and_a_half_space_by_the_distance_whatever_its_normals_length() -> None:
    assert grown(Union(of=(BOX, SPHERE)), 0.1) == Union(of=(grown(BOX, 0.1), grown(SPHERE, 0.1)))
    moved = grown(HalfSpace(point=(0.0, 0.1, 0.0), normal=(0.0, -5.0, 0.0)), 0.25)
    assert isinstance(moved, HalfSpace)
    assert moved.point == pytest.approx((0.0, 0.35, 0.0)) and moved.normal == (0.0, -5.0, 0.0)


def test_a_grown_ellipsoid_is_longer_on_both_ends_and_the_rest_stays() -> None:
    bigger = grown(EGG, 0.1)
    assert isinstance(bigger, Ellipsoid) and bigger.centre == EGG.centre
    assert bigger.size == pytest.approx((1.2, 0.7, 1.0))
    cut = Difference(of=SPHERE, without=BOX)
    assert grown(cut, 0.1) == Difference(of=Sphere(centre=SPHERE.centre, radius=0.6), without=BOX)
    lifted = Voxels(values=torch.ones(2, 2, 2))
    assert grown(lifted, 0.1) is lifted and grown(Whole(), 0.1) == Whole()


def test_defaults() -> None:
    for kind in (Box, Ellipsoid):
        plain = kind(centre=(0.0, 0.0, 0.0), size=(1.0, 1.0, 1.0))
        assert (plain.turn, plain.pitch, plain.roll) == (0.0, 0.0, 0.0)
    assert torch.equal(membership(EGG, points()), membership(EGG, points(), softness=0.0))
    assert check_inside(EGG, name="egg") == check_inside(EGG, name="egg", resolution=48)


def test_shapes_in_words() -> None:
    turned = Box(centre=(9.0, 0.5, 0.0), size=(1.0, 1.0, 1.0), turn=30.0)
    assert shape_text(turned) == "box, centre 9 0.5 0, size 1 1 1, turn 30"
    assert shape_text(Sphere(centre=(0.0, 0.0, 0.0), radius=float("nan"))) == "sphere, centre 0 0 0, radius nan"
    assert shape_text(Voxels(values=torch.ones(2, 2, 2))) == "voxels"
    assert shape_text(Union(of=(BOX, SPHERE))) == "union" and shape_text(Whole()) == "whole"
    far = Box(centre=(9.0, 9.0, 9.0), size=(1.0, 1.0, 1.0))
    with pytest.raises(InputError, match=r"on each axis: box, centre 9 9 9, size 1 1 1\. Move or enlarge it\.$"):
        check_inside(far, name="hat")
