"""Opening a saved host without knowing its class."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gencontrol.kinds import checked
from gencontrol.pipelines.encoders import AlphaClipSource, locate
from gencontrol.pipelines.hosts.host import read_saved
from gencontrol.pipelines.hosts.registry import REGISTRY, Registry, recognise

if TYPE_CHECKING:
    from gencontrol.pipelines.region_pipeline.base import RegionPipeline
else:
    # It brings diffusers' pipelines, which a run that is still being planned does without.
    RegionPipeline = Any


@checked
def open_pipeline(
    name_or_path: str | Path, *, alpha_clip: AlphaClipSource = "auto", registry: Registry = REGISTRY, **kwargs: Any
) -> RegionPipeline:
    """Open a saved pipeline as the class that it was saved as.

    Args:
        name_or_path: `tiny` or another preset, a folder or a hub id.
        alpha_clip: See `RegionPipeline.from_pretrained`.
        registry: The hosts that may be; those of your own, beside or in the place of gencontrol's.
        **kwargs: See `RegionPipeline.from_pretrained`.

    Raises:
        CheckpointError: Nothing there, or broken weights.
        PairingError: A pipeline that is not a host, or an encoder that does not fit it.
    """
    model, _ = locate(name_or_path, None, kwargs)
    pipeline = recognise(read_saved(model), registry).pipeline_class()
    return pipeline.from_pretrained(name_or_path, alpha_clip=alpha_clip, **kwargs)
