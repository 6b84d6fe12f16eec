"""Analytic scenes: pictures and masks against geometry worked out by hand, and against their own voxels."""

import math

import pytest
import torch
from torch.nn import functional as F

from gencontrol.errors import InputError
from gencontrol.nerf.field import grid
from gencontrol.nerf.parts.shapes import Box, Ellipsoid, Sphere
from gencontrol.nerf.rays.cameras import Orbit, orbit_cameras
from gencontrol.nerf.rays.rendering import Quadrature, render_view
from gencontrol.nerf.still_life.world import (
    Extrusion,
    Thing,
    World,
    _trace,
    albedo,
    bake,
    distances,
    extrude,
    photograph,
    shade,
    still_life,
)

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


def test_the_still_lifes_ground_lies_under_its_things() -> None:
    world = still_life()
    *things, ground = world.things
    assert ground.name == "ground"
    # Its top is where the lowest thing stands: 5 cm below the ball and the egg, and under the box.
    top = torch.tensor([[0.0, 0.0, -0.55], [0.95, 0.6, -0.62], [-0.95, -0.6, -0.62], [0.0, 0.0, -0.69]])
    assert distances(world, top)[:, -1].tolist() == pytest.approx([0.0] * 4, abs=1e-6)
    inner = grid.nodes(41)[(distances(world, grid.nodes(41))[:, :-1] < 0).any(dim=1)]
    assert inner[:, 2].min() > -0.56 and inner[:, :2].abs().amax(dim=0).tolist() < [0.95, 0.6]
    green = albedo(world, top[:1], torch.tensor([3]))[0]
    assert green.tolist() == pytest.approx([0.35, 0.55, 0.3]) and green.argmax() == 1
    assert still_life(ground=False).things == tuple(things)


def test_light_comes_from_above_on_the_left_in_front_and_leaves_seven_tenths_in_the_shade() -> None:
    world = ball_world(0.5)
    light = F.normalize(torch.tensor([-0.4, -0.7, 0.6]), dim=0)
    across = F.normalize(torch.linalg.cross(light, torch.tensor([0.0, 0.0, 1.0])), dim=0)
    slanted = F.normalize(light + across, dim=0)
    at = torch.stack([0.5 * light, 0.5 * slanted, 0.5 * across, -0.5 * light])
    red = shade(world, at, torch.zeros(4, dtype=torch.long))[:, 0]
    assert red.tolist() == pytest.approx([1.0, 0.7 + 0.3 * math.cos(math.pi / 4), 0.7, 0.7], abs=1e-3)


def test_baked_density_falls_by_six_raw_units_a_voxel_and_ends_at_both_limits() -> None:
    world = ball_world(0.5)
    lattice = bake(world, 41).lattice[0]  # its nodes are 0.05 apart
    along = lattice[20, 20]  # x through the middle: the surface is at nodes 10 and 30
    assert along[28:33].tolist() == pytest.approx([8.0, 6.0, 0.0, -6.0, grid.EMPTY], abs=1e-3)


def test_an_extruded_picture_has_its_width_and_thickness() -> None:
    solid = torch.ones(32, 32)
    (thing,) = still_life([("L", torch.ones(3, 32, 32), solid)], ground=False).things[:1]
    assert isinstance(thing.body, Extrusion)
    assert (thing.body.centre, thing.body.width, thing.body.thickness) == ((-0.55, 0.0, -0.25), 0.6, 0.2)
    body = extrude(torch.ones(3, 32, 32), solid, centre=(0.0, 0.0, 0.0), width=1.2, thickness=0.2)
    world = World(things=(Thing(name="L", body=body),))
    probes = torch.tensor([[0.0, 0.1, 0.0], [0.0, -0.25, 0.0], [0.9, 0.0, 0.0], [0.0, 0.0, -1.0]])
    found = distances(world, probes)[:, 0].tolist()
    assert found[:2] == pytest.approx([0.0, 0.15], abs=1e-6)  # in the middle of the picture the depth counts
    # What fills its picture ends at the picture's border, to a pixel.
    assert found[2:] == pytest.approx([0.3, 0.4], abs=0.05)
    with pytest.raises(InputError, match="transparent everywhere cannot be cut out"):
        extrude(torch.ones(3, 8, 8), torch.zeros(8, 8), centre=(0.0, 0.0, 0.0), width=1.0, thickness=0.2)


