"""A scene from two sides, with a box drawn around a part of it, or the part in another colour."""

import json
from collections.abc import Sequence
from itertools import combinations, product
from typing import Any

import torch
from jaxtyping import Bool, Float
from PIL import Image, ImageDraw
from torch import Tensor

from gencontrol.nerf.export.pictures import rgba_picture
from gencontrol.nerf.field.scene import Scene
from gencontrol.nerf.parts.parts import Part, memberships
from gencontrol.nerf.parts.shapes import Shape
from gencontrol.nerf.rays.cameras import Cameras, Orbit, one_camera, orbit_cameras
from gencontrol.nerf.rays.rendering import Membership, Quadrature, Rendering, render_view

SIDES: dict[str, float] = {"from the front": 0.0, "from the right": 90.0}
"""Where one looks from -> azimuth in degrees."""
_ELEVATION = 12.0
"""Degrees: from a little above one sees how deep a box is."""
_RENDERED, _SHOWN = 144, 300
"""Side of a picture in pixels, as it is rendered and as it is shown."""
_SAMPLES = 64
_ORANGE = (230, 90, 0)
_SHADE = 0.7
"""Of the orange over what is marked: its shape is still seen."""


def side_cameras(size: int) -> Cameras:
    """The cameras that look from each side, for square pictures of `size` pixels."""
    azimuth = torch.tensor(list(SIDES.values()))
    return orbit_cameras(azimuth, torch.full_like(azimuth, _ELEVATION), (size, size), orbit=Orbit())


@torch.no_grad()
def side_views(scene: Scene) -> list[Image.Image]:
    """What a scene looks like from each side, on white."""
    cameras, cells = side_cameras(_RENDERED), scene.cells()
    return [view_of(scene, one_camera(cameras, index), cells) for index in range(len(SIDES))]


@torch.no_grad()
def marked_views(scene: Scene, shape: Shape) -> list[Image.Image]:
    """The same, with what belongs to a shape in orange."""
    cameras, cells, marked = side_cameras(_RENDERED), scene.cells(), []
    for index in range(len(SIDES)):
        camera = one_camera(cameras, index)
        share = _render(scene, camera, cells, memberships([Part(name="part", prompt="", shape=shape)])).parts[0, ..., 0]
        ink = Image.fromarray((share.clamp(0, 1) * 255 * _SHADE).byte().numpy())
        marked.append(Image.composite(Image.new("RGB", ink.size, _ORANGE), view_of(scene, camera, cells), ink))
    return marked


@torch.no_grad()
def view_of(scene: Scene, camera: Cameras, cells: Bool[Tensor, "z y x"]) -> Image.Image:
    """What one camera sees of a scene, on white.

    Args:
        scene: The scene.
        camera: One.
        cells: Of the scene, see `Scene.cells`.
    """
    seen = _render(scene, camera, cells)
    picture = rgba_picture(seen.colour[0].permute(2, 0, 1), seen.opacity)
    white = Image.new("RGBA", picture.size, "white")
    white.alpha_composite(picture)
    return white.convert("RGB")


def _render(scene: Scene, camera: Cameras, cells: Tensor, membership: Membership | None = None) -> Rendering:
    return render_view(scene, camera, quadrature=Quadrature(samples=_SAMPLES), cells=cells, membership=membership)


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


def seen_by(side: str) -> dict[str, Any]:
    """A side's camera as the page projects with it: `place`, `turn` (whose columns are its axes) and `focal`."""
    camera = one_camera(side_cameras(_SHOWN), list(SIDES).index(side))
    turn, place = camera.pose[0, :, :3], camera.pose[0, :, 3]
    return {"name": side, "place": place.tolist(), "turn": turn.tolist(), "focal": camera.focal[0].item()}


def grips_text(box: Sequence[float], *, scene: str, away: tuple[float, float], sides: tuple[float, float]) -> str:
    """What the page is told of a box that can be dragged on what `outlined` makes, as JSON.

    Args:
        box: Centre x y z and sides, world units.
        scene: Whose part it is: boxes of another one are not brought back by undo.
        away: The least and the largest coordinate of its centre.
        sides: The least and the largest of its sides.
    """
    told = {"side": _SHOWN, "views": [seen_by(side) for side in SIDES], "scene": scene, "box": list(box)}
    return json.dumps({**told, "away": away, "sides": sides})


def placed(column: int | float, row: int | float, centre: Sequence[float]) -> tuple[float, float, float]:
    """Where a point comes to lie that is moved to a pixel of the sheet, as far from the camera of that side as it was.

    Args:
        column: Of the sheet that `outlined` makes.
        row: The same.
        centre: The point before, world coordinates.
    """
    index = min(max(int(column // _SHOWN), 0), len(SIDES) - 1)
    camera = one_camera(side_cameras(_SHOWN), index)
    turn, place = camera.pose[0, :, :3], camera.pose[0, :, 3]
    away = -((torch.tensor(centre) - place) @ turn)[2]
    x = (column - index * _SHOWN - camera.width / 2) / camera.focal[0]
    y = (camera.height / 2 - row) / camera.focal[0]
    moved = place + turn @ (torch.stack([x, y, torch.tensor(-1.0)]) * away)
    return tuple(moved.tolist())


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
