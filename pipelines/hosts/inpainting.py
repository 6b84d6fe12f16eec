"""Hosts that paint into a hole: the stock inpainting and fill classes, which take references as their siblings do."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from gencontrol.pipelines.hosts.flux_adapter import FLUX_ADAPTER, FLUX_DEV, FLUX_DEV_LICENCE, FLUX_RESTRICTION
from gencontrol.pipelines.hosts.flux_redux import FLUX_REDUX
from gencontrol.pipelines.hosts.flux_reference import FLUX_KONTEXT, kontext_arguments
from gencontrol.pipelines.hosts.reference_host import PublishedWeights, ReferenceFamily, ReferenceHost
from gencontrol.pipelines.hosts.unet_adapter import UNET_ADAPTER
from gencontrol.pipelines.references.reference import Call, Encoded

_KONTEXT = "FluxKontextInpaintPipeline"

_SD15_INPAINT = PublishedWeights(
    repository="stable-diffusion-v1-5/stable-diffusion-inpainting",
    variant="fp16",
    size_mb=2740.0,
    licence="CreativeML OpenRAIL-M",
)
_SDXL_INPAINT = PublishedWeights(
    repository="diffusers/stable-diffusion-xl-1.0-inpainting-0.1",
    variant="fp16",
    size_mb=6940.0,
    licence="CreativeML OpenRAIL++-M",
)
_FILL = PublishedWeights(
    repository="black-forest-labs/FLUX.1-Fill-dev",
    size_mb=33700.0,
    licence=FLUX_DEV_LICENCE,
    restriction=FLUX_RESTRICTION,
)


def _painting(known: ReferenceHost, kind: str, base: PublishedWeights, **changes: Any) -> ReferenceHost:
    """A host in the image of its sibling; of the sibling's class a base may be saved too, which has the same parts."""
    return replace(known, pipelines=(kind,), saved_as=known.pipelines[:1], base=base, **changes)


def _kontext_arguments(host: ReferenceHost, encoded: Sequence[Encoded], call: Call) -> dict[str, Any]:
    """As of the sibling, whose `image` is the photograph here."""
    made = kontext_arguments(host, encoded, call)
    reference = made.pop("image")
    return made | {"image_reference": reference}


(_REDUX,), (_EDITOR,) = FLUX_REDUX.hosts, FLUX_KONTEXT.hosts

FLUX_FILL = ReferenceFamily(
    hosts=(
        replace(
            _painting(_REDUX, "FluxFillPipeline", _FILL, call=replace(_REDUX.call, guidance_scale=30.0)),
            name="flux-fill",
            # Its denoiser also reads the photograph and the hole, and so is another than its sibling's.
            saved_as=(),
        ),
    ),
    arguments=FLUX_REDUX.arguments,
)
"""Flux Fill, whose prompt Redux's tokens stand behind."""
KONTEXT_INPAINT = ReferenceFamily(hosts=(_painting(_EDITOR, _KONTEXT, _EDITOR.base),), arguments=_kontext_arguments)
"""Flux Kontext with a hole. Without a reference it reads the photograph, what is in the hole included."""

_UNETS = {
    "StableDiffusionPipeline": ("StableDiffusionInpaintPipeline", _SD15_INPAINT),
    "StableDiffusionXLPipeline": ("StableDiffusionXLInpaintPipeline", _SDXL_INPAINT),
}
_OF_UNETS = [
    _painting(known, *_UNETS[known.pipelines[0]]) for known in UNET_ADAPTER.hosts if known.pipelines[0] in _UNETS
]
_OF_FLUX = [
    _painting(known, "FluxInpaintPipeline", FLUX_DEV, call=replace(known.call, guidance_scale=7.0))
    for known in FLUX_ADAPTER.hosts
]

INPAINTING_HOSTS: Mapping[str, ReferenceHost] = MappingProxyType(
    {host.name: host for host in (*_OF_UNETS, *_OF_FLUX, *FLUX_FILL.hosts, *KONTEXT_INPAINT.hosts)}
)
"""Name -> record; names are those of their siblings in `REFERENCE_HOSTS`, and `flux-fill`."""


def without_reference(host: ReferenceHost) -> ReferenceHost:
    """The same for a call with a prompt alone: no adapter and no vision tower, which then are neither fetched nor read.

    A stock pipeline with an adapter in it fails without a reference.
    """
    return replace(host, takes="picture", width=None, tower=None, adapter=None)


def inpainting_arguments(host: ReferenceHost, size: tuple[int, int]) -> dict[str, Any]:
    """What a host's call needs to paint the whole hole anew, at a size of one's own.

    Args:
        host: One of `INPAINTING_HOSTS`.
        size: (height, width) in pixels.
    """
    # Some classes start from what is in the hole unless told otherwise.
    made: dict[str, Any] = {"strength": 1.0}
    if _KONTEXT in host.pipelines:
        made |= {"max_area": size[0] * size[1], "_auto_resize": False}
    return made
