"""Regions that are drawn: boxes, points, strokes, polygons, and the whole image.

Sizes are (height, width). Coordinates are (x, y) in pixels from the top left corner: pixel (i, j) covers i <= x < i + 1
and j <= y < j + 1, so that its middle is (i + 0.5, j + 0.5) and the whole image is the box (0, 0, width, height).
Relative ones are shares of the width and the height, 0 to 1.
"""

import warnings
from collections.abc import Iterable, Sequence
from functools import reduce

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.kinds import checked
from gencontrol.regions.masks import warn_of_everything
from gencontrol.regions.region import Region, RegionWarning
from gencontrol.regions.shapes import (
    Box,
    Number,
    Point,
    box_alpha,
    check_coordinates,
    check_size,
    path_alpha,
    polygon_alpha,
)

# A click marks a disc of this share of the short side, unless its radius is given.
POINT_RADIUS = 0.05


@checked
def from_box(
    box: Box, *, size: tuple[int, int], relative: bool = False, weight: float = 1.0, label: str = ""
) -> Region:
    """A rectangle (x0, y0, x1, y1); a pixel that it covers in part gets that part as alpha.

    A box that reaches over the edge is cut there, with a `RegionWarning`.

    Args:
        box: Left, top, right and bottom.
        size: Of the image, (height, width).
        relative: Whether the box is in shares of the width and the height instead of pixels.
        weight: See `Region`.
        label: See `Region`.

    Raises:
        InputError: A box without area, or wholly outside the image; what looks like one in shares, or in the form of
            COCO (left, top, width, height), is named so.
    """
    check_size(size)
    (x0, y0), (x1, y1) = in_pixels([box[:2], box[2:]], size, relative=relative)
    height, width = size
    if not (x0 < x1 and y0 < y1):
        other = _coco_hint(x0, y0, x1, y1, size)
        raise InputError(f"Expected a box x0,y0,x1,y1 with x0 < x1 and y0 < y1, got {_join(box, relative)}{other}.")
    if not relative:
        _check_not_shares([box[:2], box[2:]], size, what="box", may_be_relative=True)
    inside = (max(x0, 0), max(y0, 0), min(x1, width), min(y1, height))
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        raise InputError(
            f"The box {_join(box, relative)} is outside the image, which is {width} x {height} (width x height)"
            f"{_turned_hint([(x0, y0), (x1, y1)], size)}."
        )
    if inside != (x0, y0, x1, y1):
        text = f"The box {_join(box, relative)} reaches over the image of {width} x {height}; cut to {_join(inside)}"
        warnings.warn(f"{text}{_turned_hint([(x0, y0), (x1, y1)], size)}.", RegionWarning, stacklevel=2)
    return Region(alpha=box_alpha(inside, size), weight=weight, label=label)


@checked
def from_points(
    points: Sequence[Point],
    *,
    size: tuple[int, int],
    radius: Number | None = None,
    relative: bool = False,
    weight: float = 1.0,
    label: str = "",
) -> Region:
    """A disc around each point. Warns with a `RegionWarning` where they mark the whole picture.

    Args:
        points: (x, y).
        size: Of the image, (height, width).
        radius: In pixels; 5 % of the short side unless given.
        relative: Whether the points are in shares of the width and the height instead of pixels.
        weight: See `Region`.
        label: See `Region`.

    Raises:
        InputError: No point, one outside the image, what looks like shares, or a radius that is not positive.
    """
    check_size(size)
    height, width = size
    if not relative:
        _check_not_shares(points, size, what="point", may_be_relative=True)
    points = in_pixels(points, size, relative=relative)
    for x, y in points:
        if not (0 <= x <= width and 0 <= y <= height):
            hint = _turned_hint(points, size)
            raise InputError(f"The point {x:g},{y:g} is outside the image, which is {width} x {height}{hint}.")
    radius = max(1.0, POINT_RADIUS * min(size)) if radius is None else radius
    if not points:
        raise InputError("Expected at least one point, got none.")
    alpha = reduce(torch.maximum, (path_alpha([point], size, radius=radius) for point in points))
    what = "point" if len(points) == 1 else "set of points"
    warn_of_everything(alpha > 0, f"the radius is {radius:g} pixels, and the picture is {_sides(size)}", what=what)
    return Region(alpha=alpha, weight=weight, label=label)


