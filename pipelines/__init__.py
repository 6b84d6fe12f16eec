"""Diffusers hosts that take a region-focused embedding."""

from typing import TYPE_CHECKING

from gencontrol.lazy import lazy_exports

if TYPE_CHECKING:
    from gencontrol.conditioning.embed import RegionEmbeds as RegionEmbeds
    from gencontrol.conditioning.strength import StrengthSchedule as StrengthSchedule
    from gencontrol.conditioning.strength import parse_schedule as parse_schedule
    from gencontrol.models.location import Location as Location
    from gencontrol.pipelines.editing.painting import edit as edit
    from gencontrol.pipelines.editing.painting import remove as remove
    from gencontrol.pipelines.editing.stock_inpainting import edit_with as edit_with
    from gencontrol.pipelines.editing.with_host import Painted as Painted
    from gencontrol.pipelines.editing.with_host import paint_with_host as paint_with_host
    from gencontrol.pipelines.editing.with_host import remove_with_host as remove_with_host
    from gencontrol.pipelines.embedding import region_embeds as region_embeds
    from gencontrol.pipelines.hosts.host import Host as Host
    from gencontrol.pipelines.hosts.image_variation_pipeline import (
        StableDiffusionImageVariationPipeline as StableDiffusionImageVariationPipeline,
    )
    from gencontrol.pipelines.hosts.inpainting import INPAINTING_HOSTS as INPAINTING_HOSTS
    from gencontrol.pipelines.hosts.inpainting import without_reference as without_reference
    from gencontrol.pipelines.hosts.reference_host import ReferenceHost as ReferenceHost
    from gencontrol.pipelines.hosts.reference_registry import REFERENCE_HOSTS as REFERENCE_HOSTS
    from gencontrol.pipelines.hosts.registry import HOSTS as HOSTS
    from gencontrol.pipelines.hosts.stable_unclip_pipeline import (
        StableUnCLIPImg2ImgPipeline as StableUnCLIPImg2ImgPipeline,
    )
    from gencontrol.pipelines.opening import open_pipeline as open_pipeline
    from gencontrol.pipelines.pairing import check_pairing as check_pairing
    from gencontrol.pipelines.references.adapters import merged_arguments as merged_arguments
    from gencontrol.pipelines.references.reference import RegionReference as RegionReference
    from gencontrol.pipelines.stock.drawing import draw_references as draw_references
    from gencontrol.pipelines.stock.opening import OpenedHost as OpenedHost
    from gencontrol.pipelines.stock.opening import open_reference_host as open_reference_host
    from gencontrol.pipelines.stock.opening import unload_adapter as unload_adapter
    from gencontrol.pipelines.stock.region_block import RegionImageEmbed as RegionImageEmbed
    from gencontrol.pipelines.stock.region_block import save_region_block as save_region_block
    from gencontrol.pipelines.stock.saving import save_pipeline as save_pipeline
    from gencontrol.pipelines.stock.wanted import Drawing as Drawing
    from gencontrol.pipelines.stock_arguments import region_arguments as region_arguments
else:
    __getattr__, __dir__, __all__ = lazy_exports(
        __name__,
        {
            "Drawing": "gencontrol.pipelines.stock.wanted",
            "HOSTS": "gencontrol.pipelines.hosts.registry",
            "Host": "gencontrol.pipelines.hosts.host",
            "INPAINTING_HOSTS": "gencontrol.pipelines.hosts.inpainting",
            "Location": "gencontrol.models.location",
            "OpenedHost": "gencontrol.pipelines.stock.opening",
            "Painted": "gencontrol.pipelines.editing.with_host",
            "REFERENCE_HOSTS": "gencontrol.pipelines.hosts.reference_registry",
            "ReferenceHost": "gencontrol.pipelines.hosts.reference_host",
            "RegionEmbeds": "gencontrol.conditioning.embed",
            "RegionImageEmbed": "gencontrol.pipelines.stock.region_block",
            "RegionReference": "gencontrol.pipelines.references.reference",
            "StableDiffusionImageVariationPipeline": "gencontrol.pipelines.hosts.image_variation_pipeline",
            "StableUnCLIPImg2ImgPipeline": "gencontrol.pipelines.hosts.stable_unclip_pipeline",
            "StrengthSchedule": "gencontrol.conditioning.strength",
            "check_pairing": "gencontrol.pipelines.pairing",
            "draw_references": "gencontrol.pipelines.stock.drawing",
            "edit": "gencontrol.pipelines.editing.painting",
            "edit_with": "gencontrol.pipelines.editing.stock_inpainting",
            "merged_arguments": "gencontrol.pipelines.references.adapters",
            "open_pipeline": "gencontrol.pipelines.opening",
            "open_reference_host": "gencontrol.pipelines.stock.opening",
            "paint_with_host": "gencontrol.pipelines.editing.with_host",
            "parse_schedule": "gencontrol.conditioning.strength",
            "remove": "gencontrol.pipelines.editing.painting",
            "remove_with_host": "gencontrol.pipelines.editing.with_host",
            "region_arguments": "gencontrol.pipelines.stock_arguments",
            "region_embeds": "gencontrol.pipelines.embedding",
            "save_pipeline": "gencontrol.pipelines.stock.saving",
            "save_region_block": "gencontrol.pipelines.stock.region_block",
            "unload_adapter": "gencontrol.pipelines.stock.opening",
            "without_reference": "gencontrol.pipelines.hosts.inpainting",
        },
    )
