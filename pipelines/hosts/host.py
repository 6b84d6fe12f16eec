"""What a host is: the records that each file of this folder fills in, and how a saved pipeline is read."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from transformers import CLIPVisionConfig

from gencontrol.alpha_clip.architectures import name_of, square
from gencontrol.errors import CheckpointError
from gencontrol.models.location import Location, absence
from gencontrol.regions.geometry import Geometry

Entry = Literal["cross_attention", "class_labels"]


@dataclass(frozen=True, kw_only=True)
class Host:
    """A pipeline that takes an image embedding: the encoder it was trained with, and how an embedding enters."""

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
    guidance_scale: float
    """Weight of classifier-free guidance that suits it, for callers who name none; the classes keep the stock one."""
    geometry: Geometry = dataclasses.field(default_factory=Geometry)
    """How pictures are brought to the encoder."""
    licence: str
    """Of the published weights."""


@dataclass(frozen=True, kw_only=True)
class SavedPipeline:
    """A saved pipeline, known by its files of settings."""

    location: Location
    """Where it is."""
    index: Mapping[str, Any]
    """Its model_index.json."""

    @property
    def class_name(self) -> str:
        """The diffusers class that it was saved as; "" where it does not say."""
        return self.index.get("_class_name", "")


@dataclass(frozen=True, kw_only=True)
class HostFamily:
    """What one file of this folder says: a kind of pipeline, and the checkpoints of that kind."""

    hosts: tuple[Host, ...]
    """Known checkpoints of one class; with any other encoder, a record is made in the image of the first."""
    recognises: Callable[[SavedPipeline], bool]
    """Whether a saved pipeline is of this kind."""
    embedding_width: Callable[[Mapping[str, Any]], int | None]
    """The width of the embeddings that a denoiser takes, by its configuration; None if that does not say."""
    denoiser: str = "unet"
    """Name of the denoiser among the components, and of its folder."""
    encoder: str = "image_encoder"
    """Name of the vision tower among the components, and of its folder."""

    @property
    def pipeline(self) -> str:
        """The stock class."""
        return self.hosts[0].pipeline

    def host_of(self, vision: CLIPVisionConfig) -> Host:
        """The record of a pipeline of this kind, by the encoder it has.

        Args:
            vision: Configuration of its vision tower.

        Returns:
            A known host if the encoder's architecture is its own; else a record of the same kind made for that encoder,
            so that models that users trained themselves work too.
        """
        for host in self.hosts:
            if host.encoder == name_of(vision) or (host.embed_dim is None and host.geometry.size == vision.image_size):
                return host
        return dataclasses.replace(
            self.hosts[0],
            name=f"{self.hosts[0].name} ({name_of(vision)})",
            checkpoint=None,
            encoder=name_of(vision),
            embed_dim=vision.projection_dim,
            geometry=Geometry(size=square(vision)[0]),
            licence="unknown",
        )


def read_saved(location: Location) -> SavedPipeline:
    """Read what a saved pipeline says it is.

    Raises:
        CheckpointError: Nothing there, or not a saved pipeline.
    """
    if Path(location.name).is_file():
        raise CheckpointError(
            f"{location.name} is a file: expected a preset, a hub id or the folder of a pipeline saved by diffusers. A "
            "checkpoint of an encoder is given as `alpha_clip`."
        )
    index = location.read("model_index.json")
    if index is None:
        where = absence(location)
        raise CheckpointError(
            f"{location.name} has no model_index.json{where}: expected a pipeline saved by diffusers."
        )
    return SavedPipeline(location=location, index=index)
