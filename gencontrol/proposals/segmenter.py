"""What a segmenter is: it turns boxes into masks."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.images.reading import ImageSource, read_image
from gencontrol.kinds import check_fields


@dataclass(frozen=True, kw_only=True)
class Segmentation:
    """One mask for each box of a picture."""

    masks: Bool[Tensor, "k h w"]
    """True on the thing in the box, of the picture's own size; may be empty."""
    scores: Float[Tensor, " k"] | None
    """How good the segmenter takes each mask to be, its guess of the intersection over union; None if it makes none."""

    def __post_init__(self) -> None:
        check_fields(self)


@runtime_checkable
class Segmenter(Protocol):
    """Finds the thing that a box is around."""

    def segment(self, image: ImageSource, boxes: Float[Tensor, "k 4"]) -> Segmentation:
        """Turn boxes into masks.

        Args:
            image: The picture: whatever `gencontrol.images.read_image` takes.
            boxes: x0, y0, x1, y1 in its pixels, x1 and y1 outside; any number of them, none included.

        Raises:
            InputError: A box that is no box, or lies outside of the picture, or a picture that cannot be read.
        """
        ...


def check_boxes(boxes: Float[Tensor, "k 4"], size: tuple[int, int]) -> Float[Tensor, "k 4"]:
    """The boxes cut at the edges of a picture of that (height, width).

    Raises:
        InputError: One without area, outside of the picture, or with NaN in it; says which.
    """
    height, width = size
    cut = boxes.float().clamp(min=0).minimum(boxes.new_tensor([width, height] * 2).float())
    bad = ~((cut[:, 2:] > cut[:, :2]).all(dim=1) & boxes.isfinite().all(dim=1))
    if bool(bad.any()):
        place = int(bad.nonzero()[0, 0])
        given = ", ".join(f"{side:g}" for side in boxes[place].tolist())
        raise InputError(
            f"boxes[{place}] is ({given}): expected x0 < x1 and y0 < y1 in pixels, within {width} x {height} "
            "(width x height)."
        )
    return cut


class BoxSegmenter:
    """Takes the whole box for the thing: what masks have to be better than."""

    def segment(self, image: ImageSource, boxes: Float[Tensor, "k 4"]) -> Segmentation:
        """See `gencontrol.proposals.Segmenter`; a pixel counts if its middle is in the box."""
        height, width = read_image(image).size
        x0, y0, x1, y1 = check_boxes(boxes, (height, width))[:, :, None].unbind(1)
        x, y = torch.arange(width) + 0.5, torch.arange(height) + 0.5
        columns, rows = (x >= x0) & (x < x1), (y >= y0) & (y < y1)
        return Segmentation(masks=rows[:, :, None] & columns[:, None, :], scores=None)
