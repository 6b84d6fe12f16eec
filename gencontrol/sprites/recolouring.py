"""Colour changes of sprites, as matrices on premultiplied RGBA: a change M c + t of straight colours is M c + t a."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gencontrol.images.colour import LUMA

RECOLOURINGS = ("hue", "two colours", "grey", "silhouette", "inverted")
"""Changes that keep a thing's name and not its colours."""
_SHARES = (0.40, 0.25, 0.15, 0.10, 0.10)
"""How often each is drawn."""


def jitter_matrices(shape: tuple[int, int], strength: float, generator: torch.Generator) -> Float[Tensor, "b k 4 4"]:
    """Random brightness, saturation and tint, by up to `strength` in [0, 1]."""
    draw = (2 * torch.rand(*shape, 5, generator=generator) - 1) * strength
    brightness, saturation, tint = 1 + draw[..., 0], 1 + 2 * draw[..., 1], draw[..., 2:5] / 2
    grey = torch.tensor(LUMA).expand(3, 3)
    matrix = torch.zeros(*shape, 4, 4)
    matrix[..., :3, :3] = grey + saturation[..., None, None] * (torch.eye(3) - grey)
    matrix[..., :3, :3] *= brightness[..., None, None]
    matrix[..., :3, 3] = tint
    matrix[..., 3, 3] = 1
    return matrix


def recolour(
    colour: Float[Tensor, "b k 4 4"], share: float, generator: torch.Generator
) -> tuple[Float[Tensor, "b k 4 4"], Int[Tensor, "b k"]]:
    """Change the colours of a share of sprites altogether, before their own change.

    Args:
        colour: The sprites' colour changes.
        share: Of the sprites, [0, 1].
        generator: The source of all randomness.

    Returns:
        The new changes, and what was done: an index into `RECOLOURINGS`, or -1.
    """
    shape = colour.shape[:2]
    chosen = torch.rand(shape, generator=generator) < share
    count = chosen.numel()
    kind = torch.multinomial(torch.tensor(_SHARES), count, replacement=True, generator=generator)
    draw = torch.rand(count, 7, generator=generator)
    options = torch.stack([_hue(draw), _two_colours(draw), _grey(count), _silhouette(draw), _inverted(count)])
    change = options[kind, torch.arange(count)].view(*shape, 4, 4)
    return torch.where(chosen[..., None, None], colour @ change, colour), torch.where(chosen, kind.view(shape), -1)


def _affine(linear: Float[Tensor, "n 3 3"], offset: Float[Tensor, "n 3"]) -> Float[Tensor, "n 4 4"]:
    matrix = torch.zeros(len(linear), 4, 4)
    matrix[:, :3, :3], matrix[:, :3, 3], matrix[:, 3, 3] = linear, offset, 1
    return matrix


def _hue(draw: Tensor) -> Tensor:
    """Turned by a sixth to five sixths of the circle about the axis of greys (Rodrigues' formula)."""
    angle = 2 * math.pi * (1 / 6 + 2 / 3 * draw[:, 0, None, None])
    axis = 1 / math.sqrt(3)
    cross = axis * torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
    turned = angle.cos() * torch.eye(3) + angle.sin() * cross + (1 - angle.cos()) / 3
    return _affine(turned, torch.zeros(len(draw), 3))


def _two_colours(draw: Tensor) -> Tensor:
    """Luma from a dark colour to a light one."""
    dark, light = 0.5 * draw[:, 1:4], 0.5 + 0.5 * draw[:, 4:7]
    return _affine((light - dark)[:, :, None] * torch.tensor(LUMA), dark)


def _grey(count: int) -> Tensor:
    return _affine(torch.tensor(LUMA).expand(count, 3, 3), torch.zeros(count, 3))


def _silhouette(draw: Tensor) -> Tensor:
    """One colour all over, from black to half bright."""
    return _affine(torch.zeros(len(draw), 3, 3), 0.6 * draw[:, 1:4] * draw[:, 0, None])


def _inverted(count: int) -> Tensor:
    return _affine(-torch.eye(3).expand(count, 3, 3), torch.ones(count, 3))
