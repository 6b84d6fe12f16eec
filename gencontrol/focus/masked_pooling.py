"""Focus by averaging the patches' own tokens: the old way to an embedding of a part, and no training."""

import typing
from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPVisionModelWithProjection

from gencontrol.alpha_clip.architectures import square
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.alpha_clip.vision import run_vision
from gencontrol.errors import ConfigError, InputError
from gencontrol.focus.attention import patch_alphas
from gencontrol.focus.boxes import check_marked
from gencontrol.focus.pixels import whole
from gencontrol.images.picture import Colours
from gencontrol.kinds import check_fields

Tokens = Literal["last", "values"]


@dataclass(frozen=True, kw_only=True)
class MaskedPoolingFocus:
    """The mean of the last layer's patch tokens, each as much as the part covers its patch.

    The tokens go through the tower's own last norm and projection, which were trained for the class token alone: that
    a patch's token is of the same space is a hope. Even of the whole picture, the mean is not the plain answer. A
    baseline without training.
    """

    name: ClassVar[str] = "masked-pooling"
    takes_bytes: ClassVar[bool] = True
    tokens: Tokens = "last"
    """What is averaged: the last layer's tokens, or its `values`: what the class token reads of each patch, without
    what patches read of each other (Zhou et al., "Extract Free Dense Labels from CLIP", ECCV 2022, arXiv 2112.01071).
    """

    def __post_init__(self) -> None:
        check_fields(self)
        if self.tokens not in typing.get_args(Tokens):
            raise ConfigError(f"tokens: expected one of {', '.join(typing.get_args(Tokens))}, got {self.tokens!r}.")

    def embed(self, encoder: AlphaCLIP, rgb: Colours, alpha: Float[Tensor, "b h w"]) -> Float[Tensor, "b d"]:
        """See `FocusStrategy.embed`. Differentiable in both. As long as the class token's embedding.

        Raises:
            InputError: A map that is 0 everywhere, or in all that the encoder sees.
        """
        check_marked(alpha)
        weights = patch_alphas(alpha, encoder.processor.geometry, square(encoder.vision.config)[1])
        pixels = self.view(encoder.processor, rgb, alpha).to(encoder.dtype)
        seen = run_vision(encoder.vision, pixels, output_hidden_states=True)
        states = seen.hidden_states
        hidden = states[-1] if self.tokens == "last" else values(last_layer(encoder.vision), states[-2])
        norm = encoder.vision.get_submodule("vision_model.post_layernorm")
        tokens = encoder.vision.visual_projection(norm(hidden[:, 1:])).float()
        pooled = pool(tokens, weights.to(tokens))
        return as_long_as(seen.image_embeds.float(), pooled).to(seen.image_embeds.dtype)

    def view(
        self, processor: AlphaCLIPProcessor, rgb: Colours, alpha: Float[Tensor, "b h w"]
    ) -> Float[Tensor, "b 4 s s"]:
        """See `FocusStrategy.view`: the whole picture."""
        return whole(processor, rgb)


def last_layer(vision: CLIPVisionModelWithProjection) -> nn.Module:
    """A tower's last `CLIPEncoderLayer`."""
    return vision.get_submodule(f"vision_model.encoder.layers.{vision.config.num_hidden_layers - 1}")


def values(layer: nn.Module, hidden: Float[Tensor, "b n w"]) -> Float[Tensor, "b n w"]:
    """What a stock `CLIPEncoderLayer` would have each token say, were it all that is attended to."""
    own = layer.get_submodule("self_attn")
    return own.get_submodule("out_proj")(own.get_submodule("v_proj")(layer.get_submodule("layer_norm1")(hidden)))


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
