"""Changes of a sprite's shape: other proportions, slant, and smooth bending."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

_KNOTS = 4
"""Knots along a side of the lattice that bends a sprite."""


@dataclass(frozen=True, kw_only=True)
class Deformation:
    """Of every sprite of a batch of layouts."""

    linear: Float[Tensor, "b k 2 2"]
    """From canvas-aligned coordinates of the sprite to those of its drawing."""
    bend: Float[Tensor, "b k 2 4 4"]
    """Displacement (x, y) at the knots of a lattice over the sprite, in half sides of it."""


def draw_deformation(shape: tuple[int, int], strength: float, generator: torch.Generator) -> Deformation:
    """Random deformations; at strength 1 proportions change by up to 1.5 either way and knots move by a sixth.

    Args:
        shape: Scenes and slots.
        strength: [0, 1]; each sprite has a random part of it.
        generator: The source of all randomness.
    """
    own = strength * torch.rand(*shape, 1, generator=generator)
    draw = (2 * torch.rand(*shape, 2, generator=generator) - 1) * own
    # A drawing that is stretched along one axis is shrunk along the other, so its size stays.
    stretch, slant = (0.4 * draw[..., 0] / 2).exp(), 0.35 * draw[..., 1]
    zero = torch.zeros_like(stretch)
    linear = torch.stack([torch.stack([1 / stretch, slant], -1), torch.stack([zero, stretch], -1)], -2)
    bend = (2 * torch.rand(*shape, 2, _KNOTS, _KNOTS, generator=generator) - 1) * own[..., None, None] / 6
    return Deformation(linear=linear, bend=bend)


def bent(grid: Float[Tensor, "n h w 2"], bend: Float[Tensor, "n 2 4 4"]) -> Float[Tensor, "n h w 2"]:
    """Sampling places of drawings, moved smoothly; beyond the sprite as at its border."""
    moved = functional.grid_sample(bend, grid, mode="bilinear", padding_mode="border", align_corners=True)
    return grid + moved.permute(0, 2, 3, 1)
