"""Stable Diffusion image variation: the embedding is the one token that the denoiser's cross-attention reads."""

from collections.abc import Mapping
from typing import Any

from gencontrol.pipelines.hosts.host import Host, HostFamily, SavedPipeline
from gencontrol.regions.geometry import Geometry

_PIPELINE = "StableDiffusionImageVariationPipeline"

# The image-variation model card's example and the Alpha-CLIP authors' demo; diffusers' own default is 7.5.
_GUIDANCE_SCALE = 3.0


def _recognises(saved: SavedPipeline) -> bool:
    return saved.class_name == _PIPELINE


def _embedding_width(denoiser: Mapping[str, Any]) -> int | None:
    width = denoiser.get("cross_attention_dim")
    return width if isinstance(width, int) else None


IMAGE_VARIATION = HostFamily(
    hosts=(
        Host(
            name="sd-image-variation",
            pipeline=_PIPELINE,
            checkpoint="lambdalabs/sd-image-variations-diffusers",
            encoder="ViT-L/14",
            embed_dim=768,
            enters="cross_attention",
            guidance_scale=_GUIDANCE_SCALE,
            # Its model card: "the model expects resized images without anti-aliasing. This turns out to make a big
            # difference".
            geometry=Geometry(size=224, antialias=False),
            licence="CreativeML OpenRAIL-M",
        ),
        Host(
            name="tiny",
            pipeline=_PIPELINE,
            checkpoint=None,
            encoder="the embedded 64 px ViT",
            embed_dim=None,
            enters="cross_attention",
            guidance_scale=_GUIDANCE_SCALE,
            geometry=Geometry(size=64),
            licence="CC-BY-4.0",
        ),
    ),
    recognises=_recognises,
    embedding_width=_embedding_width,
)
