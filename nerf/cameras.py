"""The old place of `gencontrol.nerf.rays.cameras`, which the `config.yml` of runs made by 0.1 name."""

from gencontrol.nerf.rays.cameras import (
    Cameras as Cameras,
)
from gencontrol.nerf.rays.cameras import (
    Orbit as Orbit,
)
from gencontrol.nerf.rays.cameras import (
    camera_rays as camera_rays,
)
from gencontrol.nerf.rays.cameras import (
    focal_length as focal_length,
)
from gencontrol.nerf.rays.cameras import (
    orbit_cameras as orbit_cameras,
)
from gencontrol.nerf.rays.cameras import (
    orbit_pose as orbit_pose,
)
from gencontrol.nerf.rays.cameras import (
    random_cameras as random_cameras,
)
from gencontrol.nerf.rays.cameras import (
    spiral as spiral,
)
from gencontrol.nerf.rays.cameras import (
    turntable as turntable,
)
