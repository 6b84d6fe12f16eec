"""Values on a voxel lattice that spans [-1, 1] on each axis; nodes lie on the corners. Layout (channel, z, y, x)."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

Symmetry = Literal["none", "mirror", "quarter"]
"""Of a field around the vertical axis: none; the same in both upright mirrors (x and y); and also by quarter turns."""

# Density per world unit at softplus(raw) = 1. Chosen so that raw values of a few are opaque within one voxel of a 48
# lattice while Adam's steps of 0.1 still shade them.
DENSITY_SCALE = 20.0
# Raw values of empty space: softplus(-10) * 20 = 0.0009, that is 0.3 % opacity along the scene's diagonal.
EMPTY = -10.0
# Density per world unit of what a fit leaves in empty space; a twentieth opaque over a tenth of a unit.
HAZE = 0.5


@dataclass(frozen=True, kw_only=True)
class Ball:
    """A soft ball in the middle: what a creation starts from."""

    radius: float = 0.5
    """Where the raw density would be 0, world units."""
    sharpness: float = 20.0
    """Fall of the raw density per world unit."""
    peak: float = -2.5
    """Largest raw density; far below 0 the ball is a thin mist, through which gradients reach every depth."""


def sample(grid: Float[Tensor, "c z y x"], points: Float[Tensor, "n 3"]) -> Float[Tensor, "n c"]:
    """Trilinear interpolation at points (x, y, z); outside, the nearest border value."""
    # grid_sample orders coordinates x, y, z for a (z, y, x) lattice, which is how points are given.
    places = points[None, None, None]
    values = F.grid_sample(grid[None], places, mode="bilinear", padding_mode="border", align_corners=True)
    return values[0, :, 0, 0].T


def nodes(resolution: int, *, device: torch.device | None = None) -> Float[Tensor, "n 3"]:
    """World coordinates (x, y, z) of all nodes, in the lattice's order (x fastest)."""
    line = torch.linspace(-1, 1, resolution, device=device)
    z, y, x = torch.meshgrid(line, line, line, indexing="ij")
    return torch.stack([x, y, z], dim=-1).reshape(-1, 3)


def resize(grid: Float[Tensor, "c z y x"], resolution: int) -> Float[Tensor, "c r r r"]:
    """The same field on another lattice; exact when every old node is a new one."""
    size = (resolution, resolution, resolution)
    return F.interpolate(grid[None], size=size, mode="trilinear", align_corners=True)[0]


def refined(resolution: int, least: int) -> int:
    """Nodes along a side, at least `least`, of a lattice that has all nodes of one of `resolution`, or of none (0).

    On any other lattice a field would be resampled, and with it what an edit promises to leave as it is.
    """
    while 2 <= resolution < least:
        resolution = 2 * resolution - 1
    return max(resolution, least)


def symmetric(grid: Float[Tensor, "c r r r"], symmetry: Symmetry) -> Float[Tensor, "c r r r"]:
    """The mean of a field and its images under a symmetry: the nearest field that has it."""
    if symmetry == "none":
        return grid
    grid = (grid + grid.flip(-1)) / 2
    grid = (grid + grid.flip(-2)) / 2
    return (grid + grid.transpose(-1, -2)) / 2 if symmetry == "quarter" else grid


def canonical_points(points: Float[Tensor, "n 3"], symmetry: Symmetry) -> Float[Tensor, "n 3"]:
    """Each point's image in the part of space that determines a symmetric field."""
    if symmetry == "none":
        return points
    x, y, z = points[:, 0].abs(), points[:, 1].abs(), points[:, 2]
    if symmetry == "quarter":
        x, y = torch.maximum(x, y), torch.minimum(x, y)
    return torch.stack([x, y, z], dim=1)


def density(raw: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """Volume density per world unit, at least 0."""
    return DENSITY_SCALE * F.softplus(raw)


def colour(raw: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n 3"]:
    """sRGB in (0, 1)."""
    return raw.sigmoid()


def raw_colour(rgb: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n 3"]:
    """The raw values of a colour; black and white are approached."""
    return rgb.clamp(0.005, 0.995).logit()


def ball(resolution: int, ball: Ball) -> Float[Tensor, "1 r r r"]:
    """`ball_density` on a lattice."""
    return ball_density(nodes(resolution), ball).reshape(1, resolution, resolution, resolution)


def ball_density(points: Float[Tensor, "n 3"], ball: Ball) -> Float[Tensor, " n"]:
    """Raw density of a ball at world coordinates."""
    return (ball.sharpness * (ball.radius - points.norm(dim=-1))).clamp(EMPTY, ball.peak)


def occupied(raw: Float[Tensor, "z y x"], *, threshold: float, grow: int = 1) -> Bool[Tensor, "z-1 y-1 x-1"]:
    """Cells that may hold something: any of the cell's nodes is denser than a threshold, grown by some cells.

    Args:
        raw: Raw densities at the nodes.
        threshold: Density per world unit below which space counts as empty.
        grow: How many cells further space counts as occupied, so that matter can spread there.

    Returns:
        One value a cell, that is one fewer than nodes on each axis.
    """
    dense = (density(raw) > threshold).to(raw.dtype)[None, None]
    cells = F.max_pool3d(dense, kernel_size=2, stride=1)
    if grow:
        cells = F.max_pool3d(cells, kernel_size=2 * grow + 1, stride=1, padding=grow)
    return cells[0, 0] > 0


def without_haze(lattice: Float[Tensor, "4 z y x"], *, below: float = HAZE) -> Float[Tensor, "4 z y x"]:
    """A fitted field whose space is empty where there is next to nothing.

    A fit leaves some: cells that have become so thin that they are skipped keep what they last held, and what no
    picture tells from its background stays as it was. Nodes next to something denser stay, so that surfaces do.

    Args:
        lattice: Raw density and colour.
        below: Density per world unit up to which a cell's nodes, all of them, are haze.
    """
    cells = occupied(lattice[0], threshold=below, grow=0).to(lattice.dtype)[None, None]
    kept = F.max_pool3d(F.pad(cells, (1,) * 6), kernel_size=2, stride=1)[0, 0] > 0
    density = torch.where(kept, lattice[0], lattice[0].clamp(max=EMPTY))
    return torch.cat([density[None], lattice[1:]])


def is_occupied(cells: Bool[Tensor, "z y x"], points: Float[Tensor, "n 3"]) -> Bool[Tensor, " n"]:
    """Whether each point (x, y, z) lies in an occupied cell; points outside take the nearest border cell's."""
    depth, height, width = cells.shape
    shape = torch.tensor([width, height, depth], device=points.device)
    index = ((points + 1) * (shape / 2)).long()
    x, y, z = index.clamp_(min=torch.zeros_like(shape), max=shape - 1).unbind(-1)
    return cells.flatten()[(z * height + y) * width + x]
