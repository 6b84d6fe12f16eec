"""Whether a host and an encoder fit, judged before any weight is loaded; of every host that is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.weights.published import check_published, read_published
from gencontrol.kinds import checked
from gencontrol.models.location import Location
from gencontrol.pipelines.components import check_components
from gencontrol.pipelines.encoders import is_file
from gencontrol.pipelines.hosts.host import Host, HostFamily, SavedPipeline, read_saved
from gencontrol.pipelines.hosts.registry import REGISTRY, Registry, recognise
from gencontrol.pipelines.shapes import compare, own_encoder


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A host and an encoder that fit."""

    host: Host
    """The host's record."""
    family: HostFamily
    """Its kind."""
    saved: SavedPipeline
    """The host as it was saved."""
    settings: Mapping[str, Mapping[str, Any]]
    """What diffusers' components were saved with, by component."""


@checked
def check_pairing(
    model: Location, alpha_clip: Location | AlphaCLIP | None = None, *, registry: Registry = REGISTRY
) -> Host:
    """Read the configurations of a host and of an encoder and compare them.

    Args:
        model: A saved pipeline.
        alpha_clip: The encoder to put into it; None is the pipeline's own. A published checkpoint says nothing of its
            shape outside, so its keys are looked at.
        registry: The hosts that may be.

    Returns:
        The record of the host.

    Raises:
        CheckpointError: Nothing there, or not a saved pipeline, or not a CLIP, or a checkpoint that is no tower of the
            host's shape.
        PairingError: A pipeline that is not a host, or an encoder other than the one its denoiser was trained with.
    """
    return pair(model, alpha_clip, registry=registry).host


def pair(model: Location, alpha_clip: Location | AlphaCLIP | None = None, *, registry: Registry = REGISTRY) -> Pair:
    """What `check_pairing` reads, for whoever needs more of it than the record.

    Args:
        model: See `check_pairing`.
        alpha_clip: See `check_pairing`.
        registry: See `check_pairing`.

    Raises:
        CheckpointError: See `check_pairing`.
        PairingError: See `check_pairing`.
    """
    saved = read_saved(model)
    family = recognise(saved, registry).family
    settings = check_components(saved)
    if not is_file(alpha_clip):
        return Pair(host=compare(family, saved, alpha_clip), family=family, saved=saved, settings=settings)
    host, path = compare(family, saved), Path(alpha_clip.name)
    check_published(read_published(path, mmap=True), own_encoder(family, model), source=str(path))
    return Pair(host=host, family=family, saved=saved, settings=settings)
