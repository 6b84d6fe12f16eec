"""Diffusers hosts that take a region-focused embedding."""

from gencontrol.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "HOSTS": "gencontrol.pipelines.hosts",
        "Host": "gencontrol.pipelines.hosts",
        "Location": "gencontrol.pipelines.pairing",
        "RegionEmbeds": "gencontrol.pipelines.embeds",
        "StableDiffusionImageVariationPipeline": "gencontrol.pipelines.image_variation",
        "StableUnCLIPImg2ImgPipeline": "gencontrol.pipelines.stable_unclip",
        "StrengthSchedule": "gencontrol.pipelines.strength",
        "check_pairing": "gencontrol.pipelines.pairing",
        "open_pipeline": "gencontrol.pipelines.select",
        "parse_schedule": "gencontrol.pipelines.strength",
        "region_embeds": "gencontrol.pipelines.embeds",
    },
)
