"""IP-Adapters of UNets, Stable Diffusion 1.5, SDXL and Kolors: a second cross-attention beside the text's."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from gencontrol.pipelines.hosts.reference_host import PublishedWeights, ReferenceFamily, ReferenceHost, StockCall
from gencontrol.pipelines.references.canvas import adapter_masks, output_size, warn_of_grid
from gencontrol.pipelines.references.reference import Call, Encoded
from gencontrol.pipelines.references.steps import changing
from gencontrol.regions.geometry import Geometry


def arguments(host: ReferenceHost, encoded: Sequence[Encoded], call: Call) -> dict[str, Any]:
    """`ip_adapter_image_embeds`, and `cross_attention_kwargs` where a reference is weighed, placed or chosen by masks.

    Without masks, several references share one softmax; with any, their attentions are added up, each times its map.
    """
    made: dict[str, Any] = {"ip_adapter_image_embeds": [condition(encoded, guided=call.guided)]}
    if all(reference.is_plain for reference in encoded) and not (call.rows and len(encoded) > 1):
        return made
    size = output_size(call, multiple=host.grid, why="weights and canvas masks are maps of it")
    if any(reference.canvas is not None for reference in encoded):
        warn_of_grid(size)

    def masks(fraction: float) -> list[Tensor]:
        return [adapter_masks(encoded, call, cell=host.grid, fraction=fraction).to(encoded[0].condition)]

    made["cross_attention_kwargs"] = {"ip_adapter_masks": masks(0.0)}
    if not all(reference.course.is_constant for reference in encoded):
        made["callback_on_step_end"] = changing(made["cross_attention_kwargs"], "ip_adapter_masks", masks)
    return made


def condition(encoded: Sequence[Encoded], *, guided: bool) -> Tensor:
    """The images of one adapter, (1, n, ...); under guidance (2, n, ...), the negative half first."""
    halves = [torch.cat([e.condition for e in encoded])]
    if guided:
        halves.insert(0, torch.cat([e.nothing for e in encoded]))
    return torch.stack(halves)


_SD15 = PublishedWeights(
    repository="stable-diffusion-v1-5/stable-diffusion-v1-5",
    variant="fp16",
    size_mb=2740.0,
    licence="CreativeML OpenRAIL-M",
)
_SDXL = PublishedWeights(
    repository="stabilityai/stable-diffusion-xl-base-1.0",
    variant="fp16",
    size_mb=6940.0,
    licence="CreativeML OpenRAIL++-M",
)
_H94 = partial(PublishedWeights, repository="h94/IP-Adapter", licence="Apache-2.0")
_VIT_H = _H94(encoder_folder="models/image_encoder", size_mb=2530.0)
_BIG_G = _H94(encoder_folder="sdxl_models/image_encoder", size_mb=3690.0)
_KOLORS = partial(
    PublishedWeights,
    repository="Kwai-Kolors/Kolors-IP-Adapter-Plus",
    encoder_folder="image_encoder",
    # The main branch has pickles only.
    revision="refs/pr/4",
    licence="Apache-2.0",
)
# IP-Adapters are loaded into every class that has `IPAdapterMixin`; these are the ones that gencontrol names.
_SD15_CLASSES = (
    "StableDiffusionPipeline",
    "StableDiffusionImg2ImgPipeline",
    "StableDiffusionInpaintPipeline",
    "StableDiffusionControlNetPipeline",
)
_SDXL_CLASSES = (
    "StableDiffusionXLPipeline",
    "StableDiffusionXLImg2ImgPipeline",
    "StableDiffusionXLInpaintPipeline",
    "StableDiffusionXLControlNetPipeline",
)

_SD15_BASE = ReferenceHost(
    name="sd15-ip",
    pipelines=_SD15_CLASSES,
    encoder="ViT-H/14",
    takes="embedding",
    width=1024,
    negative="zeros",
    canvas_masks=True,
    weights=True,
    schedules=True,
    several=True,
    rows="masks",
    tower=_VIT_H,
    adapter=_H94(file="models/ip-adapter_sd15.safetensors", encoder_folder="models/image_encoder", size_mb=44.6),
    base=_SD15,
)
_SDXL_BASE = replace(
    _SD15_BASE,
    name="sdxl-ip",
    pipelines=_SDXL_CLASSES,
    encoder="ViT-bigG/14",
    width=1280,
    call=StockCall(guidance_scale=5.0),
    tower=_BIG_G,
    adapter=_H94(
        file="sdxl_models/ip-adapter_sdxl.safetensors", encoder_folder="sdxl_models/image_encoder", size_mb=703.0
    ),
    base=_SDXL,
)
_SDXL_PLUS = replace(
    _SDXL_BASE,
    name="sdxl-ip-plus",
    encoder="ViT-H/14",
    takes="penultimate",
    width=1280,
    negative="zero_pixels",
    tower=_VIT_H,
    proven="shape",
    # Its own folder holds a bigG, which diffusers would take.
    adapter=_H94(
        file="sdxl_models/ip-adapter-plus_sdxl_vit-h.safetensors",
        encoder_folder="models/image_encoder",
        size_mb=848.0,
    ),
)

UNET_ADAPTER = ReferenceFamily(
    hosts=(
        _SD15_BASE,
        replace(
            _SD15_BASE,
            name="sd15-ip-plus",
            takes="penultimate",
            width=1280,
            negative="zero_pixels",
            proven="shape",
            adapter=_H94(
                file="models/ip-adapter-plus_sd15.safetensors", encoder_folder="models/image_encoder", size_mb=98.2
            ),
        ),
        _SDXL_BASE,
        replace(
            _SDXL_BASE,
            name="sdxl-ip-vit-h",
            encoder="ViT-H/14",
            width=1024,
            tower=_VIT_H,
            adapter=_H94(
                file="sdxl_models/ip-adapter_sdxl_vit-h.safetensors",
                encoder_folder="models/image_encoder",
                size_mb=698.0,
            ),
        ),
        _SDXL_PLUS,
        replace(
            _SDXL_PLUS,
            name="kolors-ip-plus",
            proven="small",
            pipelines=("KolorsPipeline", "KolorsImg2ImgPipeline"),
            encoder="ViT-L/14@336",
            width=1024,
            geometry=Geometry(size=336),
            tower=_KOLORS(size_mb=1710.0),
            adapter=_KOLORS(file="ip_adapter_plus_general.safetensors", size_mb=1010.0),
            base=PublishedWeights(
                repository="Kwai-Kolors/Kolors-diffusers",
                variant="fp16",
                size_mb=17900.0,
                licence="Kolors model licence",
                restriction="commercial use of Kolors needs a registration with its authors",
            ),
        ),
    ),
    arguments=arguments,
)
