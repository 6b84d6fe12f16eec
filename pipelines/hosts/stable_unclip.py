"""Stable unCLIP: the embedding is noised, and added to the denoiser's time embedding as class labels are."""

from collections.abc import Mapping
from typing import Any

from gencontrol.pipelines.hosts.host import Host, HostFamily, SavedPipeline

_PIPELINE = "StableUnCLIPImg2ImgPipeline"

# The default of diffusers' StableUnCLIPImg2ImgPipeline.
_GUIDANCE_SCALE = 10.0


def _recognises(saved: SavedPipeline) -> bool:
    return saved.class_name == _PIPELINE


def _embedding_width(denoiser: Mapping[str, Any]) -> int | None:
    labels = denoiser.get("projection_class_embeddings_input_dim")
    # Half of the labels is the embedding, the other half says how noisy it is.
    return labels // 2 if isinstance(labels, int) else None


STABLE_UNCLIP = HostFamily(
    hosts=(
        Host(
            name="stable-unclip-small",
            pipeline=_PIPELINE,
            checkpoint="stabilityai/stable-diffusion-2-1-unclip-small",
            encoder="ViT-L/14",
            embed_dim=768,
            enters="class_labels",
            guidance_scale=_GUIDANCE_SCALE,
            licence="CreativeML OpenRAIL++-M",
        ),
        Host(
            # No Alpha-CLIP of this shape is published, so a mask acts through the focus strategy `attention`.
            name="stable-unclip-large",
            pipeline=_PIPELINE,
            checkpoint="stabilityai/stable-diffusion-2-1-unclip",
            encoder="ViT-H/14",
            embed_dim=1024,
            enters="class_labels",
            guidance_scale=_GUIDANCE_SCALE,
            licence="CreativeML OpenRAIL++-M",
        ),
    ),
    recognises=_recognises,
    embedding_width=_embedding_width,
)
