"""Vision towers whose tokens a host reads: stock CLIP, of three or four channels, and SigLIP."""

import typing
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import CLIPVisionModelWithProjection, SiglipVisionModel

from gencontrol.alpha_clip.alpha_slice import patch_convolution, patch_weight
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.patch_product import patch_product_in
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.alpha_clip.siglip import AlphaSigLIP
from gencontrol.alpha_clip.siglip_files import siglip_processor
from gencontrol.errors import PairingError
from gencontrol.kinds import said
from gencontrol.regions.geometry import Geometry

Layer = Literal["penultimate", "last"]
"""Hidden states: `hidden_states[-2]`, or `last_hidden_state`."""


@dataclass(frozen=True, kw_only=True)
class TokenTower:
    """A stock tower and how pictures are brought to it."""

    vision: CLIPVisionModelWithProjection | SiglipVisionModel
    """The tower."""
    processor: AlphaCLIPProcessor
    """Its normalisation and geometry; of the alpha channel too, where the tower has one."""

    @property
    def has_class_token(self) -> bool:
        """Whether a class token stands before the patches."""
        return isinstance(self.vision, CLIPVisionModelWithProjection)

    @property
    def channels(self) -> int:
        """3, or 4 with alpha."""
        return self.vision.config.num_channels

    @property
    def width(self) -> int:
        """Of a token."""
        return self.vision.config.hidden_size

    @property
    def patch(self) -> int:
        """Side of a patch in pixels."""
        return typing.cast(int, self.vision.config.patch_size)

    @property
    def device(self) -> torch.device:
        """Where the tower is."""
        return self.vision.device

    @property
    def has_alpha(self) -> bool:
        """Whether it has an alpha channel with weights that are not zero."""
        return bool(patch_weight(self.vision)[:, 3:].any())

    def hidden(
        self, pixels: Float[Tensor, "b c s s"], bias: Float[Tensor, "..."] | None, *, layer: Layer
    ) -> Float[Tensor, "b t d"]:
        """The tokens.

        Args:
            pixels: Normalised, of the tower's channels and size.
            bias: Added to the attention logits of every block; broadcastable to (b, heads, t, t).
            layer: Which hidden states.
        """
        dtype = self.vision.dtype
        mask = {} if bias is None else {"attention_mask": bias.to(device=pixels.device, dtype=dtype)}
        # Of three channels convolutions are right, and the stock call's tokens to the bit.
        patches = patch_product_in(patch_convolution(self.vision)) if self.channels == 4 else nullcontext()
        with patches:
            states = self.vision(pixel_values=pixels.to(dtype), output_hidden_states=True, **mask)
        return states.hidden_states[-2] if layer == "penultimate" else states.last_hidden_state


def token_tower(encoder: Any) -> TokenTower:
    """The tower of whatever a caller has.

    Args:
        encoder: An AlphaCLIP or AlphaSigLIP, a stock tower (normalised as its family is, seen through the plain
            geometry), or a finished `TokenTower`. Of what `torch.compile` made, the tower inside is taken.

    Raises:
        PairingError: Something else, or a stock tower whose weights are on no device.
    """
    encoder = getattr(encoder, "_orig_mod", encoder)
    if isinstance(encoder, TokenTower):
        return encoder
    if isinstance(encoder, AlphaCLIP | AlphaSigLIP):
        return TokenTower(vision=encoder.vision, processor=encoder.processor)
    if not isinstance(encoder, CLIPVisionModelWithProjection | SiglipVisionModel):
        raise PairingError(
            "Expected an AlphaCLIP or AlphaSigLIP, or a stock CLIPVisionModelWithProjection or SiglipVisionModel, got "
            f"{said(encoder)}."
        )
    check_placed(encoder)
    return TokenTower(vision=encoder, processor=_processor(encoder))


def check_placed(vision: CLIPVisionModelWithProjection | SiglipVisionModel) -> None:
    """Refuse a tower without weights to be read.

    Raises:
        PairingError: It is offloaded layer by layer.
    """
    if vision.device.type == "meta":
        raise PairingError(
            "The encoder's weights are on no device between calls, as under `enable_sequential_cpu_offload`: open one "
            "beside the pipeline (`AlphaCLIP.from_clip`, or the tower's own `from_pretrained`) and give that."
        )


def _processor(vision: CLIPVisionModelWithProjection | SiglipVisionModel) -> AlphaCLIPProcessor:
    size = typing.cast(int, vision.config.image_size)
    if isinstance(vision, CLIPVisionModelWithProjection):
        return AlphaCLIPProcessor(geometry=Geometry(size=size))
    return siglip_processor(size)
