"""Hosts that paint into holes: records, and that each stock class takes what is made for it."""

import inspect
from importlib import import_module
from typing import Any

import pytest

from gencontrol.errors import ConfigError
from gencontrol.pipelines import INPAINTING_HOSTS, REFERENCE_HOSTS, Drawing, ReferenceHost, without_reference
from gencontrol.pipelines.hosts.inpainting import inpainting_arguments
from gencontrol.pipelines.hosts.reference_registry import family_of
from gencontrol.pipelines.stock import fitting
from gencontrol.pipelines.stock.drawing import stock_settings

diffusers: Any = import_module("diffusers")

KINDS = {
    "sd15-ip": "StableDiffusionInpaintPipeline",
    "sd15-ip-plus": "StableDiffusionInpaintPipeline",
    "sdxl-ip": "StableDiffusionXLInpaintPipeline",
    "sdxl-ip-vit-h": "StableDiffusionXLInpaintPipeline",
    "sdxl-ip-plus": "StableDiffusionXLInpaintPipeline",
    "flux-ip": "FluxInpaintPipeline",
    "flux-ip-v2": "FluxInpaintPipeline",
    "flux-fill": "FluxFillPipeline",
    "flux-kontext": "FluxKontextInpaintPipeline",
}


def sibling(host: ReferenceHost) -> ReferenceHost:
    return REFERENCE_HOSTS["flux-redux" if host.name == "flux-fill" else host.name]


def test_the_hosts() -> None:
    assert {name: host.pipelines[0] for name, host in INPAINTING_HOSTS.items()} == KINDS
    assert all(name == host.name for name, host in INPAINTING_HOSTS.items())


@pytest.mark.parametrize("name", KINDS)
def test_a_host_is_its_sibling_but_for_base_class_and_guidance(name: str) -> None:
    host, known = INPAINTING_HOSTS[name], sibling(INPAINTING_HOSTS[name])
    for field in ("takes", "width", "negative", "geometry", "grid", "tower", "adapter", "half", "encoder"):
        assert getattr(host, field) == getattr(known, field), field
    assert host.saved_as == (() if name == "flux-fill" else known.pipelines[:1])
    own = {"flux-kontext": 2.5}
    parameters = inspect.signature(getattr(diffusers, KINDS[name]).__call__).parameters
    expected = own.get(name, known.call.guidance_scale)
    if name.startswith("flux-ip") or name == "flux-fill":
        expected = parameters["guidance_scale"].default
    assert host.call.guidance_scale == expected


@pytest.mark.parametrize("name", KINDS)
def test_every_stock_call_takes_the_settings(name: str) -> None:
    host = INPAINTING_HOSTS[name]
    text: dict[str, Any] = {"negative_prompt": "x"} if host.call.negative_prompt else {}
    text |= {"true_guidance": 2.0} if host.call.true_guidance else {}
    made = stock_settings(without_reference(host), Drawing(prompt="a cup", **text), (64, 64))
    made |= inpainting_arguments(host, (64, 48))
    parameters = inspect.signature(getattr(diffusers, KINDS[name]).__call__).parameters
    assert made.keys() | {"image", "mask_image", "generator", "output_type"} <= parameters.keys()
    assert made["strength"] == 1.0 and made["prompt"] == "a cup"
    if name == "flux-kontext":
        assert made["max_area"] == 64 * 48 and made["_auto_resize"] is False
    else:
        assert "max_area" not in made


def test_entries_are_those_of_the_kind() -> None:
    assert family_of(INPAINTING_HOSTS["flux-kontext"]) is not family_of(REFERENCE_HOSTS["flux-kontext"])
    assert family_of(REFERENCE_HOSTS["flux-kontext"]).hosts == (REFERENCE_HOSTS["flux-kontext"],)
    for name in ("sd15-ip-plus", "sdxl-ip", "flux-ip"):
        assert family_of(INPAINTING_HOSTS[name]) is family_of(REFERENCE_HOSTS[name])
    assert family_of(INPAINTING_HOSTS["flux-fill"]).arguments is family_of(REFERENCE_HOSTS["flux-redux"]).arguments


def test_without_a_reference_nothing_of_it_is_needed() -> None:
    for host in INPAINTING_HOSTS.values():
        bare = without_reference(host)
        assert (bare.adapter, bare.tower, bare.width, bare.base) == (None, None, None, host.base)
    with pytest.raises(ConfigError, match="no kind of host here"):
        family_of(without_reference(INPAINTING_HOSTS["sd15-ip"]))


def test_terms_of_what_is_restricted() -> None:
    for name, host in INPAINTING_HOSTS.items():
        assert bool(host.base.restriction) == name.startswith("flux")
        assert host.base.size_mb is not None and host.base.licence


@pytest.mark.parametrize(
    ("kind", "latents", "expected"),
    [
        ("StableDiffusionPipeline", 4, (4,)),
        ("StableDiffusionXLPipeline", 4, (4,)),
        ("KolorsPipeline", 4, (4,)),
        ("StableDiffusionInpaintPipeline", 4, (4, 9)),
        ("StableDiffusionXLInpaintPipeline", 4, (4, 9)),
        ("FluxPipeline", 16, (64,)),
        ("FluxInpaintPipeline", 16, (64,)),
        ("FluxKontextInpaintPipeline", 16, (64,)),
        ("FluxFillPipeline", 16, (384,)),
        ("Flux2KleinPipeline", 32, ()),
        ("StableDiffusion3Pipeline", 16, ()),
        ("KandinskyV22Pipeline", 4, ()),
    ],
)
def test_channels_at_the_published_shapes(kind: str, latents: int, expected: tuple[int, ...]) -> None:
    assert fitting._channels(kind, latents, 8) == expected
