"""Symmetry of what grows in the place of a part: around the upright axis through the part's middle."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.nerf.field import grid
from gencontrol.nerf.parts.part_cameras import extent
from gencontrol.nerf.parts.parts import Part
from gencontrol.nerf.parts.shapes import Oriented, Sphere, membership


def canonical_within_parts(
    parts: Sequence[Part], points: Float[Tensor, "n 3"], symmetry: grid.Symmetry
) -> Float[Tensor, "n 3"]:
    """Where a symmetric change is read for each point: its image in the piece of its part that determines the rest.

    A point of several parts belongs to the first of them; one of none stays where it is. That piece is the one towards
    the cube's middle: of a part at its border the other one may lie outside.
    """
    found, free = points, torch.ones_like(points[:, 0], dtype=torch.bool)
    for part in parts:
        middle = middle_of(part).to(points)
        mine = free & (membership(part.shape, points) > 0)
        inwards = torch.where(middle > 0, -1.0, 1.0)
        inwards[2] = 1.0  # nothing is folded along the axis
        found = torch.where(mine[:, None], middle + inwards * grid.canonical_points(points - middle, symmetry), found)
        free = free & ~mine
    return found


def middle_of(part: Part) -> Float[Tensor, " 3"]:
    """A shape's own centre, or that of the box around it."""
    if isinstance(part.shape, Oriented | Sphere):
        return torch.tensor(part.shape.centre)
    low, high = extent([part])
    return (low + high) / 2
