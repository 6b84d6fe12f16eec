"""IP-Adapters of UNets: stock calls with our arguments against stock calls with pictures."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.pipelines.hosts.reference_host import ReferenceHost
from gencontrol.pipelines.hosts.reference_registry import REFERENCE_HOSTS
from gencontrol.pipelines.references.reference import RegionReference
from gencontrol.pipelines.stock_arguments import region_arguments
from gencontrol.regions import Geometry, RegionWarning
from gencontrol.regions.shapes import box_alpha

HALF = box_alpha((0, 0, 16, 32), (32, 32))
Run = Callable[..., Tensor]


def host_named(name: str, hosts: ModuleType) -> ReferenceHost:
    """A known record at the tiny width; a latent is half the output's side here."""
    known = REFERENCE_HOSTS[name]
    width = hosts.EMBED if known.takes == "embedding" else hosts.WIDTH
    return replace(known, width=width, geometry=Geometry(size=hosts.SIZE), grid=2)


@pytest.fixture(scope="module", params=["sd15-ip", "sd15-ip-plus", "sdxl-ip", "sdxl-ip-plus", "kolors-ip-plus"])
def case(request: pytest.FixtureRequest, hosts: ModuleType) -> tuple[ReferenceHost, Any, Run]:
    """A host, its pipeline, and the stock call with everything but the reference."""
    name: str = request.param
    width = hosts.GLM if "kolors" in name else hosts.CROSS
    pipe = hosts.kolors() if "kolors" in name else (hosts.sdxl if "sdxl" in name else hosts.sd15)(plus="plus" in name)
    names = ("prompt_embeds", "negative_prompt_embeds")
    text = {kind: hosts.noise(1, 7, width, seed=5 + i) for i, kind in enumerate(names)}
    if "sd15" not in name:
        pooled = ("pooled_prompt_embeds", "negative_pooled_prompt_embeds")
        text |= {kind: hosts.noise(1, width, seed=7 + i) for i, kind in enumerate(pooled)}

    def run(outputs: int = 1, seed: int = 0, **arguments: Any) -> Tensor:
        generators = [torch.Generator().manual_seed(seed + i) for i in range(outputs)]
        repeated = {key: value.repeat(outputs, *[1] * (value.ndim - 1)) for key, value in text.items()}
        base = {"num_inference_steps": 3, "output_type": "latent", "height": 32, "width": 32, "guidance_scale": 3.0}
        return pipe(generator=generators, **repeated | base | arguments).images

    return host_named(name, hosts), pipe, run


def pixels(hosts: ModuleType, pipe: Any) -> Any:
    """Our view of the picture, as stock code takes pixel values."""
    from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor

    processor = AlphaCLIPProcessor(geometry=Geometry(size=hosts.SIZE))
    return processor(hosts.picture()[None], torch.ones(1, hosts.SIZE, hosts.SIZE))[:, :3]


def test_the_whole_picture_is_the_stock_call(case, hosts: ModuleType) -> None:
    """Precomputed == on the fly, to the bit; the pair is in stock order, and without guidance there is none."""
    host, pipe, run = case
    for scale in (3.0, 1.0):
        ours = region_arguments(host, pipe.image_encoder, hosts.picture(), guided=scale > 1)
        stock = run(ip_adapter_image=pixels(hosts, pipe), guidance_scale=scale)
        assert torch.equal(run(**ours, guidance_scale=scale), stock)
        (pair,) = ours["ip_adapter_image_embeds"]
        assert list(ours) == ["ip_adapter_image_embeds"] and len(pair) == 1 + (scale > 1)


def test_a_region_moves_the_picture_and_ones_do_not(case, hosts: ModuleType) -> None:
    host, pipe, run = case
    make = lambda mask: region_arguments(host, pipe.image_encoder, hosts.picture(), mask_image=mask)  # noqa: E731
    whole, part = run(**make(None)), run(**make(HALF))
    assert hosts.difference(whole, part) > 1e-3
    everything = torch.ones(hosts.SIZE, hosts.SIZE)
    with pytest.warns(RegionWarning, match="marks the whole picture"):
        assert torch.equal(run(**make(everything)), whole)


def test_a_canvas_mask_of_ones_is_none_and_a_weight_is_a_scale(case, hosts: ModuleType) -> None:
    host, pipe, run = case
    size: dict[str, Any] = {"height": 32, "width": 32}
    make = lambda **k: region_arguments(host, pipe.image_encoder, hosts.picture(), **size, **k)  # noqa: E731
    plain = run(**make())
    with pytest.warns(RegionWarning, match="marks the whole picture"):
        ones = make(canvas_mask=torch.ones(64, 64))
    (masks,) = ones["cross_attention_kwargs"]["ip_adapter_masks"]
    assert masks.shape == (1, 1, 16, 16) and torch.equal(run(**ones), plain)
    half = run(**make(weight=0.5))
    pipe.set_ip_adapter_scale(0.5)
    assert torch.equal(half, run(**make())) and not torch.equal(half, plain)
    pipe.set_ip_adapter_scale(1.0)
    left = run(**make(canvas_mask=box_alpha((0, 0, 16, 32), (32, 32))))
    assert hosts.difference(left, plain) > 1e-3


