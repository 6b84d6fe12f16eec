"""Alpha maps as users and renderers give them: soft edges, parts, boxes, grown and faint, not only exact masks."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from gencontrol.sprites.compose import boxes_of

KINDS = ("exact", "soft", "partial", "box", "grown", "faint", "shaky", "faintest")
"""In the order of the weights that `vary_alpha` takes."""


def vary_alpha(
    alpha: Float[Tensor, "b h w"], weights: tuple[float, ...], generator: torch.Generator
) -> Float[Tensor, "b h w"]:
    """Change each alpha map in a random way; a map that would become empty stays as it is.

    Args:
        alpha: Exact visible parts, [0, 1], on any device.
        weights: Relative frequency of each of `KINDS`; what is left out at the end has none.
        generator: The source of all randomness, of the CPU.
    """
    kinds = torch.multinomial(torch.tensor(weights), len(alpha), replacement=True, generator=generator)
    amount = torch.rand(len(alpha), 4, generator=generator).to(alpha.device)
    varied = alpha.clone()
    for index, change in enumerate(_CHANGES[: len(weights)]):
        rows = (kinds == index).nonzero()[:, 0]
        if len(rows):
            varied[rows] = change(alpha[rows], amount[rows])
    # Of its shape, since a faint map is meant to be faint.
    kept = (varied > 0).sum((-1, -2)) >= 0.2 * (alpha > 0).sum((-1, -2))
    return torch.where(kept[:, None, None], varied, alpha)


def _exact(alpha: Tensor, amount: Tensor) -> Tensor:
    return alpha


def _soft(alpha: Tensor, amount: Tensor) -> Tensor:
    """Blurred edges, as feathering and volume rendering give."""
    radius = max(1, alpha.shape[-1] // 24)
    once = functional.avg_pool2d(alpha[:, None], 2 * radius + 1, stride=1, padding=radius, count_include_pad=False)
    return functional.avg_pool2d(once, 2 * radius + 1, stride=1, padding=radius, count_include_pad=False)[:, 0]


def _partial(alpha: Tensor, amount: Tensor) -> Tensor:
    """What lies on one side of a random line through the box's middle."""
    boxes = boxes_of(alpha)
    centre_x, centre_y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    angle = 2 * torch.pi * amount[:, 0]
    y, x = torch.meshgrid(*_middles(alpha), indexing="ij")
    side = angle.cos()[:, None, None] * (x - centre_x[:, None, None])
    side = side + angle.sin()[:, None, None] * (y - centre_y[:, None, None])
    return alpha * (side > 0)


def _box(alpha: Tensor, amount: Tensor) -> Tensor:
    """The filled box."""
    boxes = boxes_of(alpha)[:, :, None, None]
    down, across = _middles(alpha)
    y, x = down[:, None], across[None, :]
    return ((x > boxes[:, 0]) & (x < boxes[:, 2]) & (y > boxes[:, 1]) & (y < boxes[:, 3])).float()


def _middles(alpha: Tensor) -> tuple[Tensor, Tensor]:
    """Of the rows and of the columns, in pixels."""
    rows, columns = (torch.arange(count, device=alpha.device) + 0.5 for count in alpha.shape[1:])
    return rows, columns


def _grown(alpha: Tensor, amount: Tensor) -> Tensor:
    radius = max(1, alpha.shape[-1] // 32)
    return functional.max_pool2d(alpha[:, None], 2 * radius + 1, stride=1, padding=radius)[:, 0]


def _faint(alpha: Tensor, amount: Tensor) -> Tensor:
    """Less than opaque, as a radiance field's opacity is for long."""
    return alpha * (0.6 + 0.4 * amount[:, 1, None, None])


def _faintest(alpha: Tensor, amount: Tensor) -> Tensor:
    """Any level from a tenth: a faint map that is alone is still all that is pointed at."""
    return alpha * (0.1 + 0.9 * amount[:, 1, None, None])


def _shaky(alpha: Tensor, amount: Tensor) -> Tensor:
    """As a hand draws it: grown and shifted, each by up to a tenth of the box's longer side."""
    boxes = boxes_of(alpha)
    long = torch.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    drawn = []
    for plane, side, draw in zip(alpha, long.tolist(), amount.tolist(), strict=True):
        radius = round(0.1 * side * draw[0])
        grown = functional.max_pool2d(plane[None, None], 2 * radius + 1, stride=1, padding=radius)[0, 0]
        across, down = (round(0.1 * side * (2 * d - 1)) for d in draw[1:3])
        drawn.append(_shifted(grown, across, down))
    return torch.stack(drawn)


def _shifted(plane: Tensor, across: int, down: int) -> Tensor:
    """Moved to the right and down by whole pixels; what comes in is 0."""
    height, width = plane.shape
    out = torch.zeros_like(plane)
    rows, columns = slice(max(down, 0), height + min(down, 0)), slice(max(across, 0), width + min(across, 0))
    out[rows, columns] = plane[
        slice(max(-down, 0), height - max(down, 0)), slice(max(-across, 0), width - max(across, 0))
    ]
    return out


_CHANGES = (_exact, _soft, _partial, _box, _grown, _faint, _shaky, _faintest)
