"""The IP-Adapter of Stable Diffusion 3.5: SigLIP's tokens, as one tensor instead of a list."""

from collections.abc import Sequence
from typing import Any

import torch

from gencontrol.pipelines.hosts.reference_host import PublishedWeights, ReferenceFamily, ReferenceHost, StockCall
from gencontrol.pipelines.references.reference import Call, Encoded
from gencontrol.regions.geometry import Geometry


def arguments(host: ReferenceHost, encoded: Sequence[Encoded], call: Call) -> dict[str, Any]:
    """`ip_adapter_image_embeds`, (1, t, d); under guidance (2, t, d), the negative half first.

    The adapter starts at a scale of 0.5; `pipe.set_ip_adapter_scale` is the only way to another.
    """
    (reference,) = encoded
    halves = [reference.nothing, reference.condition] if call.guided else [reference.condition]
    return {"ip_adapter_image_embeds": torch.cat(halves)}


_LICENCE = "Stability AI Community"
_RESTRICTION = "the Stability AI Community licence bounds commercial use by revenue"

SD3_ADAPTER = ReferenceFamily(
    hosts=(
        ReferenceHost(
            name="sd35-ip",
            pipelines=("StableDiffusion3Pipeline", "StableDiffusion3Img2ImgPipeline"),
            encoder="SigLIP so400m/14@384",
            siglip=True,
            takes="penultimate",
            width=1152,
            negative="zeros",
            geometry=Geometry(size=384, fit="squash"),
            grid=16,
            rows="loop",
            call=StockCall(guidance_scale=7.0, repeats=False, multiple=16),
            half="bfloat16",
            tower=PublishedWeights(repository="google/siglip-so400m-patch14-384", size_mb=3510.0, licence="Apache-2.0"),
            adapter=PublishedWeights(
                repository="InstantX/SD3.5-Large-IP-Adapter",
                file="ip-adapter_diffusers.safetensors",
                size_mb=1600.0,
                licence=_LICENCE,
                restriction=_RESTRICTION,
            ),
            base=PublishedWeights(
                repository="stabilityai/stable-diffusion-3.5-large",
                size_mb=27400.0,
                licence=_LICENCE,
                restriction=_RESTRICTION,
            ),
        ),
    ),
    arguments=arguments,
)
