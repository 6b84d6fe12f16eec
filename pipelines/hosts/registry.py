"""The hosts: diffusers pipelines whose condition is an image embedding, as records that code can read."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from transformers import CLIPVisionConfig

from gencontrol.alpha_clip.architectures import name_of, square
from gencontrol.regions.geometry import Geometry

Entry = Literal["cross_attention", "class_labels"]


@dataclass(frozen=True, kw_only=True)
class Host:
    """A kind of pipeline: the encoder it was trained with, and how an embedding becomes its condition."""

    name: str
    """What users call it."""
    pipeline: str
    """The stock diffusers class, which is also the name of the class in `gencontrol.pipelines`."""
    checkpoint: str | None
    """Hub id of the published weights."""
    encoder: str
    """Architecture of the CLIP that the denoiser was trained with, such as "ViT-L/14"."""
    embed_dim: int | None
    """Width of the embedding; None where the checkpoint's own encoder says it."""
    enters: Entry
    """`cross_attention`: one token of the denoiser's context, the embedding as it is (not normalised to length one).
    `class_labels`: whitened, noised and joined with the noise level, added to the denoiser's time embedding."""
    unconditional: Literal["zeros"] = "zeros"
    """What classifier-free guidance departs from unless there is a negative region; zeros where it enters."""
    geometry: Geometry = dataclasses.field(default_factory=Geometry)
    """How pictures are brought to the encoder."""
    licence: str
    """Of the published weights."""


_IMAGE_VARIATION = "StableDiffusionImageVariationPipeline"
_UNCLIP = "StableUnCLIPImg2ImgPipeline"

_RECORDS = (
    Host(
        name="sd-image-variation",
        pipeline=_IMAGE_VARIATION,
        checkpoint="lambdalabs/sd-image-variations-diffusers",
        encoder="ViT-L/14",
        embed_dim=768,
        enters="cross_attention",
        # Its model card: "the model expects resized images without anti-aliasing. This turns out to make a big
        # difference".
        geometry=Geometry(size=224, antialias=False),
        licence="CreativeML OpenRAIL-M",
    ),
    Host(
        name="stable-unclip-small",
        pipeline=_UNCLIP,
        checkpoint="stabilityai/stable-diffusion-2-1-unclip-small",
        encoder="ViT-L/14",
        embed_dim=768,
        enters="class_labels",
        licence="CreativeML OpenRAIL++-M",
    ),
    Host(
        # No Alpha-CLIP of this shape is published, so a mask acts through the focus strategy `attention`.
        name="stable-unclip-large",
        pipeline=_UNCLIP,
        checkpoint="stabilityai/stable-diffusion-2-1-unclip",
        encoder="ViT-H/14",
        embed_dim=1024,
        enters="class_labels",
        licence="CreativeML OpenRAIL++-M",
    ),
    Host(
        name="tiny",
        pipeline=_IMAGE_VARIATION,
        checkpoint=None,
        encoder="the embedded 64 px ViT",
        embed_dim=None,
        enters="cross_attention",
        geometry=Geometry(size=64),
        licence="CC-BY-4.0",
    ),
)

HOSTS: Mapping[str, Host] = MappingProxyType({host.name: host for host in _RECORDS})


def is_host(pipeline: str) -> bool:
    """Whether pipelines of this stock class can be a host."""
    return any(host.pipeline == pipeline for host in _RECORDS)


def host_of(pipeline: str, vision: CLIPVisionConfig) -> Host:
    """The record of a pipeline, by its class and the encoder it has.

    Args:
        pipeline: Name of a stock class for which `is_host` holds.
        vision: Configuration of its vision tower.

    Returns:
        A published host if the encoder's architecture is its own; else a record of the same class made for that
        encoder, so that models that users trained themselves work too.
    """
    kin = [host for host in _RECORDS if host.pipeline == pipeline]
    assert kin
    for host in kin:
        if host.encoder == name_of(vision) or (host.embed_dim is None and host.geometry.size == vision.image_size):
            return host
    return dataclasses.replace(
        kin[0],
        name=f"{kin[0].name} ({name_of(vision)})",
        checkpoint=None,
        encoder=name_of(vision),
        embed_dim=vision.projection_dim,
        geometry=Geometry(size=square(vision)[0]),
        licence="unknown",
    )
