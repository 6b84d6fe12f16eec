"""Where a highlight stands, and the same highlight elsewhere: what a draggable handle shows and changes."""

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from scipy.spatial.transform import Rotation

from gencontrol.nerf.parts.shapes import Box, Difference, Ellipsoid, HalfSpace, Shape, Sphere, Union, Vector

Quaternion: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A position and an orientation."""

    position: Vector
    """World coordinates."""
    wxyz: Quaternion = (1.0, 0.0, 0.0, 0.0)
    """Unit quaternion from the shape's own axes to the world's, the real part first."""


def placement(shape: Shape) -> Placement | None:
    """Where a shape stands; None for one that cannot be moved: everything, and a lifted mask.

    A union or difference stands where its first movable member does, unturned.
    """
    if isinstance(shape, Box | Ellipsoid):
        return Placement(position=shape.centre, wxyz=_wxyz(shape.rotation))
    if isinstance(shape, Sphere):
        return Placement(position=shape.centre)
    if isinstance(shape, HalfSpace):
        return Placement(position=shape.point, wxyz=_wxyz(_upright_to(shape.normal)))
    for member in _members(shape):
        found = placement(member)
        if found is not None:
            return Placement(position=found.position)
    return None


def placed(shape: Shape, where: Placement) -> Shape:
    """The shape at another place; only boxes, ellipsoids and half-spaces take the orientation.

    A union or difference moves as one, but for members that cannot be moved.
    """
    if isinstance(shape, Box | Ellipsoid):
        turn, pitch, roll = _angles(_rotation(where).as_matrix())
        return replace(shape, centre=where.position, turn=turn, pitch=pitch, roll=roll)
    if isinstance(shape, Sphere):
        return replace(shape, centre=where.position)
    if isinstance(shape, HalfSpace):
        return replace(shape, point=where.position, normal=_vector(_rotation(where).apply([0.0, 0.0, 1.0])))
    before = placement(shape)
    return shape if before is None else _shifted(shape, np.subtract(where.position, before.position))


def turns(shape: Shape) -> bool:
    """Whether a shape has an orientation of its own."""
    return isinstance(shape, Box | Ellipsoid | HalfSpace)


def _shifted(shape: Shape, by: np.ndarray) -> Shape:
    if isinstance(shape, Union):
        return Union(of=tuple(_shifted(member, by) for member in shape.of))
    if isinstance(shape, Difference):
        return Difference(of=_shifted(shape.of, by), without=_shifted(shape.without, by))
    where = placement(shape)
    return shape if where is None else placed(shape, replace(where, position=_vector(by + where.position)))


def _members(shape: Shape) -> tuple[Shape, ...]:
    if isinstance(shape, Union):
        return shape.of
    return (shape.of, shape.without) if isinstance(shape, Difference) else ()


def _upright_to(normal: Vector) -> Rotation:
    """The shortest rotation that takes +z to a direction."""
    x, y, z = np.asarray(normal) / np.linalg.norm(normal)
    if z < -1 + 1e-9:  # Straight down: any half turn about a level axis will do.
        return Rotation.from_quat([1.0, 0.0, 0.0, 0.0])
    return Rotation.from_quat([-y, x, 0.0, 1.0 + z])


def _angles(matrix: np.ndarray) -> tuple[float, float, float]:
    """Turn, pitch and roll in degrees: `Rotation.as_euler("ZXY")`, which warns where pitch is a right angle."""
    pitch = np.arcsin(np.clip(matrix[2, 1], -1, 1))
    if abs(matrix[2, 1]) > 1 - 1e-9:  # Turn and roll are then about one axis.
        turn, roll = np.arctan2(matrix[1, 0], matrix[0, 0]), 0.0
    else:
        turn, roll = np.arctan2(-matrix[0, 1], matrix[1, 1]), np.arctan2(-matrix[2, 0], matrix[2, 2])
    return float(np.degrees(turn)), float(np.degrees(pitch)), float(np.degrees(roll))


def _rotation(where: Placement) -> Rotation:
    w, x, y, z = where.wxyz
    return Rotation.from_quat([x, y, z, w])


def _wxyz(rotation: Rotation) -> Quaternion:
    x, y, z, w = (float(v) for v in rotation.as_quat())
    return (w, x, y, z)


def _vector(values: np.ndarray) -> Vector:
    x, y, z = (float(v) for v in values)
    return (x, y, z)