@checked
def from_stroke(
    points: Sequence[Point], *, size: tuple[int, int], width: Number, weight: float = 1.0, label: str = ""
) -> Region:
    """A brush stroke: the line through the points, `width` pixels wide, with round ends. It may leave the image.

    Warns with a `RegionWarning` where it marks the whole picture.

    Raises:
        InputError: No point, a width that is not positive, what looks like shares, or a stroke outside the image.
    """
    check_size(size)
    if not points:
        raise InputError("Expected at least one point of the stroke, got none.")
    _check_not_shares(points, size, what="stroke")
    alpha = path_alpha(points, size, radius=width / 2)
    region = Region(alpha=_drawn(alpha, "stroke", size, points), weight=weight, label=label)
    warn_of_everything(alpha > 0, f"the width is {width:g} pixels, and the picture is {_sides(size)}", what="stroke")
    return region


@checked
def from_polygon(points: Sequence[Point], *, size: tuple[int, int], weight: float = 1.0, label: str = "") -> Region:
    """The inside of a closed polygon, by the even-odd rule (where it overlaps itself twice is outside).

    Raises:
        InputError: Fewer than three points, what looks like shares, or a polygon without area inside the image.
    """
    check_size(size)
    if len(points) < 3:
        raise InputError(f"Expected at least three points of a polygon, got {len(points)}.")
    _check_not_shares(points, size, what="polygon")
    alpha = polygon_alpha(points, size)
    return Region(alpha=_drawn(alpha, "polygon", size, points), weight=weight, label=label)


@checked
def whole(size: tuple[int, int], *, weight: float = 1.0, label: str = "") -> Region:
    """The whole image: alpha 1 everywhere."""
    check_size(size)
    return Region(alpha=torch.ones(tuple(size)), weight=weight, label=label)


def in_pixels(points: Sequence[Point], size: tuple[int, int], *, relative: bool = True) -> list[Point]:
    """Points in pixels, of those in shares of the width and the height.

    Args:
        points: (x, y).
        size: Of the image, (height, width).
        relative: False leaves them as they are.

    Raises:
        InputError: Coordinates that cannot be meant.
    """
    height, width = size
    check_coordinates(points)
    return [(x * width, y * height) for x, y in points] if relative else list(points)


def _check_not_shares(
    points: Sequence[Point], size: tuple[int, int], *, what: str, may_be_relative: bool = False
) -> None:
    """Refuse what lies within the first pixel, and not at its corners: shares of the image that were meant so."""
    check_coordinates(points)
    numbers = [number for point in points for number in point]
    if min(size) == 1 or not all(0 <= n <= 1 for n in numbers) or all(n in (0, 1) for n in numbers):
        return
    percent = ",".join(f"{100 * n:g}%" for n in numbers)
    mend = f", or write {percent} (in Python, `relative=True`)" if may_be_relative else ""
    raise InputError(
        f"The {what} {_join(numbers)} lies within the first pixel: shares of the image, 0 to 1? Expected pixels of the "
        f"image, which is {size[1]} x {size[0]} (width x height): multiply by the width and the height{mend}."
    )


def _coco_hint(x: Number, y: Number, width: Number, height: Number, size: tuple[int, int]) -> str:
    """What to say of a box that would be one as COCO writes them."""
    inside = 0 <= x < x + width <= size[1] and 0 <= y < y + height <= size[0]
    return f"; if that is COCO's x,y,width,height, give {_join((x, y, x + width, y + height))}" if inside else ""


def _turned_hint(points: Sequence[Point], size: tuple[int, int]) -> str:
    """What to say of what lies inside an image whose width is this one's height."""
    inside = all(0 <= x <= size[0] and 0 <= y <= size[1] for x, y in points)
    return "; PIL's size is (width, height), and (height, width) is expected as `size`" if inside else ""


def _drawn(
    alpha: Float[Tensor, "h w"], shape: str, size: tuple[int, int], points: Sequence[Point]
) -> Float[Tensor, "h w"]:
    if not bool((alpha > 0).any()):
        hint = _turned_hint(points, size)
        raise InputError(f"The {shape} marks no pixel of the image, which is {_sides(size)} (width x height){hint}.")
    return alpha


def _sides(size: tuple[int, int]) -> str:
    return f"{size[1]} x {size[0]}"


def _join(numbers: Iterable[Number], relative: bool = False) -> str:
    """Numbers as they are typed, shares in percent."""
    return ",".join(f"{100 * n:g}%" if relative else f"{n:g}" for n in numbers)
