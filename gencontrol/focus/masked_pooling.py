"""Focus by averaging the patches' own tokens: the old way to an embedding of a part, and no training."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from gencontrol.alpha_clip.architectures import square
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.errors import InputError
from gencontrol.focus.attention import patch_alphas
from gencontrol.focus.boxes import check_marked
from gencontrol.focus.pixels import whole
from gencontrol.images.picture import Colours


@dataclass(frozen=True, kw_only=True)
class MaskedPoolingFocus:
    """The mean of the last layer's patch tokens, each as much as the part covers its patch.

    The tokens go through the tower's own last norm and projection, which were trained for the class token alone: that
    a patch's token is of the same space is a hope. Even of the whole picture, the mean is not the plain answer. A
    baseline, as in Zhou et al., "Extract Free Dense Labels from CLIP", ECCV 2022, arXiv 2112.01071, but for their
    change of the last attention.
    """

    name: ClassVar[str] = "masked-pooling"
    takes_bytes: ClassVar[bool] = True

    def embed(self, encoder: AlphaCLIP, rgb: Colours, alpha: Float[Tensor, "b h w"]) -> Float[Tensor, "b d"]:
        """See `FocusStrategy.embed`. Differentiable in both. As long as the class token's embedding.

        Raises:
            InputError: A map that is 0 everywhere, or in all that the encoder sees.
        """
        check_marked(alpha)
        weights = patch_alphas(alpha, encoder.processor.geometry, square(encoder.vision.config)[1])
        seen = encoder.vision(pixel_values=self.view(encoder.processor, rgb, alpha).to(encoder.dtype))
        tower = encoder.vision.get_submodule("vision_model.post_layernorm")
        tokens = encoder.vision.visual_projection(tower(seen.last_hidden_state[:, 1:]))
        pooled = pool(tokens.float(), weights.to(device=tokens.device).float())
        return as_long_as(seen.image_embeds.float(), pooled).to(seen.image_embeds.dtype)

    def view(
        self, processor: AlphaCLIPProcessor, rgb: Colours, alpha: Float[Tensor, "b h w"]
    ) -> Float[Tensor, "b 4 s s"]:
        """See `FocusStrategy.view`: the whole picture."""
        return whole(processor, rgb)


def pool(tokens: Float[Tensor, "b p d"], weights: Float[Tensor, "b p"]) -> Float[Tensor, "b d"]:
    """The mean of tokens by weight.

    Args:
        tokens: Of the patches.
        weights: 0 or more; only their ratios count.

    Raises:
        InputError: All of a picture's are 0.
    """
    total = weights.sum(dim=1, keepdim=True)
    if not bool((total > 0).all()):
        raise InputError("No patch of the encoder is marked: the region lies outside of what the encoder sees.")
    return ((weights / total)[:, :, None] * tokens).sum(dim=1)


def as_long_as(model: Float[Tensor, "b d"], embeds: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    """The embeddings at the lengths of other ones: hosts read un-normalised embeddings, and so their length as well."""
    return functional.normalize(embeds, dim=-1) * model.norm(dim=-1, keepdim=True)
