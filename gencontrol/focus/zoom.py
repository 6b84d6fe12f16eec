"""Focus by looking closer: a crop around the part that keeps some of its context, and its alpha."""

import typing
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.errors import ConfigError
from gencontrol.focus.blank import blend
from gencontrol.focus.boxes import Box, part_box
from gencontrol.focus.crop import square_box
from gencontrol.focus.fills import WIDEST, check_fill, fill_colour
from gencontrol.focus.strategy import ByView
from gencontrol.images.blur import gaussian_blur
from gencontrol.images.picture import Colours, unit_planes
from gencontrol.kinds import check_fields
from gencontrol.numbers import check_number

Outside = Literal["keep", "blank", "blur"]


@dataclass(frozen=True, kw_only=True)
class ZoomFocus(ByView):
    """A window around the part, cut from the picture's own pixels, colours and alpha map alike.

    How closely to look is a dial: closeness 0 is the whole frame, which is what `alpha` shows; 1 is the part's box with
    its margin. The frame tells where the thing is and what is around it, the box tells the thing. Of an encoder whose
    alpha weights are zero it is a crop with context.
    """

    name: ClassVar[str] = "zoom"
    takes_bytes: ClassVar[bool] = True
    margin: float = 0.25
    """Added on each side of the closest window, as a share of the box's long side."""
    closeness: float = 1.0
    """[0, 1]; equal steps enlarge by equal factors."""
    outside: Outside = "keep"
    """What is done to the picture outside of the part: nothing, painted over, or blurred; alpha is given as well."""
    colour: str = "mean"
    """To paint with: "#rrggbb", a colour's name, or "mean", the mean of CLIP's pictures."""
    sigma: float = 0.2
    """Standard deviation of the blur as a share of the window's short side."""

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("margin", "sigma"):
            check_number(getattr(self, name), name=name, at_least=0, at_most=WIDEST)
        if not 0 <= self.closeness <= 1:
            raise ConfigError(
                f"closeness: expected 0 (the whole frame) to 1 (the part's box with its margin), got {self.closeness}."
            )
        if self.outside not in typing.get_args(Outside):
            raise ConfigError(f"outside: expected one of {', '.join(typing.get_args(Outside))}, got {self.outside!r}.")
        check_fill(self.colour)

    def view(
        self, processor: AlphaCLIPProcessor, rgb: Colours, alpha: Float[Tensor, "b h w"]
    ) -> Float[Tensor, "b 4 s s"]:
        """See `FocusStrategy.view`. Differentiable in `rgb`, and in `alpha` but for the window."""
        return torch.cat([self._look(processor, r, a) for r, a in zip(rgb, alpha, strict=True)])

    def window(self, alpha: Float[Tensor, "h w"]) -> Box:
        """What is looked at.

        Raises:
            InputError: The map is 0 everywhere.
        """
        height, width = alpha.shape
        closest = square_box(part_box(alpha), (height, width), margin=self.margin)
        return window_between((0, 0, width, height), closest, self.closeness)

    def _look(
        self,
        processor: AlphaCLIPProcessor,
        rgb: Float[Tensor, "3 h w"] | UInt8[Tensor, "3 h w"],
        alpha: Float[Tensor, "h w"],
    ) -> Float[Tensor, "1 4 s s"]:
        x0, y0, x1, y1 = self.window(alpha)
        colour, looked_at = rgb[:, y0:y1, x0:x1], alpha[y0:y1, x0:x1]
        if self.outside != "keep":
            colour = unit_planes(colour)
        if self.outside == "blank":
            colour = blend(colour, fill_colour(self.colour, processor, colour), looked_at)
        elif self.outside == "blur":
            colour = blend(colour, gaussian_blur(colour, self.sigma * min(looked_at.shape)), looked_at)
        return processor(colour[None], looked_at[None])


def window_between(frame: Box, closest: Box, closeness: float) -> Box:
    """A window on the way from the frame to the closest one, which lies within it.

    Args:
        frame: (x0, y0, x1, y1) in pixels.
        closest: The same.
        closeness: 0 is the frame, 1 the closest window; sides shrink by equal factors in equal steps.
    """
    left, right = _between(frame[0], frame[2], closest[0], closest[2], closeness)
    top, bottom = _between(frame[1], frame[3], closest[1], closest[3], closeness)
    return left, top, right, bottom


def _between(start: int, end: int, first: int, last: int, closeness: float) -> tuple[int, int]:
    whole, part = end - start, last - first
    side = max(round(whole ** (1 - closeness) * part**closeness), 1)
    # What lies before the window shrinks as what lies beside it does, so that it never leaves the frame.
    share = (first - start) / (whole - part) if whole > part else 0.0
    begin = start + round(share * (whole - side))
    return begin, begin + side
