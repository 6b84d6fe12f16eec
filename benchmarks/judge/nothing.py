"""Pictures that show none of the things: grounds alone, and sprites that nobody could name any more."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

_TILES = 4
"""Pieces along a side that a picture is cut into to be put together in another order."""
_SPOTS = 5
"""Pixels along a side of what is left of a picture that has become blots."""


def without_things(
    rgb: Float[Tensor, "b 3 s s"], background: Float[Tensor, "b 3 s s"], generator: torch.Generator
) -> Float[Tensor, "b 3 s s"]:
    """In equal shares the ground alone, the picture's pieces in another order, and blots of its colours.

    Args:
        rgb: Pictures of things, of a side that four divides.
        background: Their grounds.
        generator: The source of all randomness.
    """
    kind = torch.randint(3, (len(rgb), 1, 1, 1), generator=generator)
    return torch.where(kind == 0, background, torch.where(kind == 1, _shuffled(rgb, generator), _blots(rgb)))


def _shuffled(rgb: Tensor, generator: torch.Generator) -> Tensor:
    side = rgb.shape[-1] // _TILES
    tiles = functional.unfold(rgb, side, stride=side)
    order = torch.rand(len(rgb), 1, tiles.shape[-1], generator=generator).argsort(-1)
    return functional.fold(tiles.gather(-1, order.expand_as(tiles)), rgb.shape[-2:], side, stride=side)


def _blots(rgb: Tensor) -> Tensor:
    small = functional.interpolate(rgb, size=(_SPOTS, _SPOTS), mode="area")
    return functional.interpolate(small, size=rgb.shape[-2:], mode="bicubic", align_corners=False).clamp(0, 1)
