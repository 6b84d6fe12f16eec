"""Cameras: where they stand, what they see where."""

import math

import pytest
import torch

from gencontrol.errors import ConfigError
from gencontrol.nerf.rays.cameras import (
    Orbit,
    camera_rays,
    focal_length,
    one_camera,
    orbit_cameras,
    orbit_pose,
    random_cameras,
    spiral,
    turntable,
)


def pose(azimuth: float, elevation: float, radius: float = 2.0) -> torch.Tensor:
    return orbit_pose(torch.tensor([azimuth]), torch.tensor([elevation]), torch.tensor([radius]), torch.zeros(3))[0]


@pytest.mark.parametrize(
    ("azimuth", "elevation", "place"),
    [
        (0.0, 0.0, (0, -2, 0)),
        (90.0, 0.0, (2, 0, 0)),
        (180.0, 0.0, (0, 2, 0)),
        (-90.0, 0.0, (-2, 0, 0)),
        (0.0, 30.0, (0, -2 * math.cos(math.pi / 6), 1)),
        (90.0, 90.0, (0, 0, 2)),
    ],
)
def test_cameras_stand_where_the_angles_say(azimuth: float, elevation: float, place: tuple[float, ...]) -> None:
    assert pose(azimuth, elevation)[:, 3].tolist() == pytest.approx(place, abs=1e-5)


@pytest.mark.parametrize(("azimuth", "elevation"), [(0.0, 0.0), (33.0, 20.0), (-140.0, 70.0)])
def test_poses_are_rotations_that_look_at_the_target_upright(azimuth: float, elevation: float) -> None:
    matrix = pose(azimuth, elevation)
    rotation = matrix[:, :3]
    assert torch.allclose(rotation.T @ rotation, torch.eye(3), atol=1e-5)
    assert torch.linalg.det(rotation).item() == pytest.approx(1, abs=1e-5)
    assert torch.allclose(-rotation[:, 2] * 2, -matrix[:, 3], atol=1e-5)  # forward is -z and leads to the origin
    assert rotation[2, 0].item() == pytest.approx(0, abs=1e-6)  # no roll
    assert rotation[2, 1] > 0


def test_the_picture_has_world_x_to_the_right_and_z_up_from_the_front() -> None:
    cameras = orbit_cameras(torch.zeros(1), torch.zeros(1), (11, 11), orbit=Orbit())
    origins, directions = camera_rays(cameras)
    assert torch.allclose(origins[0, 0, 0], torch.tensor([0.0, -3.0, 0.0]), atol=1e-5)
    assert torch.allclose(directions[0, 5, 5], torch.tensor([0.0, 1.0, 0.0]), atol=1e-5)
    assert directions[0, 5, 10, 0] > 0 and directions[0, 0, 5, 2] > 0
    assert torch.allclose(directions.norm(dim=-1), torch.ones(1, 11, 11), atol=1e-5)


def test_the_field_of_view_is_the_angle_between_the_outermost_edges() -> None:
    focal = focal_length(torch.tensor([90.0]), 64)
    assert focal.item() == pytest.approx(32)


def test_angles_are_recovered_from_poses(angles_of) -> None:
    for azimuth, elevation in ((10.0, 5.0), (-170.0, 60.0), (95.0, -20.0)):
        found = angles_of(pose(azimuth, elevation)[None])
        assert [f.item() for f in found] == pytest.approx([azimuth, elevation], abs=1e-3)


def test_random_cameras_keep_to_the_orbit_and_repeat_with_the_seed(angles_of) -> None:
    orbit = Orbit(elevation=(10.0, 20.0), azimuth=(-90.0, 90.0), field_of_view=(30.0, 60.0), target=(0.1, 0.2, 0.3))

    def draw(seed: int):
        return random_cameras(64, (8, 8), orbit=orbit, generator=torch.Generator().manual_seed(seed))

    cameras, azimuth, elevation = draw(0)
    assert azimuth.min() >= -90 and azimuth.max() <= 90 and azimuth.std() > 30
    assert elevation.min() >= 10 and elevation.max() <= 20
    found = angles_of(cameras.pose, orbit.target)
    assert torch.allclose(found[0], azimuth, atol=1e-3) and torch.allclose(found[1], elevation, atol=1e-3)
    low, high = focal_length(torch.tensor([60.0, 30.0]), 8).tolist()
    assert cameras.focal.min() >= low and cameras.focal.max() <= high
    assert torch.equal(draw(0)[0].pose, cameras.pose) and not torch.equal(draw(1)[0].pose, cameras.pose)


