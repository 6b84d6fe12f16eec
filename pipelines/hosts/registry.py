"""The hosts that are known: a new one is a file beside this one, and a line in `REGISTRY`.

Where its stock class lacks an argument, a pipeline class of our own lies beside the file, as `NAME_pipeline.py`, and
is named in `gencontrol.pipelines`: records are read by every command, and diffusers' pipelines load slowly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any

from transformers import CLIPVisionConfig

from gencontrol.errors import PairingError
from gencontrol.pipelines.hosts.host import Host, HostFamily, SavedPipeline
from gencontrol.pipelines.hosts.image_variation import IMAGE_VARIATION
from gencontrol.pipelines.hosts.stable_unclip import STABLE_UNCLIP


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A kind of host, and where its pipeline class is: named only, since diffusers' pipelines load slowly."""

    family: HostFamily
    """What its file says."""
    module: str
    """Full name of the module that defines the class."""

    def pipeline_class(self) -> Any:
        """The pipeline class, loaded now."""
        return getattr(import_module(self.module), self.family.pipeline)


Registry = tuple[Registered, ...]
"""Kinds of hosts, asked in this order whether a saved pipeline is theirs."""

REGISTRY: Registry = (
    Registered(family=IMAGE_VARIATION, module="gencontrol.pipelines.hosts.image_variation_pipeline"),
    Registered(family=STABLE_UNCLIP, module="gencontrol.pipelines.hosts.stable_unclip_pipeline"),
)


def hosts_in(registry: Registry) -> Mapping[str, Host]:
    """Name -> record of every known checkpoint."""
    return MappingProxyType({host.name: host for entry in registry for host in entry.family.hosts})


HOSTS = hosts_in(REGISTRY)
"""Name -> record."""


def recognise(saved: SavedPipeline, registry: Registry = REGISTRY) -> Registered:
    """The kind of host that a saved pipeline is.

    Args:
        saved: What the pipeline says of itself.
        registry: Whom to ask.

    Raises:
        PairingError: None of them; says which there are.
    """
    for entry in registry:
        if entry.family.recognises(saved):
            return entry
    known = ", ".join(sorted({entry.family.pipeline for entry in registry}))
    if not saved.class_name:
        raise PairingError(
            f"{saved.location.name}: model_index.json names no `_class_name`, so its kind is not known; expected one "
            f"of {known}."
        )
    raise PairingError(
        f"{saved.location.name} is a {saved.class_name}, which takes no image embedding here; expected one of {known}."
    )


def is_host(pipeline: str) -> bool:
    """Whether pipelines of this stock class can be a host."""
    return any(entry.family.pipeline == pipeline for entry in REGISTRY)


def host_of(pipeline: str, vision: CLIPVisionConfig) -> Host:
    """The record of a pipeline, by its class and the encoder it has; see `HostFamily.host_of`.

    Args:
        pipeline: Name of a stock class for which `is_host` holds.
        vision: Configuration of its vision tower.
    """
    family = next(entry.family for entry in REGISTRY if entry.family.pipeline == pipeline)
    return family.host_of(vision)
