"""Ways to point at a part of an image. Each gives a region with an alpha map of the image's own size.

Sizes are (height, width). Coordinates are (x, y) in pixels from the top left corner: pixel (i, j) covers i <= x < i + 1
and j <= y < j + 1, so that its middle is (i + 0.5, j + 0.5) and the whole image is the box (0, 0, width, height).
"""

import warnings
from collections.abc import Sequence
from functools import reduce

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from gencontrol.errors import InputError
from gencontrol.images.picture import ImageSource, Picture, read_image
from gencontrol.regions.labels import label_mask
from gencontrol.regions.notices import warn_lost_context
from gencontrol.regions.ops import threshold as make_hard
from gencontrol.regions.region import Region, RegionWarning
from gencontrol.regions.shapes import Box, Number, Point, box_alpha, path_alpha, polygon_alpha

# A click marks a disc of this share of the short side, unless its radius is given.
POINT_RADIUS = 0.05
# JPEG leaves traces of colour in grey masks; more than this is a coloured mask.
_GREY_SLACK = 12 / 255
# A mask that is nowhere brighter than this holds class numbers rather than an alpha map.
_FAINT = 0.1


def from_mask(
    source: ImageSource,
    *,
    size: tuple[int, int],
    threshold: Number | None = None,
    resize: bool = False,
    weight: float = 1.0,
    label: str = "",
) -> Region:
    """A grey mask (white = look here, grey = partly), or an RGBA one that is opaque where to look.

    Args:
        source: Anything that `read_image` takes. If its alpha varies, the alpha is the mask; else its brightness.
        size: Of the image, (height, width).
        threshold: Make the mask hard: 1 where it is at least this value in (0, 1], 0 elsewhere.
        resize: Stretch a mask of another size to the image's, with a `RegionWarning`, instead of refusing it.
        weight: See `Region`.
        label: See `Region`.

    Raises:
        InputError: An unreadable, empty, coloured or 0-and-1-of-255 mask, one with NaN, one of another size, or a
            threshold outside (0, 1].
    """
    plane = _mask_plane(read_image(source))
    if tuple(plane.shape) != tuple(size):
        plane = _stretch(plane, size, allowed=resize)
    high = plane.max().item()
    if 0 < high <= 1.5 / 255:
        raise InputError(
            "The mask's largest value is 1 of 255, which is all but black. If it holds 0 and 1, save it as 0 and 255 "
            "(or pass a bool array); if it holds class numbers, use from_index_mask (--index-mask on the command line)."
        )
    if threshold is not None:
        plane = make_hard(plane, threshold)
        if not bool(plane.any()):
            raise InputError(f"The mask is empty: its largest value {high:.3g} is below the threshold {threshold:g}.")
    elif 0 < high < _FAINT:
        _warn(f"The mask is faint: its largest value is {high:.3g} of 1. Pass a threshold, or class numbers by index.")
    return Region(alpha=plane, weight=weight, label=label)


def from_image_alpha(picture: ImageSource, *, weight: float = 1.0, label: str = "") -> Region:
    """The image's own alpha channel: look where it is opaque.

    Warns with a `RegionWarning` if the transparent part has no colour left, and so no context to keep.

    Raises:
        InputError: The image has no alpha channel, is fully transparent, or cannot be read.
    """
    picture = read_image(picture)
    if picture.alpha is None:
        raise InputError(
            "The image has no alpha channel to look through; give a mask, a box or a point, or an RGBA image "
            "(PNG; JPEG has no alpha)."
        )
    warn_lost_context(picture)
    return Region(alpha=picture.alpha, weight=weight, label=label)


def from_box(box: Box, *, size: tuple[int, int], weight: float = 1.0, label: str = "") -> Region:
    """A rectangle (x0, y0, x1, y1); a pixel that it covers in part gets that part as alpha.

    A box that reaches over the edge is cut there, with a `RegionWarning`.

    Raises:
        InputError: A box without area, or wholly outside the image.
    """
    x0, y0, x1, y1 = box
    height, width = size
    if not (x0 < x1 and y0 < y1):
        raise InputError(f"Expected a box x0,y0,x1,y1 with x0 < x1 and y0 < y1, got {_join(box)}.")
    inside = (max(x0, 0), max(y0, 0), min(x1, width), min(y1, height))
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        raise InputError(f"The box {_join(box)} is outside the image, which is {width} x {height} (width x height).")
    if inside != (x0, y0, x1, y1):
        _warn(f"The box {_join(box)} reaches over the image of {width} x {height}; cut to {_join(inside)}.")
    return Region(alpha=box_alpha(inside, size), weight=weight, label=label)


