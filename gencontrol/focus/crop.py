"""Focus by cutting the part out of the picture and enlarging it."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.focus.blank import blend
from gencontrol.focus.boxes import Box, part_box
from gencontrol.focus.fills import WIDEST, check_fill, fill_colour
from gencontrol.focus.pixels import whole
from gencontrol.focus.strategy import ByView
from gencontrol.images.picture import Colours, unit_planes
from gencontrol.kinds import check_fields
from gencontrol.numbers import check_number


@dataclass(frozen=True, kw_only=True)
class CropFocus(ByView):
    """The part's own box, enlarged to the encoder's size; `masked`, also without what else is in the box.

    The baseline to beat: a masked crop names regions better than the published Alpha-CLIP on six of seven sets
    (MaskInversion, arXiv 2407.20034). It loses the context, and so what the part is to the picture.
    """

    name: ClassVar[str] = "crop"
    takes_bytes: ClassVar[bool] = True
    margin: float = 0.1
    """Added on each side, as a share of the box's long side."""
    masked: bool = True
    """Paint over what is in the box and not in the part."""
    colour: str = "mean"
    """To paint with: "#rrggbb", a colour's name, or "mean", the mean of CLIP's pictures."""

    def __post_init__(self) -> None:
        check_fields(self)
        check_number(self.margin, name="margin", at_least=0, at_most=WIDEST)
        check_fill(self.colour)

    def view(
        self, processor: AlphaCLIPProcessor, rgb: Colours, alpha: Float[Tensor, "b h w"]
    ) -> Float[Tensor, "b 4 s s"]:
        """See `FocusStrategy.view`. Differentiable in `rgb`, and in `alpha` but for the box."""
        return torch.cat([whole(processor, self._cut(processor, r, a)[None]) for r, a in zip(rgb, alpha, strict=True)])

    def _cut(
        self,
        processor: AlphaCLIPProcessor,
        rgb: Float[Tensor, "3 h w"] | UInt8[Tensor, "3 h w"],
        alpha: Float[Tensor, "h w"],
    ) -> Float[Tensor, "3 h2 w2"] | UInt8[Tensor, "3 h2 w2"]:
        height, width = alpha.shape
        x0, y0, x1, y1 = square_box(part_box(alpha), (height, width), margin=self.margin)
        cut = rgb[:, y0:y1, x0:x1]
        if not self.masked:
            return cut
        colours = unit_planes(cut)
        return blend(colours, fill_colour(self.colour, processor, colours), alpha[y0:y1, x0:x1])


def square_box(box: Box, size: tuple[int, int], *, margin: float) -> Box:
    """The box with its margin, made square as far as the image reaches: it is moved inside, then cut.

    Args:
        box: (x0, y0, x1, y1) in pixels.
        size: Of the image, (height, width).
        margin: Share of the box's long side, on each side.
    """
    x0, y0, x1, y1 = box
    side = round(max(x1 - x0, y1 - y0) * (1 + 2 * margin))
    left, right = _span(x0, x1, side, size[1])
    top, bottom = _span(y0, y1, side, size[0])
    return left, top, right, bottom


def _span(start: int, end: int, side: int, length: int) -> tuple[int, int]:
    first = (start + end - side) // 2
    first = max(0, min(first, length - side))
    return first, min(first + side, length)
