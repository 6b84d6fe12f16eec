"""A closer look at a scene: the same arrangement seen through a window around one of its sprites."""

from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gencontrol.sprites.layout import Layout

MARGINS = (0.0, 0.6)
"""Range of the margin that the closest window leaves on each side, as a share of the sprite's side."""


def draw_windows(layout: Layout, share: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Windows for a share of the scenes, from the whole frame to a random sprite's own square with a margin.

    Returns:
        Middles (b, 2) and sides (b,) as shares of the canvas; the whole canvas for the other scenes.
    """
    count = len(layout.side)
    draw = torch.rand(count, 3, generator=generator)
    used = (layout.concept >= 0).float()
    slot = torch.multinomial(used, 1, generator=generator)[:, 0]
    rows = torch.arange(count)
    margin = MARGINS[0] + (MARGINS[1] - MARGINS[0]) * draw[:, 1]
    closest = (layout.side[rows, slot] * (1 + 2 * margin)).clamp(max=1.0)
    # Close windows are the more frequent ones: there a part is looked at most often.
    closeness = torch.where(draw[:, 0] < share, draw[:, 2].sqrt(), 0.0)
    # Equal steps of closeness enlarge by equal factors.
    side = closest**closeness
    middle = 0.5 + closeness[:, None] * (layout.centre[rows, slot] - 0.5)
    return middle, side


def seen_through(layout: Layout, middle: Float[Tensor, "b 2"], side: Float[Tensor, " b"]) -> Layout:
    """The arrangement as it looks through windows that fill the canvas.

    Args:
        layout: Arrangements over the whole canvas.
        middle: (x, y) of each window's middle, shares of the canvas.
        side: Of each window, above 0; 1 is the whole canvas.
    """
    centre = (layout.centre - middle[:, None]) / side[:, None, None] + 0.5
    return replace(layout, centre=centre, side=layout.side / side[:, None])


def share_within(layout: Layout) -> Float[Tensor, "b k"]:
    """The share of each sprite's square that lies on the canvas; 0 for empty slots."""
    half = layout.side[..., None] / 2
    low, high = (layout.centre - half).clamp(0, 1), (layout.centre + half).clamp(0, 1)
    share = ((high - low) / layout.side[..., None].clamp(min=1e-6)).prod(-1)
    return share * (layout.concept >= 0)


def without_cut_off(layout: Layout, concept: Int[Tensor, "b k"], *, least: float) -> Int[Tensor, "b k"]:
    """The concepts, -1 where less than `least` of a sprite's square lies on the canvas: too little to know it by."""
    return torch.where(share_within(layout) >= least, concept, -1)
