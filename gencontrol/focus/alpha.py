"""Focus through the trained alpha channel."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.focus.views import pixels


@dataclass(frozen=True, kw_only=True)
class AlphaFocus:
    """The alpha map is the encoder's fourth channel. A plain CLIP, whose alpha weights are zero, ignores it.

    Source: Sun et al., "Alpha-CLIP: A CLIP Model Focusing on Wherever You Want", CVPR 2024, arXiv 2312.03818.
    """

    name: ClassVar[str] = "alpha"

    def embed(
        self, encoder: AlphaCLIP, rgb: Float[Tensor, "b 3 h w"], alpha: Float[Tensor, "b h w"]
    ) -> Float[Tensor, "b d"]:
        """See `FocusStrategy.embed`. Differentiable in `rgb` and `alpha`."""
        return encoder.encode_pixels(pixels(encoder, rgb, alpha))
