"""Analytic scenes: coloured primitives and extruded pictures, rendered exactly, with the mask of every thing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from gencontrol.errors import InputError
from gencontrol.nerf.field import grid
from gencontrol.nerf.field.scene import Scene
from gencontrol.nerf.parts.shapes import Box, Ellipsoid, Shape, Sphere, Vector, signed_distance
from gencontrol.nerf.rays.cameras import Cameras, camera_rays
from gencontrol.nerf.rays.rendering import cube_span

# Where the light of every scene comes from (world, towards the light) and how much light is left in the shade: shading
# is baked by the normal, so that colour does not depend on the view.
_LIGHT: Vector = (-0.4, -0.7, 0.6)
_AMBIENT = 0.7
_HIT = 2e-3
_STEPS = 96


@dataclass(frozen=True, kw_only=True)
class Extrusion:
    """A picture with transparency, cut out and given thickness; it faces azimuth `turn`."""

    rgb: Float[Tensor, "3 h w"] = field(repr=False)
    """Straight colour, [0, 1]."""
    inside: Float[Tensor, "h w"] = field(repr=False)
    """Signed distance to the outline in pixels, positive inside; from `extrude`."""
    centre: Vector
    """Middle, world coordinates."""
    width: float
    """World units."""
    thickness: float
    """World units."""
    turn: float = 0.0
    """Degrees about the upright axis, counter-clockwise seen from above."""


Body: TypeAlias = Shape | Extrusion


@dataclass(frozen=True, kw_only=True)
class Thing:
    """One body of a scene."""

    name: str
    """Unique in its scene."""
    body: Body
    """Where it is."""
    colour: Vector = (0.5, 0.5, 0.5)
    """sRGB, [0, 1]; an extrusion has its picture's instead."""


@dataclass(frozen=True, kw_only=True)
class World:
    """Things in the cube [-1, 1] on each axis."""

    things: tuple[Thing, ...]
    """The first wins where two overlap."""
    textured: bool = True
    """False renders everything in mid grey, with shading: what geometry alone shows."""


@dataclass(frozen=True, kw_only=True)
class Shot:
    """Exact pictures of a world."""

    colour: Float[Tensor, "b 3 h w"]
    """Premultiplied sRGB, [0, 1]."""
    opacity: Float[Tensor, "b 1 h w"]
    """How much of each pixel is covered, [0, 1]."""
    masks: Float[Tensor, "b k h w"]
    """How much of each pixel shows each thing, in the world's order, [0, 1]."""


def extrude(
    rgb: Float[Tensor, "3 h w"],
    alpha: Float[Tensor, "h w"],
    *,
    centre: Vector,
    width: float,
    thickness: float,
    turn: float = 0.0,
) -> Extrusion:
    """Cut a picture out where its alpha is at least one half; colour is carried over the rim.

    Raises:
        InputError: There is nothing to cut out.
    """
    solid = (alpha >= 0.5).numpy()
    if not solid.any():
        raise InputError("A picture that is transparent everywhere cannot be cut out: its alpha is below 0.5.")
    # What touches the picture's border ends there.
    framed = np.pad(solid, 1)
    inside = np.asarray(ndimage.distance_transform_edt(framed)) - np.asarray(ndimage.distance_transform_edt(~framed))
    nearest = ndimage.distance_transform_edt(~solid, return_distances=False, return_indices=True)
    assert nearest is not None
    rows, columns = torch.from_numpy(nearest).long()
    return Extrusion(
        rgb=rgb[:, rows, columns],
        inside=torch.from_numpy(inside[1:-1, 1:-1]).float(),
        centre=centre,
        width=width,
        thickness=thickness,
        turn=turn,
    )


def distances(world: World, points: Float[Tensor, "n 3"]) -> Float[Tensor, "n k"]:
    """Signed distance to every thing; negative inside."""
    return torch.stack([_distance(thing.body, points) for thing in world.things], dim=1)


def albedo(world: World, points: Float[Tensor, "n 3"], which: Int[Tensor, " n"]) -> Float[Tensor, "n 3"]:
    """Unshaded colour at points of given things."""
    if not world.textured:
        return torch.full_like(points, 0.6)
    colours = torch.zeros_like(points)
    for index, thing in enumerate(world.things):
        here = which == index
        colours[here] = _colour(thing, points[here])
    return colours


def shade(world: World, points: Float[Tensor, "n 3"], which: Int[Tensor, " n"]) -> Float[Tensor, "n 3"]:
    """Colour under the scene's fixed light; the same from every side."""
    light = F.normalize(points.new_tensor(_LIGHT), dim=0)
    facing = (_normals(world, points) @ light).clamp(min=0)
    return albedo(world, points, which) * (_AMBIENT + (1 - _AMBIENT) * facing)[:, None]


@torch.no_grad()
def photograph(world: World, cameras: Cameras, *, supersample: int = 2) -> Shot:
    """Render exactly by sphere tracing; `supersample` squared rays a pixel."""
    s = supersample
    fine = Cameras(pose=cameras.pose, focal=cameras.focal * s, height=cameras.height * s, width=cameras.width * s)
    origins, directions = (rays.reshape(-1, 3) for rays in camera_rays(fine))
    planes = _trace(world, origins, directions).reshape(len(fine.pose), fine.height, fine.width, -1)
    planes = F.avg_pool2d(planes.permute(0, 3, 1, 2), s)
    return Shot(colour=planes[:, :3], opacity=planes[:, 3:].sum(1, keepdim=True), masks=planes[:, 3:])


