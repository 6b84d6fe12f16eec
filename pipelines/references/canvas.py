"""Where on the output a reference acts: maps for stock adapters, averaged over areas before stock code samples them."""

import warnings
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from gencontrol.errors import InputError
from gencontrol.pipelines.references.reference import Call, Encoded
from gencontrol.regions.region import RegionWarning

# Stock code guesses a map's grid from its area: at multiples of 32 pixels it never guesses wrong, at other multiples
# of 8 it does for one canvas in fifty (counted for 512 to 1536 pixels).
_SAFE = 32
_ASPECT_SLACK = 0.02


def canvas_map(
    canvas: Float[Tensor, "h w"] | None, size: tuple[int, int], *, cell: int
) -> Float[Tensor, "rows columns"]:
    """A canvas mask as one value for each cell of the output: the mean over the cell's area.

    Args:
        canvas: At any size of the output's shape; None is everywhere.
        size: (height, width) of the output in pixels.
        cell: Side of a cell in pixels.

    Raises:
        InputError: A mask of another shape than the output's.
    """
    rows, columns = size[0] // cell, size[1] // cell
    if canvas is None:
        return torch.ones(rows, columns)
    height, width = canvas.shape
    if abs(height * size[1] / (width * size[0]) - 1) > _ASPECT_SLACK:
        raise InputError(
            f"canvas_mask: {width} x {height} pixels are not of the output's shape, {size[1]} x {size[0]} (width x "
            "height)."
        )
    return functional.adaptive_avg_pool2d(canvas[None].float(), (rows, columns))[0]


def output_size(call: Call, *, multiple: int, why: str) -> tuple[int, int]:
    """(height, width) of the output, where it must be known.

    Raises:
        InputError: Not given, or not of whole cells.
    """
    if call.size is None:
        raise InputError(f"height and width: expected the output's, in pixels: {why}.")
    if any(side < multiple or side % multiple for side in call.size):
        height, width = call.size
        raise InputError(
            f"height and width: expected multiples of {multiple} pixels, got height {height} and width {width}."
        )
    return call.size


def adapter_masks(encoded: Sequence[Encoded], call: Call, *, cell: int, fraction: float) -> Float[Tensor, "b n h w"]:
    """What `ip_adapter_masks` holds for one adapter: where and how strongly each of its images acts.

    Args:
        encoded: One for each image of the adapter.
        call: With the output's size. With `rows`, image i acts on output i alone.
        cell: Side of a cell in pixels.
        fraction: Of the run: 0 is the first step, 1 the last.

    Returns:
        (1, n, h, w); with `rows`, (n, n, h, w), twice that many under guidance, the negative half first.
    """
    assert call.size is not None
    maps = torch.stack([e.gain(fraction) * canvas_map(e.canvas, call.size, cell=cell) for e in encoded])
    if not call.rows:
        return maps[None]
    chosen = torch.eye(len(encoded))[:, :, None, None] * maps[None]
    return chosen.repeat(1 + call.guided, 1, 1, 1)


def warn_of_grid(size: tuple[int, int]) -> None:
    """Say that stock code may guess the grid of a map wrong on this canvas."""
    if any(side % _SAFE for side in size):
        warnings.warn(
            f"A canvas of {size[1]} x {size[0]} pixels: at sides that are no multiples of {_SAFE}, diffusers may lay a "
            "canvas mask out wrong.",
            RegionWarning,
            stacklevel=2,
        )
