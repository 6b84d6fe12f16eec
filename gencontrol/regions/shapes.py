"""Shapes to alpha maps: the share of each pixel that a box, a thick line or a polygon covers.

Coordinates are (x, y) in pixels as in `gencontrol.regions.drawn`; sizes are (height, width).
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.numbers import is_finite, number_text

Number = int | float
Point = tuple[Number, Number]
Box = tuple[Number, Number, Number, Number]

# Pixels of a picture: above every camera's, and not yet above every machine's memory.
_MOST = 2**28
# Further away than this lies no pixel of any picture, and float32 loses its way.
_FURTHEST = 1e9
# Lines through each pixel row on which a polygon's coverage is measured; along a line it is exact.
_LINES = 8


def check_size(size: tuple[int, int]) -> None:
    """Refuse what is no picture's size.

    Raises:
        InputError: A side below 1, or more pixels than any picture has.
    """
    height, width = size
    if height < 1 or width < 1 or height * width > _MOST:
        sides = " x ".join(number_text(int(side)) for side in size)
        raise InputError(
            f"size: expected (height, width) of the picture in pixels, each 1 or more and {_MOST:,} together at most, "
            f"got {sides}."
        )


def box_alpha(box: Box, size: tuple[int, int]) -> Float[Tensor, "h w"]:
    """The exact share of each pixel inside the box (x0, y0, x1, y1)."""
    (x0, y0, x1, y1), (height, width) = box, size
    return _covered(y0, y1, height)[:, None] * _covered(x0, x1, width)


def path_alpha(points: Sequence[Point], size: tuple[int, int], *, radius: Number) -> Float[Tensor, "h w"]:
    """All within `radius` of the line through the points (of the point, if it is one), with a soft edge of one pixel.

    Raises:
        InputError: A radius that is not positive, or coordinates that cannot be meant.
    """
    if not (is_finite(radius) and radius > 0):
        raise InputError(f"Expected a radius or width above 0 pixels, got {number_text(radius)}.")
    check_coordinates(points)
    alpha = torch.zeros(size)
    ends = list(pairwise(points)) or [(points[0], points[0])]
    for start, end in ends:
        _paint_segment(alpha, start, end, radius)
    return alpha


def polygon_alpha(points: Sequence[Point], size: tuple[int, int]) -> Float[Tensor, "h w"]:
    """The share of each pixel inside the closed polygon, even-odd: exact along x, from 8 lines a pixel along y.

    Raises:
        InputError: Coordinates that cannot be meant.
    """
    check_coordinates(points)
    height, width = size
    left = torch.arange(width, dtype=torch.float64)
    alpha = torch.zeros(size, dtype=torch.float64)
    for line in range(_LINES):
        crossings = _crossings(points, torch.arange(height, dtype=torch.float64) + (line + 0.5) / _LINES)
        for number, x in enumerate(crossings.clamp(0, width).unbind(dim=1)):
            # Between an even crossing and the next is inside: coverage up to x is added at odd ones, and taken at even.
            sign = 1 if number % 2 else -1
            alpha += sign * (x[:, None] - left).clamp(0, 1)
    # To a float's precision these sums of shares lie in [0, 1].
    return (alpha / _LINES).float()


def _covered(start: Number, end: Number, length: int) -> Float[Tensor, " n"]:
    left = torch.arange(length, dtype=torch.float64)
    return ((end - left).clamp(0, 1) - (start - left).clamp(0, 1)).float()


def _paint_segment(alpha: Float[Tensor, "h w"], start: Point, end: Point, radius: Number) -> None:
    # Only the segment's own window is computed, so that long strokes on large images stay cheap.
    rows = _window(start[1], end[1], radius, alpha.shape[0])
    columns = _window(start[0], end[0], radius, alpha.shape[1])
    y = torch.arange(rows.start, rows.stop, dtype=torch.float32)[:, None] + 0.5 - start[1]
    x = torch.arange(columns.start, columns.stop, dtype=torch.float32)[None] + 0.5 - start[0]
    dx, dy = end[0] - start[0], end[1] - start[1]
    length2 = dx * dx + dy * dy
    along = ((x * dx + y * dy) / length2).clamp(0, 1) if length2 else torch.zeros(())
    distance = torch.hypot(x - along * dx, y - along * dy)
    painted = (radius + 0.5 - distance).clamp(0, 1)
    alpha[rows, columns] = torch.maximum(alpha[rows, columns], painted)


def _window(a: Number, b: Number, radius: Number, length: int) -> slice:
    # A pixel is painted whose middle is less than half a pixel beyond the radius: it reaches to the radius at least.
    start = min(max(math.floor(min(a, b) - radius), 0), length)
    return slice(start, max(min(math.ceil(max(a, b) + radius), length), start))


def _crossings(points: Sequence[Point], y: Float[Tensor, " n"]) -> Float[Tensor, "n m"]:
    """Where each horizontal line meets the polygon's edges, ascending; padded with infinity."""
    start = torch.tensor(points, dtype=torch.float64)
    end = start.roll(-1, dims=0)
    (x0, y0), (x1, y1) = start.unbind(dim=1), end.unbind(dim=1)
    # Half open, so that a line through a vertex meets one of its two edges, or both, or none; never parity-breaking.
    meets = (y0 <= y[:, None]) != (y1 <= y[:, None])
    rise = torch.where(y1 == y0, 1.0, y1 - y0)
    x = x0 + (y[:, None] - y0) * (x1 - x0) / rise
    crossings = torch.where(meets, x, math.inf).sort(dim=1).values
    return crossings[:, : int(meets.sum(dim=1).amax())]


def check_coordinates(points: Sequence[Point]) -> None:
    """Refuse coordinates in pixels that cannot be meant.

    Raises:
        InputError: NaN, infinity, or further away than any picture is large.
    """
    for number in (number for point in points for number in point):
        if not is_finite(number):
            raise InputError(f"Expected finite coordinates, got {number_text(number)}.")
        if abs(number) > _FURTHEST:
            raise InputError(f"Expected coordinates in pixels within {_FURTHEST:g} of the picture, got {number:g}.")