def from_points(
    points: Sequence[Point],
    *,
    size: tuple[int, int],
    radius: Number | None = None,
    weight: float = 1.0,
    label: str = "",
) -> Region:
    """A disc around each point.

    Args:
        points: (x, y) in pixels.
        size: Of the image, (height, width).
        radius: In pixels; 5 % of the short side unless given.
        weight: See `Region`.
        label: See `Region`.

    Raises:
        InputError: No point, one outside the image, or a radius that is not positive.
    """
    height, width = size
    for x, y in points:
        if not (0 <= x <= width and 0 <= y <= height):
            raise InputError(f"The point {x:g},{y:g} is outside the image, which is {width} x {height}.")
    radius = max(1.0, POINT_RADIUS * min(size)) if radius is None else radius
    if not points:
        raise InputError("Expected at least one point, got none.")
    alpha = reduce(torch.maximum, (path_alpha([point], size, radius=radius) for point in points))
    return Region(alpha=alpha, weight=weight, label=label)


def from_stroke(
    points: Sequence[Point], *, size: tuple[int, int], width: Number, weight: float = 1.0, label: str = ""
) -> Region:
    """A brush stroke: the line through the points, `width` pixels wide, with round ends. It may leave the image.

    Raises:
        InputError: No point, a width that is not positive, or a stroke wholly outside the image.
    """
    if not points:
        raise InputError("Expected at least one point of the stroke, got none.")
    alpha = path_alpha(points, size, radius=width / 2)
    return Region(alpha=_drawn(alpha, "stroke", size), weight=weight, label=label)


def from_polygon(points: Sequence[Point], *, size: tuple[int, int], weight: float = 1.0, label: str = "") -> Region:
    """The inside of a closed polygon, by the even-odd rule (where it overlaps itself twice is outside).

    Raises:
        InputError: Fewer than three points, or a polygon without area inside the image.
    """
    if len(points) < 3:
        raise InputError(f"Expected at least three points of a polygon, got {len(points)}.")
    alpha = polygon_alpha(points, size)
    return Region(alpha=_drawn(alpha, "polygon", size), weight=weight, label=label)


def from_index_mask(
    mask: ImageSource,
    colour_or_index: int | np.integer | str | tuple[int, int, int],
    *,
    size: tuple[int, int],
    resize: bool = False,
    weight: float = 1.0,
    label: str = "",
) -> Region:
    """One class of a mask whose pixels hold colours or class numbers (as of DAVIS, ADE20K or a paint program).

    Args:
        mask: An image, or an array or tensor (h, w) of integers.
        colour_or_index: "#rrggbb", a colour's name, (r, g, b) in 0 to 255, or a class number: the palette's index in
            a palette image, else the grey value as stored.
        size: Of the image, (height, width).
        resize: Stretch the class's area to the image's size, with a `RegionWarning`, instead of refusing it.
        weight: See `Region`.
        label: See `Region`.

    Raises:
        InputError: The mask holds no such class (the message lists those it holds), or has another size.
    """
    alpha = label_mask(mask, colour_or_index).float()
    if tuple(alpha.shape) != tuple(size):
        alpha = _stretch(alpha, size, allowed=resize)
    return Region(alpha=alpha, weight=weight, label=label)


def whole(size: tuple[int, int], *, weight: float = 1.0, label: str = "") -> Region:
    """The whole image: alpha 1 everywhere."""
    return Region(alpha=torch.ones(size), weight=weight, label=label)


def _mask_plane(picture: Picture) -> Float[Tensor, "h w"]:
    if picture.alpha is not None and picture.alpha.min() < picture.alpha.max():
        return picture.alpha
    low, high = picture.rgb.amin(dim=0), picture.rgb.amax(dim=0)
    if (high - low).max() > _GREY_SLACK:
        raise InputError(
            "The mask has colours; expected grey, where white means: look here. To take one of its colours, use "
            "from_index_mask (--index-mask on the command line)."
        )
    return picture.rgb[1]


def _stretch(plane: Float[Tensor, "h w"], size: tuple[int, int], *, allowed: bool) -> Float[Tensor, "h2 w2"]:
    (height, width), (to_height, to_width) = plane.shape, size
    text = f"The mask is {width} x {height} but the image is {to_width} x {to_height} (width x height)"
    if not allowed:
        swapped = (width, height) == (to_height, to_width)
        cause = "are width and height swapped, or a photo's rotation lost?" if swapped else "was one of them resized?"
        mend = "Give a mask of the image's size, or have it stretched (resize=True; --resize-mask on the command line)."
        raise InputError(f"{text}; {cause} {mend}")
    _warn(f"{text}; it was stretched.")
    planes = functional.interpolate(plane[None, None], size=size, mode="bilinear", antialias=True)
    return planes[0, 0].clamp(0, 1)


def _drawn(alpha: Float[Tensor, "h w"], shape: str, size: tuple[int, int]) -> Float[Tensor, "h w"]:
    if not bool((alpha > 0).any()):
        raise InputError(f"The {shape} marks no pixel of the image, which is {size[1]} x {size[0]} (width x height).")
    return alpha


def _join(numbers: Sequence[Number]) -> str:
    return ",".join(f"{n:g}" for n in numbers)


def _warn(message: str) -> None:
    warnings.warn(message, RegionWarning, stacklevel=3)