def test_views_of_one_draw_see_different_sides() -> None:
    for seed in range(20):
        _, azimuth, _ = random_cameras(4, (8, 8), orbit=Orbit(), generator=torch.Generator().manual_seed(seed))
        quarters = ((azimuth.sort().values.diff()) > 0).all()
        assert quarters and azimuth.sort().values.diff().max() < 181


def test_a_turntable_turns_once_and_a_spiral_reaches_both_elevations(angles_of) -> None:
    orbit = Orbit(elevation=(5.0, 50.0))
    azimuth, elevation = angles_of(turntable(8, (4, 4), orbit=orbit).pose)
    assert (azimuth % 360).tolist() == pytest.approx([45.0 * i for i in range(8)], abs=1e-3)
    assert torch.allclose(elevation, torch.full((8,), 20.0), atol=1e-3)
    _, elevation = angles_of(spiral(8, (4, 4), orbit=orbit).pose)
    assert [elevation.min().item(), elevation.max().item()] == pytest.approx([5, 50], abs=1e-3)


def test_an_orbit_without_a_distance_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"`orbit.radius` must be above 0 world units; got -3\.0"):
        Orbit(radius=-3.0)


@pytest.mark.parametrize(
    "settings",
    [{"elevation": (40.0, 10.0)}, {"azimuth": (0.0, 400.0)}, {"field_of_view": (0.0, 10.0)}],
)
def test_impossible_orbits_are_refused(settings: dict) -> None:
    with pytest.raises(ConfigError, match=f"`orbit.{next(iter(settings))}` must be two rising degrees"):
        Orbit(**settings)


def test_an_orbit_goes_around_its_target() -> None:
    orbit = Orbit(radius=2.0, target=(0.3, -0.2, 0.5), field_of_view=(30.0, 50.0))
    cameras = orbit_cameras(torch.tensor([0.0, 90.0]), torch.tensor([0.0, 0.0]), (8, 6), orbit=orbit)
    assert torch.allclose(cameras.pose[:, :, 3], torch.tensor([[0.3, -2.2, 0.5], [2.3, -0.2, 0.5]]), atol=1e-5)
    assert cameras.focal.tolist() == pytest.approx([4 / math.tan(math.radians(20))] * 2)
    assert (cameras.height, cameras.width) == (8, 6)


def test_one_camera_of_a_batch_is_a_batch_of_it() -> None:
    cameras = turntable(3, (4, 6), orbit=Orbit())
    one = one_camera(cameras, 2)
    assert torch.equal(one.pose, cameras.pose[2:]) and torch.equal(one.focal, cameras.focal[2:])
    assert (one.height, one.width) == (cameras.height, cameras.width) == (4, 6)


@pytest.mark.parametrize("settings", [{"radius": float("nan")}, {"radius": float("inf")}, {"radius": 0.0}])
def test_an_orbit_has_a_finite_radius(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"`orbit\.radius` must be above 0"):
        Orbit(**settings)  # pyright: ignore[reportArgumentType]


def test_an_orbits_target_is_a_place() -> None:
    with pytest.raises(ConfigError, match=r"`orbit\.target` must be three finite numbers; got"):
        Orbit(target=(0.0, float("nan"), 0.0))


def test_defaults() -> None:
    assert Orbit() == Orbit(
        radius=3.0,
        elevation=(0.0, 40.0),
        azimuth=(-180.0, 180.0),
        field_of_view=(40.0, 50.0),
        target=(0.0, 0.0, 0.0),
    )
    turned, wound = turntable(3, (4, 6), orbit=Orbit()), spiral(5, (4, 6), orbit=Orbit())
    assert torch.equal(turned.pose, turntable(3, (4, 6), orbit=Orbit(), elevation=20.0).pose)
    assert torch.equal(wound.pose, spiral(5, (4, 6), orbit=Orbit(), turns=2.0).pose)
