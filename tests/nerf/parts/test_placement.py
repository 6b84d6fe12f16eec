"""Where highlights stand, and that moving them moves what they hold."""

import math

import pytest
import torch

from gencontrol.nerf.parts.placement import Placement, placed, placement, turns
from gencontrol.nerf.parts.shapes import (
    Box,
    Difference,
    Ellipsoid,
    HalfSpace,
    Shape,
    Sphere,
    Union,
    Voxels,
    Whole,
    membership,
)

BOX = Box(centre=(0.1, 0.2, 0.3), size=(0.5, 0.2, 0.9), turn=30.0, pitch=-20.0, roll=50.0)
BALL = Sphere(centre=(-0.2, 0.0, 0.1), radius=0.4)
EGG = Ellipsoid(centre=(0.0, 0.1, 0.0), size=(1.0, 0.5, 0.3), roll=15.0)
HALF = HalfSpace(point=(0.0, 0.1, 0.2), normal=(1.0, -2.0, 0.5))
JOINED = Union(of=(Whole(), Difference(of=BALL, without=BOX)))


def points(count: int = 4000) -> torch.Tensor:
    return torch.rand(count, 3, generator=torch.Generator().manual_seed(0)) * 4 - 2


UP, DOWN = (Box(centre=(0.1, 0.2, 0.3), size=(0.5, 0.2, 0.9), turn=30.0, pitch=p, roll=20.0) for p in (90.0, -90.0))


@pytest.mark.parametrize("shape", [BOX, BALL, EGG, HALF, UP, DOWN, Difference(of=BALL, without=BOX)])
def test_a_shape_put_where_it_stands_holds_what_it_held(shape: Shape) -> None:
    where = placement(shape)
    assert where is not None
    again = membership(placed(shape, where), points())
    assert (again != membership(shape, points())).float().mean() < 1e-3  # rounding at the surface


@pytest.mark.parametrize("shape", [BOX, BALL, EGG, HALF, Difference(of=BALL, without=BOX)])
def test_a_moved_shape_holds_the_moved_points(shape: Shape) -> None:
    where = placement(shape)
    assert where is not None
    by = torch.tensor([0.3, -0.2, 0.15])
    x, y, z = (a + b for a, b in zip(where.position, by.tolist(), strict=True))
    moved = placed(shape, Placement(position=(x, y, z), wxyz=where.wxyz))
    assert (membership(moved, points() + by) != membership(shape, points())).float().mean() < 1e-3


def test_the_orientation_is_the_quaternions() -> None:
    quarter = Placement(position=(0.0, 0.0, 0.0), wxyz=(math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0))  # 90 degrees about x
    plate = placed(Box(centre=(0.0, 0.0, 0.0), size=(1.0, 1.0, 0.2)), quarter)
    assert membership(plate, torch.tensor([[0.0, 0.0, 0.4], [0.0, 0.4, 0.0]])).tolist() == [1.0, 0.0]
    assert Placement(position=(0.0, 0.0, 0.0)).wxyz == (1.0, 0.0, 0.0, 0.0)
    half = placed(HALF, quarter)
    assert isinstance(half, HalfSpace) and half.normal == pytest.approx((0.0, -1.0, 0.0), abs=1e-6)


@pytest.mark.parametrize("normal", [(0.0, 0.0, 3.0), (0.0, 0.0, -2.0), (1.0, 1.0, 0.0)])
def test_a_half_spaces_own_axis_is_its_normal(normal: tuple[float, float, float]) -> None:
    shape = HalfSpace(point=(0.0, 0.0, 0.0), normal=normal)
    where = placement(shape)
    assert where is not None
    again = placed(shape, where)
    assert isinstance(again, HalfSpace)
    length = math.hypot(*normal)
    assert again.normal == pytest.approx([v / length for v in normal], abs=1e-6)


def test_everything_and_lifted_masks_stay_where_they_are() -> None:
    lifted = Voxels(values=torch.ones(2, 2, 2))
    away = Placement(position=(0.5, 0.5, 0.5))
    for shape in (Whole(), lifted, Union(of=(Whole(), lifted))):
        assert placement(shape) is None
        assert placed(shape, away) == shape or placed(shape, away) is shape
    moved = placed(JOINED, away)
    assert isinstance(moved, Union) and moved.of[0] == Whole()
    where = placement(moved)
    assert where is not None and where.position == pytest.approx(away.position)


def test_shapes_without_an_orientation_of_their_own_do_not_turn() -> None:
    assert [turns(shape) for shape in (BOX, EGG, HALF, BALL, JOINED, Whole())] == [True] * 3 + [False] * 3
