"""A scene as Gaussian splats, in the PLY layout of 3D Gaussian Splatting (Kerbl et al. 2023) and its viewers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.nerf.export.cropping import cropped
from gencontrol.nerf.field import grid
from gencontrol.nerf.field.scene import Scene
from gencontrol.nerf.parts.shapes import Shape

# The constant of the zeroth spherical harmonic: colour = 1/2 + it times the coefficient.
_HARMONIC = 0.28209479177387814
# Standard deviation of a splat, in spacings of the lattice: neighbours then add up to an even surface.
_WIDTH = 0.5
# What one splat contributes to a layer of splats one spacing apart: the area under it, in squares of the spacing.
_AREA = 2 * math.pi * _WIDTH**2
# Viewers leave out splats that are less opaque.
_LEAST_OPACITY = 1 / 255
_MOST_OPACITY = 0.999
_FIELDS = (
    *("x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", "opacity"),
    *("scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"),
)


@dataclass(frozen=True, kw_only=True)
class Splats:
    """Round Gaussians of one size."""

    centre: Float[Tensor, "n 3"]
    """World coordinates."""
    colour: Float[Tensor, "n 3"]
    """sRGB, [0, 1]."""
    opacity: Float[Tensor, " n"]
    """In the middle, (0, 1)."""
    deviation: float
    """Standard deviation, world units."""


@torch.no_grad()
def scene_splats(scene: Scene, *, resolution: int | None = None, within: Sequence[Shape] = ()) -> Splats:
    """One splat for every node of a lattice that is not empty.

    A layer of them one spacing thick is as opaque as the field is there.

    Args:
        scene: What is shown.
        resolution: Nodes along a side; None takes the scene's own.
        within: Only what belongs to all of these shapes.

    Raises:
        InputError: Nothing is dense enough to be seen.
    """
    resolution = resolution or max(scene.lattice.shape[1:])
    spacing = 2 / (resolution - 1)
    points = grid.nodes(resolution)
    pieces = [scene(piece) for piece in points.split(1 << 18)]
    density, colour = (torch.cat(values) for values in zip(*pieces, strict=True))
    density = cropped(density, points, within)
    opacity = -torch.expm1(-density * spacing / _AREA)
    shown = opacity >= _LEAST_OPACITY
    if not shown.any():
        raise InputError(
            f"Nothing in the scene is dense enough to be seen (the densest node has {density.max():.3g}): train "
            "longer, or crop less."
        )
    return Splats(
        centre=points[shown],
        colour=colour[shown],
        opacity=opacity[shown].clamp(max=_MOST_OPACITY),
        deviation=_WIDTH * spacing,
    )


def splat_bytes(splats: Splats) -> bytes:
    """A binary PLY file: centre, unused normal, colour as spherical harmonics, and raw opacity, scale and rotation."""
    count = len(splats.centre)
    values = torch.cat(
        [
            splats.centre,
            torch.zeros(count, 3),
            (splats.colour - 0.5) / _HARMONIC,
            splats.opacity.logit()[:, None],
            torch.full((count, 3), math.log(splats.deviation)),
            torch.tensor([1.0, 0.0, 0.0, 0.0]).expand(count, 4),
        ],
        dim=1,
    )
    properties = "".join(f"property float {name}\n" for name in _FIELDS)
    header = f"ply\nformat binary_little_endian 1.0\nelement vertex {count}\n{properties}end_header\n"
    return header.encode("ascii") + values.numpy().astype(np.dtype("<f4")).tobytes()
