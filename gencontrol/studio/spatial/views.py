"""A scene from two sides, with a box drawn around a part of it."""

from collections.abc import Sequence
from itertools import combinations, product

import torch
from jaxtyping import Float
from PIL import Image, ImageDraw
from torch import Tensor

from gencontrol.nerf.export.pictures import rgba_picture
from gencontrol.nerf.field.scene import Scene
from gencontrol.nerf.rays.cameras import Cameras, Orbit, one_camera, orbit_cameras
from gencontrol.nerf.rays.rendering import Quadrature, render_view

SIDES: dict[str, float] = {"from the front": 0.0, "from the right": 90.0}
"""Where one looks from -> azimuth in degrees."""
_ELEVATION = 12.0
"""Degrees: from a little above one sees how deep a box is."""
_RENDERED, _SHOWN = 144, 300
"""Side of a picture in pixels, as it is rendered and as it is shown."""
_SAMPLES = 64
_ORANGE = (230, 90, 0)


def side_cameras(size: int) -> Cameras:
    """The cameras that look from each side, for square pictures of `size` pixels."""
    azimuth = torch.tensor(list(SIDES.values()))
    return orbit_cameras(azimuth, torch.full_like(azimuth, _ELEVATION), (size, size), orbit=Orbit())


@torch.no_grad()
def side_views(scene: Scene) -> list[Image.Image]:
    """What a scene looks like from each side, on white."""
    cameras, cells = side_cameras(_RENDERED), scene.cells()
    return [_view(scene, one_camera(cameras, index), cells) for index in range(len(SIDES))]


def _view(scene: Scene, camera: Cameras, cells: Tensor) -> Image.Image:
    seen = render_view(scene, camera, quadrature=Quadrature(samples=_SAMPLES), cells=cells)
    picture = rgba_picture(seen.colour[0].permute(2, 0, 1), seen.opacity)
    white = Image.new("RGBA", picture.size, "white")
    white.alpha_composite(picture)
    return white.convert("RGB")


def outlined(views: Sequence[Image.Image], box: Sequence[float] | None) -> Image.Image:
    """The views beside each other, with the edges of a box.

    Args:
        views: One for each of `SIDES`.
        box: Centre x y z and sides, world units; None draws none.
    """
    sheet = Image.new("RGB", (_SHOWN * len(views), _SHOWN), "white")
    draw, cameras = ImageDraw.Draw(sheet), side_cameras(_SHOWN)
    for index, (view, side) in enumerate(zip(views, SIDES, strict=True)):
        left = index * _SHOWN
        sheet.paste(view.resize((_SHOWN, _SHOWN), Image.Resampling.BICUBIC), (left, 0))
        if box is not None:
            corners = project(box_corners(box), one_camera(cameras, index))
            for a, b in box_edges():
                line = [(left + corners[end, 0].item(), corners[end, 1].item()) for end in (a, b)]
                draw.line(line, fill=_ORANGE, width=2)
        draw.text((left + 8, 8), side, fill=(90, 90, 90))
    return sheet


def box_corners(box: Sequence[float]) -> Float[Tensor, "8 3"]:
    """The corners of an upright box, world coordinates."""
    centre, sides = torch.tensor(box[:3]), torch.tensor(box[3:])
    return centre + torch.tensor(list(product((-0.5, 0.5), repeat=3))) * sides


def box_edges() -> list[tuple[int, int]]:
    """Which of `box_corners` an edge joins: those that differ along one axis."""
    return [(a, b) for a, b in combinations(range(8), 2) if (a ^ b).bit_count() == 1]


def project(points: Float[Tensor, "n 3"], camera: Cameras) -> Float[Tensor, "n 2"]:
    """Column and row in pixels at which a camera sees points before it."""
    turn, place = camera.pose[0, :, :3], camera.pose[0, :, 3]
    x, y, z = ((points - place) @ turn).unbind(-1)
    scale = camera.focal[0] / -z
    return torch.stack([camera.width / 2 + scale * x, camera.height / 2 - scale * y], dim=-1)
