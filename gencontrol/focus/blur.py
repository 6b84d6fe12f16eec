"""Focus by blurring what is outside."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.focus.blank import blend
from gencontrol.focus.fills import WIDEST
from gencontrol.focus.pixels import whole
from gencontrol.focus.strategy import ByView
from gencontrol.images.blur import gaussian_blur
from gencontrol.kinds import check_fields
from gencontrol.numbers import check_number


@dataclass(frozen=True, kw_only=True)
class BlurFocus(ByView):
    """Outside the part, the picture is out of focus: colours and the rough layout stay.

    Source: Yang et al., "Fine-Grained Visual Prompting", NeurIPS 2023, arXiv 2306.04356.
    """

    name: ClassVar[str] = "blur"
    sigma: float = 0.2
    """Standard deviation of the blur as a share of the short side; the authors use 100 pixels on COCO's 640 x 480."""

    def __post_init__(self) -> None:
        check_fields(self)
        check_number(self.sigma, name="sigma", at_least=0, at_most=WIDEST)

    def view(
        self, processor: AlphaCLIPProcessor, rgb: Float[Tensor, "b 3 h w"], alpha: Float[Tensor, "b h w"]
    ) -> Float[Tensor, "b 4 s s"]:
        """See `FocusStrategy.view`. Differentiable in both."""
        blurred = gaussian_blur(rgb, self.sigma * min(rgb.shape[2:]))
        return whole(processor, blend(rgb, blurred, alpha))