@torch.no_grad()
def bake(world: World, resolution: int) -> Scene:
    """The world as a voxel scene, its things as parts where they are simple shapes."""
    points = grid.nodes(resolution)
    signed = distances(world, points)
    nearest, which = signed.min(dim=1)
    # Six raw units a voxel: opaque one voxel below the surface, empty one and a half above.
    raw = (-6 * nearest * (resolution - 1) / 2).clamp(grid.EMPTY, 8.0)
    rgb = grid.raw_colour(shade(world, points, which))
    lattice = torch.cat([raw[:, None], rgb], dim=1).T.reshape(4, resolution, resolution, resolution)
    parts: dict[str, Shape] = {t.name: t.body for t in world.things if not isinstance(t.body, Extrusion)}
    return Scene(lattice=lattice.contiguous(), parts=parts)


def still_life(pictures: Sequence[tuple[str, Tensor, Tensor]] = (), *, ground: bool = True) -> World:
    """A ready scene: a red ball, a blue box, a yellow egg, or up to three extruded pictures in their places.

    Args:
        pictures: (name, rgb "3 h w", alpha "h w"), left to right.
        ground: Put a green slab below.

    Raises:
        InputError: More than three pictures.
    """
    if len(pictures) > 3:
        raise InputError(f"A still life has places for three pictures, got {len(pictures)}.")
    spots = [(-0.55, 0.0), (0.05, 0.15), (0.6, -0.1)]
    primitives = [
        Thing(name="ball", body=Sphere(centre=(-0.55, 0.0, -0.25), radius=0.3), colour=(0.85, 0.15, 0.1)),
        Thing(
            name="box", body=Box(centre=(0.05, 0.15, -0.3), size=(0.45, 0.45, 0.5), turn=25.0), colour=(0.15, 0.3, 0.85)
        ),
        Thing(name="egg", body=Ellipsoid(centre=(0.6, -0.1, -0.2), size=(0.4, 0.4, 0.7)), colour=(0.95, 0.8, 0.15)),
    ]
    things = []
    for (x, y), primitive, given in zip(spots, primitives, [*pictures, *[None] * (3 - len(pictures))], strict=True):
        if given is None:
            things.append(primitive)
            continue
        name, rgb, alpha = given
        things.append(Thing(name=name, body=extrude(rgb, alpha, centre=(x, y, -0.25), width=0.6, thickness=0.2)))
    if ground:
        slab = Box(centre=(0.0, 0.0, -0.62), size=(1.9, 1.2, 0.14))
        things.append(Thing(name="ground", body=slab, colour=(0.35, 0.55, 0.3)))
    return World(things=tuple(things))


def _trace(world: World, origins: Float[Tensor, "r 3"], directions: Float[Tensor, "r 3"]) -> Float[Tensor, "r c"]:
    """Premultiplied colour and one coverage plane a thing, for each ray."""
    travelled, far = cube_span(origins, directions)
    active = far > travelled
    for _ in range(_STEPS):
        index = active.nonzero()[:, 0]
        if len(index) == 0:
            break
        gap = distances(world, origins[index] + directions[index] * travelled[index, None]).amin(dim=1)
        travelled[index] += gap.clamp(min=_HIT / 2) * 0.95
        active[index] = (gap > _HIT) & (travelled[index] < far[index])
    points = origins + directions * travelled[:, None]
    gap, which = distances(world, points).min(dim=1)
    hit = ((gap < 2 * _HIT) & (travelled < far)).to(points.dtype)[:, None]
    covered = F.one_hot(which, len(world.things)).to(points.dtype)
    return torch.cat([shade(world, points, which), covered], dim=1) * hit


def _normals(world: World, points: Float[Tensor, "n 3"], *, step: float = 1e-2) -> Float[Tensor, "n 3"]:
    def nearest(moved: Tensor) -> Tensor:
        return distances(world, moved).amin(dim=1)

    offsets = torch.eye(3, device=points.device, dtype=points.dtype) * step
    slopes = torch.stack([nearest(points + o) - nearest(points - o) for o in offsets], dim=1)
    return F.normalize(slopes, dim=1)


def _distance(body: Body, points: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
    if not isinstance(body, Extrusion):
        return signed_distance(body, points)
    place, depth, pixel = _on_picture(body, points)
    outline = -_look_up(body.inside[None], place)[:, 0] * pixel
    beyond = (place.abs() - 1).clamp(min=0).norm(dim=1) * body.width / 2
    return torch.maximum(outline + beyond, depth.abs() - body.thickness / 2)


def _colour(thing: Thing, points: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
    if not isinstance(thing.body, Extrusion):
        return points.new_tensor(thing.colour).expand_as(points)
    place, _, _ = _on_picture(thing.body, points)
    return _look_up(thing.body.rgb, place)


def _on_picture(
    body: Extrusion, points: Float[Tensor, "n 3"]
) -> tuple[Float[Tensor, "n 2"], Float[Tensor, " n"], float]:
    """Picture coordinates in [-1, 1] (x right, y down), distance behind the middle plane, world units a pixel."""
    angle = points.new_tensor(body.turn).deg2rad()
    x, y, z = (points - points.new_tensor(body.centre)).unbind(-1)
    across, depth = angle.cos() * x + angle.sin() * y, angle.cos() * y - angle.sin() * x
    height, width = body.inside.shape
    pixel = body.width / width
    return torch.stack([across / (pixel * width / 2), -z / (pixel * height / 2)], dim=1), depth, pixel


def _look_up(planes: Float[Tensor, "c h w"], place: Float[Tensor, "n 2"]) -> Float[Tensor, "n c"]:
    found = F.grid_sample(planes[None].to(place), place[None, None], padding_mode="border", align_corners=False)
    return found[0, :, 0].T
