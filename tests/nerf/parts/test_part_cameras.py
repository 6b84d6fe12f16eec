"""Where an edit's cameras look."""

import math

import pytest
import torch

from gencontrol.nerf.parts.part_cameras import extent, orbit_around
from gencontrol.nerf.parts.parts import Part
from gencontrol.nerf.parts.shapes import Box, Sphere, Whole
from gencontrol.nerf.rays.cameras import Orbit, camera_rays, orbit_cameras

ORBIT = Orbit(radius=4.0, elevation=(5.0, 15.0), azimuth=(-90.0, 90.0), field_of_view=(30.0, 60.0))


def part(shape, name: str = "part") -> Part:
    return Part(name=name, prompt="", shape=shape)


def half_height(orbit: Orbit, which: int) -> float:
    return orbit.radius * math.tan(math.radians(orbit.field_of_view[which]) / 2)


def test_a_part_fills_the_picture_as_the_scene_did_but_for_what_is_around_it() -> None:
    orbit = orbit_around(ORBIT, [part(Sphere(centre=(0.3, -0.2, 0.5), radius=0.4))])
    assert orbit.target == pytest.approx((0.3, -0.2, 0.5), abs=0.03)
    assert (orbit.radius, orbit.elevation, orbit.azimuth) == (ORBIT.radius, ORBIT.elevation, ORBIT.azimuth)
    for which in (0, 1):
        assert half_height(orbit, which) == pytest.approx(0.4 * 1.25 * half_height(ORBIT, which), rel=0.06)


def test_the_longest_side_counts_and_all_parts_are_shown() -> None:
    low, high = Box(centre=(0.0, 0.0, -0.5), size=(0.1, 0.1, 0.1)), Box(centre=(0.0, 0.0, 0.3), size=(0.1, 0.3, 0.1))
    orbit = orbit_around(ORBIT, [part(low, "low"), part(high, "high")])
    assert orbit.target == pytest.approx((0, 0, -0.1), abs=0.03)
    assert half_height(orbit, 0) == pytest.approx(0.45 * 1.25 * half_height(ORBIT, 0), rel=0.06)


def test_everything_is_seen_from_where_it_was_seen() -> None:
    orbit = orbit_around(ORBIT, [part(Whole())])
    assert orbit.target == pytest.approx((0, 0, 0), abs=1e-6)
    assert orbit.field_of_view == pytest.approx(ORBIT.field_of_view)


def test_a_tiny_part_is_not_enlarged_without_end() -> None:
    orbit = orbit_around(ORBIT, [part(Box(centre=(0.0, 0.0, 0.0), size=(0.05, 0.05, 0.05)))])
    assert half_height(orbit, 1) == pytest.approx(0.1 * half_height(ORBIT, 1))


def test_the_middle_of_the_picture_looks_through_the_part() -> None:
    orbit = orbit_around(ORBIT, [part(Sphere(centre=(0.5, 0.4, -0.3), radius=0.2))])
    origins, directions = camera_rays(orbit_cameras(torch.tensor([0.0, 70.0]), torch.zeros(2), (9, 9), orbit=orbit))
    origin, direction = origins[:, 4, 4], directions[:, 4, 4]
    towards = torch.tensor(orbit.target) - origin
    assert torch.linalg.cross(towards, direction).norm(dim=1).max() < 1e-4


def test_a_long_lens_stays_one_that_an_orbit_takes() -> None:
    orbit = orbit_around(
        Orbit(radius=15.0, field_of_view=(8.0, 9.0)), [part(Sphere(centre=(0.0, 0.0, 0.0), radius=0.08))]
    )
    assert orbit.field_of_view == pytest.approx((1.0, 1.0))


def test_the_extent_reaches_half_a_node_beyond_what_is_found() -> None:
    low, high = extent([part(Whole())])
    spacing = 2 / 47
    assert low.tolist() == pytest.approx([-1 - spacing / 2] * 3) and high.tolist() == pytest.approx(
        [1 + spacing / 2] * 3
    )
