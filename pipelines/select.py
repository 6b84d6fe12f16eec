"""Opening a host without knowing its class."""

from pathlib import Path
from typing import Any

from gencontrol.pipelines.hosts.image_variation import StableDiffusionImageVariationPipeline
from gencontrol.pipelines.hosts.stable_unclip import StableUnCLIPImg2ImgPipeline
from gencontrol.pipelines.opening import AlphaClipSource, locate
from gencontrol.pipelines.pairing import check_pairing
from gencontrol.pipelines.region_pipeline import RegionPipeline

_CLASSES: tuple[type[RegionPipeline], ...] = (StableDiffusionImageVariationPipeline, StableUnCLIPImg2ImgPipeline)


def open_pipeline(name_or_path: str | Path, *, alpha_clip: AlphaClipSource = "auto", **kwargs: Any) -> RegionPipeline:
    """Open a saved pipeline as the class that it was saved as.

    Args:
        name_or_path: `tiny` or another preset, a folder or a hub id.
        alpha_clip: See `RegionPipeline.from_pretrained`.
        **kwargs: See `RegionPipeline.from_pretrained`.

    Raises:
        CheckpointError: Nothing there, or broken weights.
        PairingError: A pipeline that is not a host, or an encoder that does not fit it.
    """
    model, _ = locate(name_or_path, None, kwargs)
    wanted = check_pairing(model).pipeline
    pipeline = {known.__name__: known for known in _CLASSES}[wanted]
    return pipeline.from_pretrained(name_or_path, alpha_clip=alpha_clip, **kwargs)
