"""The masks of COCO's annotations: polygons, or run lengths."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.regions.coco_rle import decode_rle
from gencontrol.regions.shapes import box_alpha, polygon_alpha

Corners = tuple[int | float, int | float, int | float, int | float]


def outline_alpha(outline: Any, box: Corners, size: tuple[int, int]) -> Float[Tensor, "h w"]:
    """The map of one annotation, 1 inside and 0 outside; of its box where it has no outline, or one of nothing.

    Args:
        outline: The annotation's `segmentation`: polygons as lists of x, y, x, y, ...; run lengths as a mapping; None.
        box: x0, y0, x1, y1 in pixels; may stick out of the picture.
        size: (height, width) of the picture.

    Raises:
        InputError: Run lengths of another size, or neither of the two.
    """
    alpha = _drawn(outline, size)
    return box_alpha(within(box, size), size) if alpha is None or not alpha.any() else alpha


def within(box: Corners, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """The part of a box that lies in the picture, a pixel at least.

    Args:
        box: x0, y0, x1, y1 in pixels.
        size: (height, width) of the picture.
    """
    height, width = size
    left, top, right, bottom = map(float, box)
    x0, y0 = min(max(left, 0.0), width - 1.0), min(max(top, 0.0), height - 1.0)
    return x0, y0, max(min(right, float(width)), x0 + 1), max(min(bottom, float(height)), y0 + 1)


def _drawn(outline: Any, size: tuple[int, int]) -> Float[Tensor, "h w"] | None:
    if not outline:
        return None
    if isinstance(outline, Mapping):
        return _of_runs(outline, size)
    try:
        # Half and more of a pixel is inside: COCO's masks are hard.
        parts = [polygon_alpha(_points(polygon), size) >= 0.5 for polygon in outline]
    except (TypeError, ValueError) as error:
        raise InputError(
            f"An annotation's outline is neither polygons nor run lengths: {str(error).rstrip('.')}."
        ) from error
    return torch.stack(parts).any(dim=0).float()


def _of_runs(outline: Mapping[str, Any], size: tuple[int, int]) -> Float[Tensor, "h w"]:
    mask = torch.from_numpy(decode_rle(outline.get("size"), outline.get("counts")).copy()).float()
    if tuple(mask.shape) != size:
        raise InputError(
            f"An annotation's mask is {mask.shape[1]} x {mask.shape[0]}, and its picture {size[1]} x {size[0]} "
            "(width x height): these annotations are of other pictures."
        )
    return mask


def _points(polygon: Sequence[Any]) -> list[tuple[float, float]]:
    numbers = [float(value) for value in polygon]
    if len(numbers) < 6 or len(numbers) % 2:
        raise ValueError(f"{len(numbers)} coordinates in a polygon")
    return list(zip(numbers[::2], numbers[1::2], strict=True))
