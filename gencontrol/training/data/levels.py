"""Alpha maps that hold a level for each sprite, and the shares of attention that the levels ask for.

A level in [0, 1] is a share of attention: of sprites at levels a_i, the softmax over their names is to give
a_i / sum a. One faint sprite alone is still all that is pointed at.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.images.blur import gaussian_blur
from gencontrol.sprites.compose import Scenes

LEAST_VISIBLE = 0.35
"""Visible share from which a sprite has a level; what is hidden more is ground."""
_NONE, _FULL = 0.2, 0.2
"""Shares of the sprites at level 0 and at level 1; the others lie evenly in between."""
_FLOORED, _FLOOR = 0.4, 0.3
"""Share of the maps whose ground has a level too, and the most that it is, as a share of the highest level."""
_SMOOTH = 0.25
"""Share of the maps that are blurred, as a renderer's or a hand-drawn gradient is."""


@dataclass(frozen=True, kw_only=True)
class Graded:
    """Maps of levels, and what they ask for."""

    alpha: Float[Tensor, "b h w"]
    """The maps, [0, 1]."""
    shares: Float[Tensor, "b k"]
    """Of attention, summing to 1; all 0 where a scene has no sprite to point at."""


def draw_levels(scenes: Scenes, generator: torch.Generator) -> Float[Tensor, "b k"]:
    """Random levels of the sprites that are seen well enough, at least one of each scene's above 0."""
    seen = scenes.used & (scenes.visible >= LEAST_VISIBLE)
    draw = torch.rand(*seen.shape, 2, generator=generator)
    between = ((draw[..., 0] - _NONE) / (1 - _NONE - _FULL)).clamp(0, 1)
    levels = between * seen
    # Where all are 0, one that is seen gets a level of its own.
    silent = ~(levels > 0).any(-1) & seen.any(-1)
    first = torch.where(seen, draw[..., 1], -1.0).argmax(-1)
    levels[silent, first[silent]] = (0.1 + 0.9 * draw[..., 0][silent, first[silent]]).clamp(max=1)
    return levels


def graded_maps(scenes: Scenes, levels: Float[Tensor, "b k"], generator: torch.Generator) -> Graded:
    """The maps that hold the levels: on each sprite its own, elsewhere 0 or a floor; some smooth.

    Args:
        scenes: With visible parts, which do not overlap; the maps lie where they do.
        levels: [0, 1], on the CPU.
        generator: The source of floors and blurs.
    """
    count = len(levels)
    draw = torch.rand(count, 4, generator=generator)
    highest = levels.amax(-1)
    floor = torch.where(draw[:, 0] < _FLOORED, _FLOOR * draw[:, 1] * highest, 0.0).to(scenes.alpha.device)
    sprites = (scenes.alpha * levels[..., None, None].to(scenes.alpha.device)).sum(1)
    ground = (1 - scenes.alpha.sum(1)).clamp(0, 1)
    maps = sprites + ground * floor[:, None, None]
    widths = torch.where(draw[:, 2] < _SMOOTH, 0.5 + 1.5 * draw[:, 3], 0.0) * scenes.alpha.shape[-1] / 64
    is_smooth = (widths > 0)[:, None, None].to(maps.device)
    maps = torch.where(is_smooth, gaussian_blur(maps, widths), maps)
    return Graded(alpha=maps.clamp(0, 1), shares=wanted_shares(levels))


def wanted_shares(levels: Float[Tensor, "*b k"]) -> Float[Tensor, "*b k"]:
    """a_i / sum a; all 0 where every level is."""
    return levels / levels.sum(-1, keepdim=True).clamp(min=torch.finfo(levels.dtype).tiny)
