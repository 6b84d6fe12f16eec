"""Analytic scenes: pictures and masks against geometry worked out by hand, and against their own voxels."""

import math

import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.nerf.field import grid
from gencontrol.nerf.parts.shapes import Box, Sphere
from gencontrol.nerf.rays.cameras import Orbit, orbit_cameras
from gencontrol.nerf.rays.rendering import Quadrature, render_view
from gencontrol.nerf.still_life.world import Extrusion, Thing, World, bake, distances, extrude, photograph, still_life

ORBIT = Orbit(field_of_view=(45.0, 45.0))


def cameras(azimuth: float, elevation: float = 0.0, *, size: int = 64):
    return orbit_cameras(torch.tensor([azimuth]), torch.tensor([elevation]), (size, size), orbit=ORBIT)


def ball_world(radius: float = 0.5) -> World:
    return World(
        things=(Thing(name="ball", body=Sphere(centre=(0.0, 0.0, 0.0), radius=radius), colour=(1.0, 0.0, 0.0)),)
    )


def letter() -> tuple[torch.Tensor, torch.Tensor]:
    """A picture whose left half is red and right half blue, cut to an L."""
    rgb = torch.zeros(3, 32, 32)
    rgb[0, :, :16], rgb[2, :, 16:] = 1.0, 1.0
    alpha = torch.zeros(32, 32)
    alpha[:, :10], alpha[22:] = 1.0, 1.0
    return rgb, alpha


def test_a_ball_covers_the_solid_angle_that_geometry_says() -> None:
    shot = photograph(ball_world(), cameras(30.0, 20.0), supersample=4)
    # Its outline is seen under asin(r / d); the pixel radius is the tangent of that times the focal length.
    radius = cameras(0.0).focal.item() * math.tan(math.asin(0.5 / 3))
    assert shot.opacity.sum().item() == pytest.approx(math.pi * radius**2, rel=0.01)
    assert torch.equal(shot.opacity, shot.masks)
    red, green = shot.colour[0, 0], shot.colour[0, 1]
    assert red.max() > 0.6 and green.max() == 0


def test_masks_share_the_opacity_and_the_nearer_thing_wins() -> None:
    front = Thing(name="front", body=Sphere(centre=(0.0, -0.5, 0.0), radius=0.25))
    back = Thing(name="back", body=Box(centre=(0.0, 0.5, 0.0), size=(0.9, 0.2, 0.9)))
    shot = photograph(World(things=(back, front)), cameras(0.0))
    assert torch.allclose(shot.masks.sum(1, keepdim=True), shot.opacity, atol=1e-6)
    assert shot.masks[0, :, 32, 32].tolist() == [0.0, 1.0]
    behind = photograph(World(things=(back, front)), cameras(180.0))
    assert behind.masks[0, :, 32, 32].tolist() == [1.0, 0.0]


def test_an_extrusion_shows_its_picture_from_the_front_and_mirrored_from_the_back() -> None:
    rgb, alpha = letter()
    thing = Thing(name="L", body=extrude(rgb, alpha, centre=(0.0, 0.0, 0.0), width=1.2, thickness=0.2))
    front, back = (photograph(World(things=(thing,)), cameras(a)) for a in (0.0, 180.0))
    left, right = front.colour[0, :, :, 20:30].mean((1, 2)), front.colour[0, :, :, 36:46].mean((1, 2))
    assert left[0] > 3 * left[2] and right[2] > 3 * right[0]
    assert front.opacity[0, 0, 25, 22] == 1 and front.opacity[0, 0, 25, 40] == 0  # the L's notch is top right
    assert back.opacity[0, 0, 25, 40] == 1 and back.opacity[0, 0, 25, 22] == 0
    side = photograph(World(things=(thing,)), cameras(90.0))
    assert side.opacity.sum() < 0.5 * front.opacity.sum()


def test_extrusions_turn_counter_clockwise_from_above() -> None:
    rgb, alpha = letter()
    body = extrude(rgb, alpha, centre=(0.0, 0.0, 0.0), width=1.2, thickness=0.2, turn=90.0)
    turned = photograph(World(things=(Thing(name="L", body=body),)), cameras(90.0))
    assert turned.opacity[0, 0, 25, 22] == 1 and turned.opacity[0, 0, 25, 40] == 0


def test_colour_is_carried_over_the_rim_of_a_cut_out() -> None:
    rgb, alpha = letter()
    body = extrude(rgb * alpha, alpha, centre=(0.0, 0.0, 0.0), width=1.0, thickness=0.2)
    assert isinstance(body, Extrusion)
    assert body.rgb[:, 5, 12].tolist() == [1.0, 0.0, 0.0]  # outside the cut: the colour of the nearest inside
    assert body.inside[15, 5] > 0 > body.inside[5, 25]


def test_textureless_worlds_are_grey() -> None:
    world = World(things=still_life().things, textured=False)
    shot = photograph(world, cameras(20.0, 25.0))
    assert torch.allclose(shot.colour[:, 0], shot.colour[:, 2])
    assert shot.colour.max() <= 0.6 + 1e-5


def test_shading_does_not_depend_on_the_view() -> None:
    # The top of a ball seen from two sides has one colour.
    world = ball_world(0.6)
    tops = [photograph(world, cameras(a, 90.0, size=65)).colour[0, :, 32, 32] for a in (0.0, 90.0)]
    assert torch.allclose(tops[0], tops[1], atol=0.01)


def test_baked_voxels_render_like_the_exact_pictures() -> None:
    world = still_life()
    scene, view = bake(world, 64), cameras(25.0, 25.0, size=48)
    exact = photograph(world, view)
    with torch.no_grad():
        seen = render_view(scene, view, quadrature=Quadrature(samples=96), cells=scene.cells())
    error = (seen.colour.permute(0, 3, 1, 2) - exact.colour).square().mean()
    assert -10 * error.log10() > 25
    assert (seen.opacity - exact.opacity[:, 0]).abs().mean() < 0.02
    assert set(scene.parts) == {"ball", "box", "egg", "ground"}


def test_distances_are_negative_inside_and_agree_with_the_voxels() -> None:
    world = still_life()
    signed = distances(world, grid.nodes(24)).amin(1)
    raw = bake(world, 24).lattice[0].flatten()
    assert torch.equal(signed < 0, raw > 0)


def test_pictures_take_the_places_of_the_primitives() -> None:
    rgb, alpha = letter()
    world = still_life([("L", rgb, alpha), ("M", rgb, alpha)], ground=False)
    assert [thing.name for thing in world.things] == ["L", "M", "egg"]


def test_a_still_life_has_places_for_three_pictures() -> None:
    rgb, alpha = letter()
    with pytest.raises(InputError, match="places for three pictures, got 4"):
        still_life([(name, rgb, alpha) for name in "abcd"])
