"""Focus on several regions of a picture at once: one pass through the encoder, an embedding for each."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.focus.alpha import AlphaFocus
from gencontrol.focus.attention import AttentionFocus
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.images.picture import Colours


@dataclass(frozen=True, kw_only=True)
class OnePassFocus:
    """All regions of a picture in one pass, by `AlphaCLIP.encode_regions`; near to what `alpha` sees of each.

    An encoder that was not trained for it gives what is approximate, with an `ApproximateWarning`. What shows one
    region alone is `alpha`'s, or `attention`'s of an encoder without alpha weights.
    """

    name: ClassVar[str] = "one-pass"
    takes_bytes: ClassVar[bool] = True

    def embed(self, encoder: AlphaCLIP, rgb: Colours, alpha: Float[Tensor, "b h w"]) -> Float[Tensor, "b d"]:
        """See `FocusStrategy.embed`: pictures with one region each."""
        # Weights that are loaded layer by layer cannot be looked at; those of an Alpha-CLIP are the rule.
        heeds = encoder.device.type == "meta" or encoder.has_alpha
        alone = AlphaFocus() if heeds else AttentionFocus()
        return alone.embed(encoder, rgb, alpha)

    def embed_together(self, encoder: AlphaCLIP, rgb: Colours, alphas: Float[Tensor, "k h w"]) -> Float[Tensor, "k d"]:
        """Embed several regions of one picture, un-normalised.

        Args:
            encoder: See `FocusStrategy.embed`.
            rgb: A batch of one picture.
            alphas: Its maps, of its size.
        """
        if len(alphas) == 1:
            return self.embed(encoder, rgb, alphas)
        return encoder.encode_regions(rgb[0], alphas, approximate=None if encoder.one_pass is not None else True)

    def view(
        self, processor: AlphaCLIPProcessor, rgb: Colours, alpha: Float[Tensor, "b h w"]
    ) -> Float[Tensor, "b 4 s s"]:
        """See `FocusStrategy.view`: as `alpha` has it."""
        return AlphaFocus().view(processor, rgb, alpha)


def embed_each(
    focus: FocusStrategy, encoder: AlphaCLIP, rgb: Colours, alphas: Float[Tensor, "k h w"]
) -> Float[Tensor, "k d"]:
    """Embed the regions of one picture, at once if the focus can.

    Args:
        focus: How to look.
        encoder: See `FocusStrategy.embed`.
        rgb: A batch of one picture.
        alphas: Its maps, of its size.
    """
    if isinstance(focus, OnePassFocus):
        return focus.embed_together(encoder, rgb, alphas)
    return focus.embed(encoder, rgb.expand(len(alphas), -1, -1, -1), alphas)
