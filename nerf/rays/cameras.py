"""Pinhole cameras on an orbit, and their rays.

World: right-handed, z up, the scene inside [-1, 1] on each axis. Camera: x right, y up, looking along -z (OpenGL's and
nerfstudio's convention). Azimuth 0 stands on -y and looks along +y, so that the picture's right is the world's +x; it
grows counter-clockwise seen from above. Elevation 90 is straight above. Both in degrees.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor
from torch.nn import functional as F

from gencontrol.errors import ConfigError

# Volume of a unit cube once it is turned, which is 1 but for rounding and scaled axes.
_FLAT = 1e-6


@dataclass(frozen=True, kw_only=True)
class Orbit:
    """Where random cameras stand."""

    radius: float = 3.0
    """Distance of the camera from the point looked at, in world units."""
    elevation: tuple[float, float] = (0.0, 40.0)
    """Lowest and highest elevation in degrees; drawn uniformly."""
    azimuth: tuple[float, float] = (-180.0, 180.0)
    """First and last azimuth in degrees; a narrow range gives billboards (Dream Fields)."""
    field_of_view: tuple[float, float] = (40.0, 50.0)
    """Narrowest and widest vertical opening angle in degrees."""
    target: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Point looked at."""

    def __post_init__(self) -> None:
        if not 0 < self.radius < math.inf:
            raise ConfigError(f"`orbit.radius` must be above 0 world units; got {self.radius}.")
        if not all(map(math.isfinite, self.target)):
            raise ConfigError(f"`orbit.target` must be three finite numbers; got {self.target}.")
        for name, low, high in (("elevation", -90, 90), ("azimuth", -360, 360), ("field_of_view", 1, 170)):
            first, last = getattr(self, name)
            if not low <= first <= last <= high:
                raise ConfigError(f"`orbit.{name}` must be two rising degrees in [{low}, {high}]; got {first}, {last}.")


@dataclass(frozen=True, kw_only=True)
class Cameras:
    """A batch of square-pixel pinhole cameras of one picture size."""

    pose: Float[Tensor, "b 3 4"]
    """Camera to world."""
    focal: Float[Tensor, " b"]
    """Focal length in pixels."""
    height: int
    """Rows."""
    width: int
    """Columns."""


def are_turns(poses: Float[Tensor, "b 3 4"]) -> Bool[Tensor, " b"]:
    """Which poses turn space as a camera does: neither flat nor mirrored, nor stretched beyond all sense."""
    stretched = torch.linalg.det(poses[:, :, :3].double())
    return (stretched > _FLAT) & (stretched < 1 / _FLAT)


def orbit_pose(
    azimuth: Float[Tensor, " b"],
    elevation: Float[Tensor, " b"],
    radius: Float[Tensor, " b"],
    target: Float[Tensor, " 3"],
) -> Float[Tensor, "b 3 4"]:
    """Camera-to-world matrices of cameras on a sphere, upright, looking at its centre."""
    a, e = azimuth.deg2rad(), elevation.deg2rad()
    outwards = torch.stack([a.sin() * e.cos(), -a.cos() * e.cos(), e.sin()], dim=-1)
    right = torch.stack([a.cos(), a.sin(), torch.zeros_like(a)], dim=-1)
    up = torch.linalg.cross(outwards, right)
    return torch.stack([right, up, outwards, target + radius[:, None] * outwards], dim=-1)


def focal_length(field_of_view: Float[Tensor, " b"], height: int) -> Float[Tensor, " b"]:
    """Pixels, from the vertical opening angle in degrees."""
    return height / (2 * (field_of_view.deg2rad() / 2).tan())


def orbit_cameras(
    azimuth: Float[Tensor, " b"], elevation: Float[Tensor, " b"], size: tuple[int, int], *, orbit: Orbit
) -> Cameras:
    """Cameras at given angles, at the orbit's radius and its mean field of view."""
    radius = torch.full_like(azimuth, orbit.radius)
    angle = torch.full_like(azimuth, sum(orbit.field_of_view) / 2)
    pose = orbit_pose(azimuth, elevation, radius, azimuth.new_tensor(orbit.target))
    return Cameras(pose=pose, focal=focal_length(angle, size[0]), height=size[0], width=size[1])


def random_cameras(
    count: int, size: tuple[int, int], *, orbit: Orbit, generator: Generator
) -> tuple[Cameras, Float[Tensor, " b"], Float[Tensor, " b"]]:
    """Draw cameras; azimuths are stratified, so that two views never see the same side.

    Returns:
        The cameras, their azimuths and their elevations in degrees.
    """
    place = (torch.arange(count) + torch.rand((), generator=generator) * count) / count % 1
    place = (place + torch.rand(count, generator=generator) / count) % 1
    azimuth = orbit.azimuth[0] + place * (orbit.azimuth[1] - orbit.azimuth[0])
    elevation = _uniform(orbit.elevation, count, generator)
    focal = focal_length(_uniform(orbit.field_of_view, count, generator), size[0])
    pose = orbit_pose(azimuth, elevation, torch.full((count,), orbit.radius), torch.tensor(orbit.target))
    return Cameras(pose=pose, focal=focal, height=size[0], width=size[1]), azimuth, elevation


def camera_rays(cameras: Cameras) -> tuple[Float[Tensor, "b h w 3"], Float[Tensor, "b h w 3"]]:
    """Origins and unit directions in the world, through pixel centres."""
    rows = torch.arange(cameras.height, device=cameras.pose.device) + 0.5 - cameras.height / 2
    columns = torch.arange(cameras.width, device=cameras.pose.device) + 0.5 - cameras.width / 2
    y, x = torch.meshgrid(-rows, columns, indexing="ij")
    focal = cameras.focal[:, None, None]
    local = torch.stack([x / focal, y / focal, -torch.ones_like(x / focal)], dim=-1)
    directions = F.normalize(torch.einsum("bij,bhwj->bhwi", cameras.pose[:, :, :3], local), dim=-1)
    return cameras.pose[:, None, None, :, 3].expand_as(directions), directions


def turntable(frames: int, size: tuple[int, int], *, orbit: Orbit, elevation: float = 20.0) -> Cameras:
    """One full turn."""
    azimuth = torch.arange(frames) * (360.0 / frames)
    return orbit_cameras(azimuth, torch.full_like(azimuth, elevation), size, orbit=orbit)


def spiral(frames: int, size: tuple[int, int], *, orbit: Orbit, turns: float = 2.0) -> Cameras:
    """Up and down between the orbit's elevations while turning."""
    time = torch.arange(frames) / frames
    low, high = orbit.elevation
    elevation = low + (high - low) * (1 - (2 * math.pi * time).cos()) / 2
    return orbit_cameras(time * 360.0 * turns, elevation, size, orbit=orbit)


def one_camera(cameras: Cameras, index: int) -> Cameras:
    """One camera of a batch, as a batch."""
    return Cameras(
        pose=cameras.pose[index : index + 1],
        focal=cameras.focal[index : index + 1],
        height=cameras.height,
        width=cameras.width,
    )


def _uniform(limits: tuple[float, float], count: int, generator: Generator) -> Float[Tensor, " b"]:
    return limits[0] + (limits[1] - limits[0]) * torch.rand(count, generator=generator)
