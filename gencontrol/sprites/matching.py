"""One drawing in another's colours: the linear change of colour that gives it the other's mean and covariance.

Of all such changes it is the one that moves colours least (the Monge-Kantorovich solution; Pitie and Kokaram, "The
linear Monge-Kantorovitch linear colour mapping for example-based colour transfer", CVMP 2007).
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.sprites.compose import render
from gencontrol.sprites.layout import Layout
from gencontrol.sprites.store import SpriteStore

SIDE = 32
"""Side in pixels at which colours are gathered."""
FLOOR = 0.05
"""Standard deviation, of colours in [0, 1], that is added to both drawings' in every direction: a drawing of one colour
has none, and to divide by that would turn its slightest shade into a glaring one."""


def colour_moments(
    rgb: Float[Tensor, "b 3 h w"], cover: Float[Tensor, "b h w"]
) -> tuple[Float[Tensor, "b 3"], Float[Tensor, "b 3 3"]]:
    """Mean and covariance of colours in [0, 1], weighted by what is covered, in [0, 1]; zeros where nothing is."""
    weights = cover / cover.sum((-1, -2), keepdim=True).clamp(min=1e-6)
    mean = torch.einsum("bchw,bhw->bc", rgb, weights)
    away = rgb - mean[..., None, None]
    return mean, torch.einsum("bchw,bdhw,bhw->bcd", away, away, weights)


def transport(
    mean: Float[Tensor, "b 3"],
    covariance: Float[Tensor, "b 3 3"],
    to_mean: Float[Tensor, "b 3"],
    to_covariance: Float[Tensor, "b 3 3"],
) -> Float[Tensor, "b 4 4"]:
    """The change of colours with the first moments that gives them the second, as a matrix on premultiplied RGBA."""
    # In double precision: colours that vary along one line alone make roots of 1 beside roots of `FLOOR`.
    floor = FLOOR**2 * torch.eye(3, dtype=torch.float64, device=mean.device)
    root, inverse = _roots(covariance.double() + floor)
    middle, _ = _roots(root @ (to_covariance.double() + floor) @ root)
    linear = (inverse @ middle @ inverse).to(mean)
    matrix = torch.zeros(len(mean), 4, 4).to(mean)
    matrix[:, :3, :3] = linear
    matrix[:, :3, 3] = to_mean - (linear @ mean[..., None])[..., 0]
    matrix[:, 3, 3] = 1
    return matrix


def in_colours_of(store: SpriteStore, drawing: Layout, other: Layout) -> Float[Tensor, "b 1 4 4"]:
    """The colour change with which a drawing has the colours of another, both layouts of one slot."""
    own, wanted = (_moments_of(store, layout) for layout in (drawing, other))
    return transport(*own, *wanted)[:, None] @ drawing.colour


def _moments_of(store: SpriteStore, layout: Layout) -> tuple[Tensor, Tensor]:
    """Of the drawings, upright and filling the canvas; on black, a rendered colour is premultiplied."""
    upright = replace(
        layout,
        centre=torch.full_like(layout.centre, 0.5),
        side=torch.ones_like(layout.side),
        turn=torch.zeros_like(layout.turn),
        mirrored=torch.zeros_like(layout.mirrored),
        softness=torch.zeros_like(layout.softness),
        deformation=None,
    )
    scenes = render(store, upright, torch.zeros(len(layout.concept), 3, SIDE, SIDE, device=store.device))
    cover = scenes.alpha[:, 0]
    straight = scenes.rgb / cover[:, None].clamp(min=1e-3)
    mean, covariance = colour_moments(straight.clamp(0, 1), cover * (cover > 0.5))
    # Changes of colour belong to layouts, which stay here wherever pictures are drawn.
    return mean.cpu(), covariance.cpu()


def _roots(matrix: Float[Tensor, "b 3 3"]) -> tuple[Float[Tensor, "b 3 3"], Float[Tensor, "b 3 3"]]:
    """A positive matrix's square root and that root's inverse."""
    values, vectors = torch.linalg.eigh(matrix)
    values = values.clamp(min=1e-12).sqrt()[:, None]
    return vectors * values @ vectors.mT, vectors / values @ vectors.mT