def test_a_schedule_leaves_nothing_behind_and_serves_twice(case, hosts: ModuleType) -> None:
    host, pipe, run = case
    size: dict[str, Any] = {"height": 32, "width": 32}
    made = region_arguments(host, pipe.image_encoder, hosts.picture(), schedule="0:1 0.5:0 1:0", **size)
    first = run(**made)
    assert torch.equal(run(**made), first)

    def off(pipeline: Any, step: int, timestep: Any, tensors: Mapping[str, Any]) -> dict[str, Any]:
        pipeline.set_ip_adapter_scale(0.0)
        return {}

    plain = region_arguments(host, pipe.image_encoder, hosts.picture())
    by_hand = run(**plain, callback_on_step_end=off)
    pipe.set_ip_adapter_scale(1.0)
    assert torch.equal(first, by_hand) and hosts.difference(first, run(**plain)) > 1e-3


def test_a_reference_for_each_output_equals_single_calls(case, hosts: ModuleType) -> None:
    host, pipe, run = case
    references = [RegionReference(image=hosts.picture(seed), mask_image=HALF) for seed in (1, 2)]
    size: dict[str, Any] = {"height": 32, "width": 32}
    for scale in (3.0, 1.0):
        options: dict[str, Any] = {"guided": scale > 1, **size}
        both = region_arguments(host, pipe.image_encoder, references=references, rows=True, **options)
        together = run(outputs=2, **both, guidance_scale=scale)
        for row, reference in enumerate(references):
            alone = region_arguments(host, pipe.image_encoder, references=[reference], **options)
            single = run(seed=row, **alone, guidance_scale=scale)
            assert hosts.difference(together[row], single[0]) < 1e-4


def test_several_references_at_their_places(case, hosts: ModuleType) -> None:
    """Each acts where its canvas mask says: the other half is as if the other were alone there."""
    host, pipe, run = case
    left, right = HALF, 1 - HALF
    one = RegionReference(image=hosts.picture(1), canvas_mask=left, weight=0.7)
    two = RegionReference(image=hosts.picture(2), canvas_mask=right)
    size: dict[str, Any] = {"height": 32, "width": 32}
    made = region_arguments(host, pipe.image_encoder, references=[one, two], **size)
    (masks,) = made["cross_attention_kwargs"]["ip_adapter_masks"]
    assert masks.shape == (1, 2, 16, 16)
    torch.testing.assert_close(masks[0, 0, :, :8], torch.full((16, 8), 0.7))
    assert not masks[0, 0, :, 8:].any() and masks[0, 1, :, 8:].all() and not masks[0, 1, :, :8].any()
    assert run(**made).shape == (1, 4, 16, 16)
    together = region_arguments(host, pipe.image_encoder, references=[RegionReference(image=hosts.picture(1))] * 2)
    assert list(together) == ["ip_adapter_image_embeds"] and run(**together).shape == (1, 4, 16, 16)


def test_a_negative_region_takes_the_stock_negatives_place(case, hosts: ModuleType) -> None:
    host, pipe, _ = case
    make = lambda **k: region_arguments(host, pipe.image_encoder, hosts.picture(), mask_image=HALF, **k)  # noqa: E731
    (stock,), (away,) = (make(**k)["ip_adapter_image_embeds"] for k in ({}, {"negative_mask_image": 1 - HALF}))
    assert torch.equal(stock[1], away[1]) and not torch.equal(stock[0], away[0])
    if host.negative == "zeros":
        assert not stock[0].any()
    with pytest.raises(InputError, match="negative_mask_image: it would act on nothing without guidance"):
        make(negative_mask_image=1 - HALF, guided=False)


def test_the_callers_things_and_the_pipeline_are_as_before(case, hosts: ModuleType) -> None:
    host, pipe, run = case
    before = hosts.parameters(pipe.unet)
    tower = hosts.parameters(pipe.image_encoder)
    references = [RegionReference(image=hosts.picture(1)), RegionReference(image=hosts.picture(2), weight=0.5)]
    kept = list(references)
    run(**region_arguments(host, pipe.image_encoder, references=references, height=32, width=32))
    assert references == kept and pipe.image_encoder.config.num_channels == 3
    for module, state in ((pipe.unet, before), (pipe.image_encoder, tower)):
        assert all(torch.equal(value, state[key]) for key, value in module.state_dict().items())


def test_a_canvas_that_stock_code_may_lay_out_wrong(case, hosts: ModuleType) -> None:
    host, pipe, _ = case
    with pytest.warns(RegionWarning, match="A canvas of 40 x 32 pixels: at sides that are no multiples of 32"):
        region_arguments(
            host,
            pipe.image_encoder,
            hosts.picture(),
            canvas_mask=box_alpha((0, 0, 20, 32), (32, 40)),
            height=32,
            width=40,
        )
