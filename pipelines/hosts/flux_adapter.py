"""The IP-Adapter of Flux by XLabs: one embedding, negatives as an argument of their own."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gencontrol.pipelines.hosts.reference_host import PublishedWeights, ReferenceFamily, ReferenceHost, StockCall
from gencontrol.pipelines.hosts.unet_adapter import condition
from gencontrol.pipelines.references.reference import Call, Encoded


def arguments(host: ReferenceHost, encoded: Sequence[Encoded], call: Call) -> dict[str, Any]:
    """`ip_adapter_image_embeds` and its negative, (1, n, d) each.

    The negative is given even where nothing reads it: without one, stock code encodes a black picture, and so needs an
    encoder in the pipeline.
    """
    pair = condition(encoded, guided=True)
    return {"ip_adapter_image_embeds": [pair[1:]], "negative_ip_adapter_image_embeds": [pair[:1]]}


FLUX_DEV_LICENCE = "FLUX.1 [dev] non-commercial"
FLUX_RESTRICTION = "FLUX.1 [dev] is for non-commercial use"
FLUX_DEV = PublishedWeights(
    repository="black-forest-labs/FLUX.1-dev",
    size_mb=33700.0,
    licence=FLUX_DEV_LICENCE,
    restriction=FLUX_RESTRICTION,
)

FLUX_CALL = StockCall(guidance_scale=3.5, distilled=True, true_guidance=True, side=1024, multiple=16)

_V1 = ReferenceHost(
    name="flux-ip",
    pipelines=("FluxPipeline", "FluxImg2ImgPipeline", "FluxInpaintPipeline", "FluxControlNetPipeline"),
    encoder="ViT-L/14",
    takes="embedding",
    width=768,
    negative="black",
    grid=16,
    several=True,
    rows="loop",
    call=FLUX_CALL,
    proven="widths",
    half="bfloat16",
    tower=PublishedWeights(repository="openai/clip-vit-large-patch14", size_mb=1710.0, licence="MIT"),
    adapter=PublishedWeights(
        repository="XLabs-AI/flux-ip-adapter",
        file="ip_adapter.safetensors",
        size_mb=982.0,
        licence=FLUX_DEV_LICENCE,
        restriction=FLUX_RESTRICTION,
    ),
    base=FLUX_DEV,
)

FLUX_ADAPTER = ReferenceFamily(
    hosts=(
        _V1,
        replace(
            _V1,
            name="flux-ip-v2",
            proven="small",
            adapter=PublishedWeights(
                repository="XLabs-AI/flux-ip-adapter-v2",
                file="ip_adapter.safetensors",
                size_mb=1060.0,
                licence="Apache-2.0 by its tag",
                restriction=FLUX_RESTRICTION,
            ),
        ),
    ),
    arguments=arguments,
)
