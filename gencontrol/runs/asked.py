"""What a host says of itself by its configuration files, before any weight is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gencontrol.alpha_clip.architectures import square
from gencontrol.alpha_clip.model import DEFAULT_FOCUS, DefaultLook
from gencontrol.models.location import Location
from gencontrol.pipelines.components import check_weight_files
from gencontrol.pipelines.encoders import locate
from gencontrol.pipelines.hosts.host import Host
from gencontrol.pipelines.pairing import pair
from gencontrol.pipelines.shapes import encoder_config, own_encoder
from gencontrol.runs.idle import warn_of_revision
from gencontrol.runs.notation import write_focus
from gencontrol.runs.settings import VariationSettings


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A host and its encoder, found and compared."""

    model: Location
    """Where it is."""
    encoder: Location | None
    """What takes the place of its encoder; None keeps its own."""
    looks: Location
    """The encoder that makes its embeddings, one or the other."""
    host: Host
    """Its record."""
    image_size: int
    """Side of what its encoder sees, in pixels."""
    embed_dim: int
    """Width of its encoder's embeddings."""
    default_focus: DefaultLook | None
    """How its encoder looks at a region unless it is said otherwise; None leaves it to its alpha channel."""
    sampler: Mapping[str, Any]
    """Settings of its own sampler."""


def ask_host(model: str, alpha_clip: str | None, *, revision: str | None, offline: bool) -> Asked:
    """Look a host and its encoder up, and compare them by their configuration files.

    Warns with a `RunWarning` of a revision of a model that is on this machine.

    Args:
        model: Preset, folder or hub id.
        alpha_clip: What takes the place of its encoder; None is the one that the model comes with.
        revision: Branch, tag or commit of the model on its hub.
        offline: Whether only this machine is asked.

    Raises:
        CheckpointError: Nothing there, or broken.
        PairingError: A model that is no host, or an encoder that does not fit it.
    """
    warn_of_revision(model, revision)
    how = {"revision": revision, "local_files_only": offline}
    place, encoder = locate(model, alpha_clip or "auto", how)
    assert encoder is None or isinstance(encoder, Location)
    fitting = pair(place, encoder)
    check_weight_files(fitting.saved, given=() if encoder is None else (fitting.family.encoder,))
    vision = own_encoder(fitting.family, place)
    # A published checkpoint is weights alone: it says nothing of how it looks.
    sees = vision if encoder is None or Path(encoder.name).is_file() else encoder_config(encoder)
    return Asked(
        model=place,
        encoder=encoder,
        looks=replace(place, subfolder=fitting.family.encoder) if encoder is None else encoder,
        host=fitting.host,
        image_size=square(vision)[0],
        embed_dim=vision.projection_dim,
        default_focus=getattr(sees, DEFAULT_FOCUS, None),
        sampler=fitting.settings.get("scheduler", {}),
    )


def with_default_focus(settings: VariationSettings, asked: Asked) -> VariationSettings:
    """The settings with the encoder's own way of looking written out, where none is asked for: records name it.

    Raises:
        CheckpointError: The encoder's configuration names no way of looking.
    """
    if settings.focus is not None or settings.embeds_in is not None or asked.default_focus is None:
        return settings
    return replace(settings, focus=write_focus(asked.default_focus))
