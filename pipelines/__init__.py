"""Diffusers hosts that take a region-focused embedding."""

from gencontrol.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "HOSTS": "gencontrol.pipelines.hosts.registry",
        "Host": "gencontrol.pipelines.hosts.registry",
        "Location": "gencontrol.models.location",
        "RegionEmbeds": "gencontrol.conditioning.embed",
        "StableDiffusionImageVariationPipeline": "gencontrol.pipelines.hosts.image_variation",
        "StableUnCLIPImg2ImgPipeline": "gencontrol.pipelines.hosts.stable_unclip",
        "StrengthSchedule": "gencontrol.conditioning.strength",
        "check_pairing": "gencontrol.pipelines.pairing",
        "open_pipeline": "gencontrol.pipelines.select",
        "parse_schedule": "gencontrol.conditioning.strength",
        "region_embeds": "gencontrol.pipelines.embeds",
    },
)
