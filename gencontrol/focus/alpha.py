"""Focus through the trained alpha channel."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.focus.strategy import ByView
from gencontrol.images.picture import Colours


@dataclass(frozen=True, kw_only=True)
class AlphaFocus(ByView):
    """The alpha map is the encoder's fourth channel. A plain CLIP, whose alpha weights are zero, ignores it.

    Source: Sun et al., "Alpha-CLIP: A CLIP Model Focusing on Wherever You Want", CVPR 2024, arXiv 2312.03818.
    """

    name: ClassVar[str] = "alpha"
    takes_bytes: ClassVar[bool] = True

    def view(
        self, processor: AlphaCLIPProcessor, rgb: Colours, alpha: Float[Tensor, "b h w"]
    ) -> Float[Tensor, "b 4 s s"]:
        """See `FocusStrategy.view`. Differentiable in `rgb` and `alpha`."""
        return processor(rgb, alpha)
