"""Focus by drawing a red circle around the part, as people do."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.focus.blank import blend
from gencontrol.focus.boxes import Box, part_box
from gencontrol.focus.fills import WIDEST, check_fill, fill_colour
from gencontrol.focus.pixels import whole
from gencontrol.focus.strategy import ByView
from gencontrol.kinds import check_fields
from gencontrol.numbers import check_number


@dataclass(frozen=True, kw_only=True)
class CircleFocus(ByView):
    """An ellipse around the part's box; CLIP has learnt from the web's pictures what that means.

    It changes the picture whatever the part, so that the whole image does not give the plain answer.
    Source: Shtedritski et al., "What does CLIP know about a red circle?", ICCV 2023, arXiv 2304.06712.
    """

    name: ClassVar[str] = "circle"
    colour: str = "red"
    """"#rrggbb" or a colour's name."""
    thickness: float = 0.02
    """Of the line, as a share of the short side; at least one pixel."""
    margin: float = 0.1
    """Between the box and the ellipse that its sides touch, as a share of the box's sides."""

    def __post_init__(self) -> None:
        check_fields(self)
        check_fill(self.colour)
        check_number(self.thickness, name="thickness", above=0, at_most=1)
        check_number(self.margin, name="margin", at_least=0, at_most=WIDEST)

    def view(
        self, processor: AlphaCLIPProcessor, rgb: Float[Tensor, "b 3 h w"], alpha: Float[Tensor, "b h w"]
    ) -> Float[Tensor, "b 4 s s"]:
        """See `FocusStrategy.view`. Differentiable in `rgb` only."""
        height, width = alpha.shape[-2:]
        thickness = max(1.0, self.thickness * min(height, width))
        boxes = [part_box(one) for one in alpha]
        lines = [ellipse_alpha(box, (height, width), thickness=thickness, margin=self.margin) for box in boxes]
        return whole(processor, blend(rgb, fill_colour(self.colour, processor, rgb), 1 - torch.stack(lines).to(rgb)))


def ellipse_alpha(box: Box, size: tuple[int, int], *, thickness: int | float, margin: float) -> Float[Tensor, "h w"]:
    """The line of the ellipse that a box, grown by the margin, encloses: 1 on the line, with a soft edge of one pixel.

    Args:
        box: (x0, y0, x1, y1) in pixels.
        size: Of the image, (height, width).
        thickness: Of the line in pixels.
        margin: Share of the box's sides, on each side.
    """
    x0, y0, x1, y1 = box
    x = (torch.arange(size[1]) + 0.5 - (x0 + x1) / 2)[None]
    y = (torch.arange(size[0]) + 0.5 - (y0 + y1) / 2)[:, None]
    a, b = ((end - start) * (0.5 + margin) for start, end in ((x0, x1), (y0, y1)))
    # The ellipse is where q = 1; to first order, the distance from it is (q - 1) / |gradient of q|.
    q = torch.hypot(x / a, y / b).clamp(min=1e-6)
    slope = torch.hypot(x / a**2, y / b**2) / q
    distance = ((q - 1) / slope.clamp(min=1e-6)).abs()
    return (thickness / 2 + 0.5 - distance).clamp(0, 1)
