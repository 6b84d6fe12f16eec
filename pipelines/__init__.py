"""Diffusers hosts that take a region-focused embedding."""

from gencontrol.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "HOSTS": "gencontrol.pipelines.hosts.registry",
        "Host": "gencontrol.pipelines.hosts.host",
        "Location": "gencontrol.models.location",
        "RegionEmbeds": "gencontrol.conditioning.embed",
        "StableDiffusionImageVariationPipeline": "gencontrol.pipelines.subclasses.image_variation",
        "StableUnCLIPImg2ImgPipeline": "gencontrol.pipelines.subclasses.stable_unclip",
        "StrengthSchedule": "gencontrol.conditioning.strength",
        "check_pairing": "gencontrol.pipelines.pairing",
        "open_pipeline": "gencontrol.pipelines.opening",
        "parse_schedule": "gencontrol.conditioning.strength",
        "region_embeds": "gencontrol.pipelines.embedding",
    },
)
