"""Parts of a scene: shapes in world coordinates, and how far a point belongs to them."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeAlias

import torch
from jaxtyping import Float
from scipy.spatial.transform import Rotation
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.nerf.field import grid

Vector = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Whole:
    """Everything."""


@dataclass(frozen=True, kw_only=True)
class Oriented:
    """What a box and an ellipsoid have in common."""

    centre: Vector
    """Middle, world coordinates."""
    size: Vector
    """Full lengths along its own axes, world units."""
    turn: float = 0.0
    """Degrees about the upright axis, counter-clockwise seen from above."""
    pitch: float = 0.0
    """Degrees about its own x axis, before the turn."""
    roll: float = 0.0
    """Degrees about its own y axis, before the pitch."""

    @property
    def rotation(self) -> Rotation:
        """From its own axes to the world's."""
        return Rotation.from_euler("ZXY", [self.turn, self.pitch, self.roll], degrees=True)


@dataclass(frozen=True, kw_only=True)
class Box(Oriented):
    """An oriented box."""


@dataclass(frozen=True, kw_only=True)
class Sphere:
    """A ball."""

    centre: Vector
    """Middle, world coordinates."""
    radius: float
    """World units."""


@dataclass(frozen=True, kw_only=True)
class Ellipsoid(Oriented):
    """A ball stretched along its own axes."""


@dataclass(frozen=True, kw_only=True)
class HalfSpace:
    """Everything on the side of a plane that its normal points to."""

    point: Vector
    """A point of the plane."""
    normal: Vector
    """Towards the inside; any length."""


@dataclass(frozen=True, kw_only=True)
class Voxels:
    """A lifted mask: a lattice over [-1, 1] on each axis, (z, y, x); inside where it interpolates to 0.5 or more."""

    values: Float[Tensor, "z y x"] = field(repr=False)
    """[0, 1] at the nodes."""


@dataclass(frozen=True, kw_only=True)
class Union:
    """Whatever is in any of several shapes."""

    of: tuple["Shape", ...]
    """The shapes."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What is in one shape and not in another."""

    of: "Shape"
    """The shape that something is taken from."""
    without: "Shape"
    """What is taken away."""


Shape: TypeAlias = Whole | Box | Sphere | Ellipsoid | HalfSpace | Voxels | Union | Difference


def signed_distance(shape: Shape, points: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
    """Negative inside, positive outside, 0 on the surface; world units.

    Exact for spheres, boxes and half-spaces; elsewhere a bound with the right sign. A lifted mask gives its value's
    distance from one half, scaled by the voxel's size.
    """
    return _DISTANCES[type(shape)](shape, points)


def membership(shape: Shape, points: Float[Tensor, "n 3"], *, softness: float = 0.0) -> Float[Tensor, " n"]:
    """How far each point belongs to the part, [0, 1]; exactly 0 outside.

    Args:
        shape: The part.
        points: World coordinates.
        softness: Width in world units, inwards from the surface, over which it rises from 0 to 1; 0 is a hard edge.
    """
    inwards = -signed_distance(shape, points)
    if softness <= 0:
        return (inwards >= 0).to(points.dtype)
    return (inwards / softness).clamp(0, 1)


def grown(shape: Shape, by: float) -> Shape:
    """A shape whose surface lies so much further out, world units; corners stay corners.

    What a difference leaves out stays as it is, as do the whole and lifted masks, which are grown when they are lifted.
    """
    if isinstance(shape, Sphere):
        return replace(shape, radius=shape.radius + by)
    if isinstance(shape, Box | Ellipsoid):
        x, y, z = shape.size
        return replace(shape, size=(x + 2 * by, y + 2 * by, z + 2 * by))
    if isinstance(shape, HalfSpace):
        outwards = [-n * by / math.hypot(*shape.normal) for n in shape.normal]
        x, y, z = (p + o for p, o in zip(shape.point, outwards, strict=True))
        return replace(shape, point=(x, y, z))
    if isinstance(shape, Union):
        return Union(of=tuple(grown(s, by) for s in shape.of))
    if isinstance(shape, Difference):
        return replace(shape, of=grown(shape.of, by))
    return shape


def check_inside(shape: Shape, *, name: str, resolution: int = 48) -> float:
    """Refuse a part that no point of the scene's cube belongs to.

    Returns:
        The share of the cube that belongs to the part.

    Raises:
        InputError: Nothing of the part is inside [-1, 1] on each axis.
    """
    points = grid.nodes(resolution)
    share = membership(shape, points).mean().item()
    if share == 0:
        raise InputError(
            f"The highlight of {name!r} encloses nothing of the scene, which spans [-1, 1] on each axis: "
            f"{shape_text(shape)}. Move or enlarge it."
        )
    return share


def shape_text(shape: Shape) -> str:
    """A shape in words, for messages: "box, centre 9 9 9, size 1 1 1"; of those made of others, the kind alone."""
    said = [type(shape).__name__.lower()]
    for about in fields(shape):
        value = getattr(shape, about.name)
        numbers = value if isinstance(value, tuple) else (value,)
        if value != about.default and all(isinstance(number, int | float) for number in numbers):
            said.append(f"{about.name} {' '.join(f'{number:g}' for number in numbers)}")
    return ", ".join(said)


def _local(points: Float[Tensor, "n 3"], shape: Oriented) -> Float[Tensor, "n 3"]:
    # A row times the rotation is the inverse rotation times the column.
    return (points - points.new_tensor(shape.centre)) @ points.new_tensor(shape.rotation.as_matrix())


def _box(shape: Box, points: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
    excess = _local(points, shape).abs() - points.new_tensor(shape.size) / 2
    return excess.clamp(min=0).norm(dim=-1) + excess.amax(dim=-1).clamp(max=0)


def _ellipsoid(shape: Ellipsoid, points: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
    half = points.new_tensor(shape.size) / 2
    return ((_local(points, shape) / half).norm(dim=-1) - 1) * half.min()


def _sphere(shape: Sphere, points: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
    return (points - points.new_tensor(shape.centre)).norm(dim=-1) - shape.radius


def _half_space(shape: HalfSpace, points: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
    normal = points.new_tensor(shape.normal)
    return -(points - points.new_tensor(shape.point)) @ (normal / normal.norm())


def _voxels(shape: Voxels, points: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
    inside = grid.sample(shape.values.to(points)[None], points)[:, 0]
    return (0.5 - inside) * (4 / (max(shape.values.shape) - 1))


_DISTANCES: Mapping[type, Callable[[Any, Tensor], Tensor]] = {
    Whole: lambda _, points: torch.full_like(points[:, 0], -torch.inf),
    Box: _box,
    Sphere: _sphere,
    Ellipsoid: _ellipsoid,
    HalfSpace: _half_space,
    Voxels: _voxels,
    Union: lambda shape, points: torch.stack([signed_distance(s, points) for s in shape.of]).amin(0),
    Difference: lambda shape, points: torch.maximum(
        signed_distance(shape.of, points), -signed_distance(shape.without, points)
    ),
}
