"""A host that the library does not know, in one file: Stable Diffusion that reads an embedding in the place of text."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from diffusers.pipelines.stable_diffusion import pipeline_stable_diffusion as stock

from gencontrol.pipelines.hosts import Host, HostFamily, Registered, SavedPipeline
from gencontrol.pipelines.region_pipeline.base import RegionPipeline
from gencontrol.regions.geometry import Geometry


def _recognises(saved: SavedPipeline) -> bool:
    # The plain Stable Diffusion has a text encoder; only this one lacks it.
    return saved.class_name == "StableDiffusionPipeline" and saved.index["text_encoder"] == [None, None]


def _embedding_width(denoiser: Mapping[str, Any]) -> int | None:
    return denoiser.get("cross_attention_dim")


THROUGH_TEXT = HostFamily(
    hosts=(
        Host(
            name="through-text",
            pipeline="StableDiffusionPipeline",
            checkpoint=None,
            encoder="a 64 px ViT",
            embed_dim=None,
            enters="cross_attention",
            guidance_scale=4.0,
            geometry=Geometry(size=64, fit="squash"),
            licence="CC0-1.0",
        ),
    ),
    recognises=_recognises,
    embedding_width=_embedding_width,
)


class StableDiffusionPipeline(RegionPipeline, stock.StableDiffusionPipeline):
    """The stock class of that name, whose text is an embedding."""

    family: ClassVar[HostFamily] = THROUGH_TEXT
    _optional_components: ClassVar[list[str]] = [
        *stock.StableDiffusionPipeline._optional_components,
        "text_encoder",
        "tokenizer",
    ]

    @torch.no_grad()
    def __call__(self, image: Any, mask_image: Any = None, **settings: Any) -> Any:  # type: ignore[override]
        """Draw variations of one picture."""
        (embeds,) = self.encode_regions(image, mask_image)
        tokens = embeds.image_embeds[:, None]
        return super().__call__(prompt_embeds=tokens, negative_prompt_embeds=torch.zeros_like(tokens), **settings)


ENTRY = Registered(family=THROUGH_TEXT, module=__name__)
