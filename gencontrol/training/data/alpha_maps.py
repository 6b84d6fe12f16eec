"""Alpha maps as users and renderers give them: soft edges, parts, boxes, grown and faint, not only exact masks."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from gencontrol.sprites.compose import boxes_of

KINDS = ("exact", "soft", "partial", "box", "grown", "faint")
"""In the order of the weights that `vary_alpha` takes."""


def vary_alpha(
    alpha: Float[Tensor, "b h w"], weights: tuple[float, ...], generator: torch.Generator
) -> Float[Tensor, "b h w"]:
    """Change each alpha map in a random way; a map that would become empty stays as it is.

    Args:
        alpha: Exact visible parts, [0, 1].
        weights: Relative frequency of each of `KINDS`.
        generator: The source of all randomness.
    """
    kinds = torch.multinomial(torch.tensor(weights), len(alpha), replacement=True, generator=generator)
    amount = torch.rand(len(alpha), 4, generator=generator)
    options = torch.stack(
        [alpha, _soft(alpha), _partial(alpha, amount), _box(alpha), _grown(alpha), _faint(alpha, amount)]
    )
    varied = options[kinds, torch.arange(len(alpha))]
    kept = varied.sum((-1, -2)) >= 0.2 * alpha.sum((-1, -2))
    return torch.where(kept[:, None, None], varied, alpha)


def _soft(alpha: Tensor) -> Tensor:
    """Blurred edges, as feathering and volume rendering give."""
    radius = max(1, alpha.shape[-1] // 24)
    once = functional.avg_pool2d(alpha[:, None], 2 * radius + 1, stride=1, padding=radius, count_include_pad=False)
    return functional.avg_pool2d(once, 2 * radius + 1, stride=1, padding=radius, count_include_pad=False)[:, 0]


def _partial(alpha: Tensor, amount: Tensor) -> Tensor:
    """What lies on one side of a random line through the box's middle."""
    boxes = boxes_of(alpha)
    centre_x, centre_y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    angle = 2 * torch.pi * amount[:, 0]
    y, x = torch.meshgrid(torch.arange(alpha.shape[1]) + 0.5, torch.arange(alpha.shape[2]) + 0.5, indexing="ij")
    side = angle.cos()[:, None, None] * (x - centre_x[:, None, None])
    side = side + angle.sin()[:, None, None] * (y - centre_y[:, None, None])
    return alpha * (side > 0)


def _box(alpha: Tensor) -> Tensor:
    """The filled box."""
    boxes = boxes_of(alpha)[:, :, None, None]
    y, x = torch.arange(alpha.shape[1])[:, None] + 0.5, torch.arange(alpha.shape[2])[None, :] + 0.5
    return ((x > boxes[:, 0]) & (x < boxes[:, 2]) & (y > boxes[:, 1]) & (y < boxes[:, 3])).float()


def _grown(alpha: Tensor) -> Tensor:
    radius = max(1, alpha.shape[-1] // 32)
    return functional.max_pool2d(alpha[:, None], 2 * radius + 1, stride=1, padding=radius)[:, 0]


def _faint(alpha: Tensor, amount: Tensor) -> Tensor:
    """Less than opaque, as a radiance field's opacity is for long."""
    return alpha * (0.6 + 0.4 * amount[:, 1, None, None])
