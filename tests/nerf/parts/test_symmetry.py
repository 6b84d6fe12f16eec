"""Symmetry of what grows in the place of a part."""

import pytest
import torch

from gencontrol.nerf.parts.part_cameras import extent
from gencontrol.nerf.parts.parts import Part
from gencontrol.nerf.parts.shapes import Box, Sphere, Union
from gencontrol.nerf.parts.symmetry import canonical_within_parts, middle_of

BALL = Part(name="ball", prompt="x", shape=Sphere(centre=(0.5, -0.3, 0.2), radius=0.3))
BOX = Part(name="box", prompt="x", shape=Box(centre=(-0.5, 0.4, -0.1), size=(0.4, 0.6, 0.8)))


def around(part: Part, *offsets: tuple[float, float, float]) -> torch.Tensor:
    return middle_of(part) + torch.tensor(offsets)


def test_the_extent_is_the_upright_box_around_the_parts() -> None:
    low, high = extent([BALL, BOX])
    assert low.tolist() == pytest.approx((-0.7, -0.6, -0.5), abs=0.03)
    assert high.tolist() == pytest.approx((0.8, 0.7, 0.5), abs=0.03)


def test_the_middle_is_the_centre_or_that_of_the_box_around() -> None:
    cut = Part(name="cut", prompt="x", shape=Sphere(centre=(0.9, 0.0, 0.0), radius=0.5))
    assert middle_of(cut).tolist() == pytest.approx((0.9, 0.0, 0.0))
    both = Part(name="both", prompt="x", shape=Union(of=(BALL.shape, BOX.shape)))
    assert middle_of(both).tolist() == pytest.approx((0.05, 0.05, 0.0), abs=0.03)


def test_quarter_turns_and_mirrors_around_the_parts_own_axis_are_read_at_one_place() -> None:
    images = [(0.15, 0.05, 0.1), (0.15, -0.05, 0.1), (-0.15, 0.05, 0.1), (0.05, 0.15, 0.1), (-0.05, -0.15, 0.1)]
    # The ball stands right and in front, the box left and behind: their pieces are those towards the middle.
    for part, one in ((BALL, (-0.15, 0.05, 0.1)), (BOX, (0.15, -0.05, 0.1))):
        found = canonical_within_parts([BALL, BOX], around(part, *images), "quarter")
        assert torch.allclose(found, around(part, one).expand(5, 3), atol=1e-6)
    mirrored = canonical_within_parts([BALL], around(BALL, *images), "mirror")
    assert torch.allclose(mirrored[:3], around(BALL, (-0.15, 0.05, 0.1)).expand(3, 3), atol=1e-6)
    assert torch.allclose(mirrored[3:], around(BALL, (-0.05, 0.15, 0.1)).expand(2, 3), atol=1e-6)


def test_of_a_part_at_the_cubes_border_nothing_is_read_outside() -> None:
    cut = Part(name="cut", prompt="x", shape=Box(centre=(0.9, -0.8, 0.0), size=(1.0, 1.6, 1.0)))
    points = torch.rand(500, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
    for symmetry in ("mirror", "quarter"):
        assert canonical_within_parts([cut], points, symmetry).abs().max() <= 1


def test_points_of_no_part_stay_and_those_of_two_belong_to_the_first() -> None:
    far = torch.tensor([[-0.9, -0.9, 0.9], [0.0, 0.0, 0.0]])
    assert torch.equal(canonical_within_parts([BALL, BOX], far, "quarter"), far)
    shared = around(BALL, (-0.1, 0.0, 0.0))
    bigger = Part(name="bigger", prompt="x", shape=Sphere(centre=(0.2, -0.3, 0.2), radius=0.6))
    assert torch.allclose(canonical_within_parts([BALL, bigger], shared, "mirror"), shared, atol=1e-6)
