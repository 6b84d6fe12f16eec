"""The old place of `gencontrol.nerf.rays.cameras`, which the `config.yml` of runs made by 0.1 name."""

from gencontrol.nerf.rays.cameras import (
    Cameras,
    Orbit,
    camera_rays,
    focal_length,
    orbit_cameras,
    orbit_pose,
    random_cameras,
    spiral,
    turntable,
)

__all__ = [
    "Cameras",
    "Orbit",
    "camera_rays",
    "focal_length",
    "orbit_cameras",
    "orbit_pose",
    "random_cameras",
    "spiral",
    "turntable",
]
