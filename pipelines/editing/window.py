"""The window of a photograph that a model paints in: cut out, and put back so that all but the hole stays as it is."""

import torch
from jaxtyping import Float, UInt8
from scipy import ndimage
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.focus.boxes import Box
from gencontrol.images.resampling import resize_planes
from gencontrol.numbers import check_number

MARGIN = 0.05
"""Shown around the hole on each side, as a share of its long side. Hosts of image variation draw one thing that fills
the frame, so that a wider window would show a piece of it through the hole."""
SEAM = 0.05
"""Width of the soft border inside the hole, as a share of its long side."""


def window_around(hole: Float[Tensor, "h w"], *, aspect: float = 1.0, margin: float = MARGIN) -> Box:
    """The window (x0, y0, x1, y1) around a hole, in the middle of it where the photograph has room.

    It may reach beyond a photograph that is smaller than it.

    Args:
        hole: Where to paint, 1; 0 where everything stays.
        aspect: Width of the window beside its height.
        margin: See `MARGIN`.

    Raises:
        InputError: No pixel is marked, or a margin below 0.
    """
    check_number(margin, name="margin", at_least=0, at_most=100, error=InputError)
    if not bool((hole > 0).any()):
        raise InputError("The hole is empty: no pixel is marked, so there is nothing to paint.")
    x0, y0, x1, y1 = _box(hole)
    around = 2 * margin * max(x1 - x0, y1 - y0)
    height = max(y1 - y0 + around, (x1 - x0 + around) / aspect)
    sides = round(height * aspect), round(height)
    left, top = (
        _placed(start, end, side, length)
        for start, end, side, length in zip((x0, y0), (x1, y1), sides, reversed(hole.shape), strict=True)
    )
    return left, top, left + sides[0], top + sides[1]


def _box(hole: Float[Tensor, "h w"]) -> Box:
    """Of every pixel that is marked at all, where `part_box` is of what is marked well."""
    columns, rows = (hole > 0).any(dim=0).nonzero()[:, 0], (hole > 0).any(dim=1).nonzero()[:, 0]
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _placed(start: int, end: int, side: int, length: int) -> int:
    """Where a window of a side begins: around the middle, moved into the photograph as far as it goes."""
    begin = round((start + end - side) / 2)
    return min(max(begin, 0), length - side) if side <= length else (length - side) // 2


def cut(
    planes: Float[Tensor, "c h w"] | UInt8[Tensor, "c h w"], box: Box, size: tuple[int, int]
) -> Float[Tensor, "c h2 w2"]:
    """A window at the model's size, [0, 1]; beyond its border the photograph goes on as it ends.

    Args:
        planes: The photograph's.
        box: (x0, y0, x1, y1) in pixels.
        size: (height, width).
    """
    rows = torch.arange(box[1], box[3]).clamp(0, planes.shape[1] - 1)
    columns = torch.arange(box[0], box[2]).clamp(0, planes.shape[2] - 1)
    window = planes[:, rows][:, :, columns]
    return resize_planes(window[None], size)[0].clamp(0, 1)


def soft_hole(hole: Float[Tensor, "h w"], seam: float) -> Float[Tensor, "h w"]:
    """The hole with a border that rises from 0 outside to 1 so many pixels inside; thin holes rise to 1 all the same.

    Args:
        hole: [0, 1]; what is 0 stays exactly 0.
        seam: Width in pixels, 0 or more.
    """
    # Beyond the photograph's edge there is nothing to fit to: that edge is no border of the hole.
    if seam <= 0 or not bool((hole == 0).any()):
        return hole
    # Of the hole's box and a pixel around it alone: a photograph is large, and what lies further out is no nearer.
    left, top, right, bottom = _box(hole)
    within = (slice(max(top - 1, 0), bottom + 1), slice(max(left - 1, 0), right + 1))
    # In pixels from the nearest one outside, so that the first inside is at 1, and is painted in part already.
    depth = torch.from_numpy(ndimage.distance_transform_edt(hole[within].cpu().numpy() > 0)).to(hole)
    soft = torch.zeros_like(hole)
    soft[within] = hole[within] * (depth / min(seam + 1, float(depth.max()))).clamp(0, 1)
    return soft


def put_back(
    photo: UInt8[Tensor, "3 h w"], painted: Float[Tensor, "3 h2 w2"], soft: Float[Tensor, "h w"], box: Box
) -> UInt8[Tensor, "3 h w"]:
    """The photograph with what was painted in its hole; every pixel where the hole is 0 is the photograph's own.

    Args:
        photo: In bytes, as it was read.
        painted: The window, [0, 1].
        soft: How much of what was painted shows, [0, 1].
        box: Of the window.
    """
    x0, y0, x1, y1 = box
    large = resize_planes(painted[None], (y1 - y0, x1 - x0), interpolation="bicubic")[0].clamp(0, 1)
    top, left = max(y0, 0), max(x0, 0)
    bottom, right = min(y1, photo.shape[1]), min(x1, photo.shape[2])
    shown = large[:, top - y0 : bottom - y0, left - x0 : right - x0]
    alpha, under = soft[top:bottom, left:right], photo[:, top:bottom, left:right]
    mixed = (under / 255).lerp(shown, alpha[None])
    result = photo.clone()
    result[:, top:bottom, left:right] = torch.where(alpha > 0, (mixed * 255).round().to(torch.uint8), under)
    return result