def test_a_still_lifes_things_stand_apart_on_the_ground_from_left_to_right() -> None:
    ball, box, egg, _ = still_life().things
    assert ball == Thing(name="ball", body=Sphere(centre=(-0.55, 0.0, -0.25), radius=0.3), colour=(0.85, 0.15, 0.1))
    turned = Box(centre=(0.05, 0.15, -0.3), size=(0.45, 0.45, 0.5), turn=25.0)
    assert box == Thing(name="box", body=turned, colour=(0.15, 0.3, 0.85))
    upright = Ellipsoid(centre=(0.6, -0.1, -0.2), size=(0.4, 0.4, 0.7))
    assert egg == Thing(name="egg", body=upright, colour=(0.95, 0.8, 0.15))
    nodes = grid.nodes(61)
    inside = distances(still_life(), nodes) < 0
    assert inside.sum(dim=1).max() == 1 and inside.any(dim=0).all()
    # Each reaches down to the ground's top and not through it, to the spacing of the probes.
    for index in range(3):
        assert nodes[inside[:, index], 2].min().item() == pytest.approx(-0.55, abs=0.04)


def test_pictures_stand_in_the_places_of_the_primitives() -> None:
    rgb, alpha = letter()
    world = still_life([(name, rgb, alpha) for name in "abc"], ground=False)
    bodies = [thing.body for thing in world.things]
    assert [body.centre for body in bodies if isinstance(body, Extrusion)] == [
        (-0.55, 0.0, -0.25), (0.05, 0.15, -0.25), (0.6, -0.1, -0.25),
    ]  # fmt: skip


def test_defaults() -> None:
    ball = ball_world().things[0].body
    assert Thing(name="a", body=ball).colour == (0.5, 0.5, 0.5) and World(things=()).textured
    rgb, alpha = letter()
    body = extrude(rgb, alpha, centre=(0.0, 0.0, 0.0), width=1.0, thickness=0.2)
    assert body.turn == 0
    assert Extrusion(rgb=rgb, inside=alpha, centre=(0.0, 0.0, 0.0), width=1.0, thickness=0.2).turn == 0
    world, view = ball_world(), cameras(30.0, size=16)
    assert torch.equal(photograph(world, view).opacity, photograph(world, view, supersample=2).opacity)
    plain = World(things=world.things, textured=False)
    assert (albedo(plain, torch.zeros(2, 3), torch.zeros(2, dtype=torch.long)) == 0.6).all()


def test_what_is_half_opaque_is_cut_out_and_a_pixel_is_as_wide_as_it_is_high() -> None:
    alpha = torch.full((8, 16), 0.49)
    alpha[2:6, 2:14] = 0.5
    body = extrude(torch.ones(3, 8, 16), alpha, centre=(0.0, 0.0, 0.0), width=1.6, thickness=2.0)
    assert torch.equal(body.inside > 0, alpha == 0.5)
    assert body.inside[4, 4:9].tolist() == [2.0, 2.0, 2.0, 2.0, 2.0] and body.inside[0, 4] == -2 == body.inside[4, 0]
    # A tenth of a unit a pixel: the cut ends 0.2 above and below the middle, and 0.6 beside it.
    probes = torch.tensor([[0.0, 0.0, 0.3], [0.0, 0.0, -0.3], [0.7, 0.0, 0.0], [-0.7, 0.0, 0.0]])
    found = distances(World(things=(Thing(name="a", body=body),)), probes)[:, 0]
    assert found.tolist() == pytest.approx([0.1] * 4, abs=0.051) and (found > 0).all()


def test_the_front_thing_of_two_in_one_place_wins_and_its_surface_stops_a_ray() -> None:
    first, second = (Thing(name=n, body=Sphere(centre=(0.0, 0.0, 0.0), radius=0.5)) for n in "ab")
    shot = photograph(World(things=(first, second)), cameras(0.0, size=16))
    assert shot.masks[:, 0].any() and not shot.masks[:, 1].any()
    # A ray that sets out within reach of a surface has hit it, though its first step leads a little away.
    skin = torch.tensor([[0.5015, 0.0, 0.0], [0.5045, 0.0, 0.0]])
    away = torch.tensor([[1.0, 0.0, 0.0]]).expand(2, 3)
    assert _trace(ball_world(0.5), skin, away)[:, 3].tolist() == [1.0, 0.0]


def test_pictures_and_voxels_of_a_world_keep_no_gradient() -> None:
    rgb, alpha = letter()
    world = still_life([("L", rgb.requires_grad_(), alpha)])
    shot = photograph(world, cameras(0.0, size=8))
    assert not shot.colour.requires_grad and not bake(world, 6).lattice.requires_grad
