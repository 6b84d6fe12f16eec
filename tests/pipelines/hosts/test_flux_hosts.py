"""Flux and its kin: XLabs' adapter, Redux, Kontext and FLUX.2, through public arguments of stock calls."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gencontrol.errors import InputError, PairingError
from gencontrol.pipelines.hosts.reference_registry import REFERENCE_HOSTS
from gencontrol.pipelines.references.reference import RegionReference
from gencontrol.pipelines.stock_arguments import region_arguments
from gencontrol.regions import Geometry
from gencontrol.regions.shapes import box_alpha

diffusers: Any = import_module("diffusers")

LEFT = box_alpha((0, 0, 16, 32), (32, 32))
SIZE: dict[str, Any] = {"height": 8, "width": 8}
Run = Callable[..., Tensor]


def base(hosts: ModuleType, **extra: Any) -> dict[str, Any]:
    """A call without a reference; outputs are 8 x 8 pixels, 16 tokens."""
    text = {"prompt_embeds": hosts.noise(1, 7, 32, seed=5), "pooled_prompt_embeds": hosts.noise(1, 32, seed=7)}
    steps = {"num_inference_steps": 3, "output_type": "latent", "guidance_scale": 3.0, **SIZE}
    return text | steps | {"generator": torch.Generator().manual_seed(0)} | extra


def test_flux_adapter_is_the_stock_call(hosts: ModuleType) -> None:
    """With and without true guidance; the negative is a black picture's."""
    pipe = hosts.flux(with_adapter=True)
    host = replace(REFERENCE_HOSTS["flux-ip"], width=hosts.EMBED, geometry=Geometry(size=hosts.SIZE))
    rgb = hosts.picture()
    made = region_arguments(host, pipe.image_encoder, rgb)
    from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor

    shown = AlphaCLIPProcessor(geometry=host.geometry)(rgb[None], torch.ones(1, 32, 32))[:, :3]
    assert torch.equal(pipe(**base(hosts), **made).images, pipe(**base(hosts), ip_adapter_image=shown).images)
    away = {
        "negative_prompt_embeds": hosts.noise(1, 7, 32, seed=6),
        "negative_pooled_prompt_embeds": hosts.noise(1, 32, seed=8),
        "true_cfg_scale": 3.0,
    }
    stock = pipe(**base(hosts, **away), ip_adapter_image=shown).images
    assert hosts.difference(pipe(**base(hosts, **away), **made).images, stock) < 1e-5
    swapped = {
        "ip_adapter_image_embeds": made["negative_ip_adapter_image_embeds"],
        "negative_ip_adapter_image_embeds": made["ip_adapter_image_embeds"],
    }
    assert hosts.difference(pipe(**base(hosts, **away), **swapped).images, stock) > 1e-3
    part = region_arguments(host, pipe.image_encoder, rgb, mask_image=LEFT)
    assert hosts.difference(pipe(**base(hosts), **part).images, pipe(**base(hosts), **made).images) > 1e-4
    several = [RegionReference(image=rgb), RegionReference(image=hosts.picture(1), mask_image=LEFT)]
    two = region_arguments(host, pipe.image_encoder, references=several)
    assert [e.shape for key in two for e in two[key]] == [(1, 2, hosts.EMBED)] * 2
    assert hosts.difference(pipe(**base(hosts, **away), **two).images, stock) > 1e-4
    pipe.image_encoder = None
    assert pipe(**base(hosts), **made).images.shape == (1, 16, 4)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"canvas_mask": LEFT}, "canvas_mask: flux-ip has no way to keep a reference to a part of the canvas"),
        ({"weight": 0.5}, "weight: flux-ip takes none with a call"),
        ({"schedule": "1:0"}, "schedule: flux-ip reads its condition once"),
        ({"rows": True}, "flux-ip mixes references given as rows of a batch: make one call for each output"),
    ],
)
def test_flux_adapter_refuses_what_stock_code_ignores(hosts: ModuleType, extra: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        region_arguments("flux-ip", hosts.clip_tower(), hosts.picture(), **extra)


@pytest.fixture(scope="module")
def redux(hosts: ModuleType, further_hosts: ModuleType) -> Any:
    """The stock prior."""
    return further_hosts.redux_prior(hosts)


@pytest.fixture(scope="module")
def wide(hosts: ModuleType) -> Run:
    """Flux at Redux's width."""
    pipe = hosts.flux(joint_attention_dim=4096, pooled_projection_dim=768)
    for module in pipe.transformer.modules():
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.normal_(module.bias, std=0.02)

    def run(rows: int = 1, seed: int = 0, **arguments: Any) -> Tensor:
        generators = [torch.Generator().manual_seed(seed + i) for i in range(rows)]
        steps = {"num_inference_steps": 3, "output_type": "latent", "guidance_scale": 3.0, **SIZE}
        return pipe(**steps | arguments, generator=generators).images

    return run


def redux_host(hosts: ModuleType) -> Any:
    geometry = Geometry(size=hosts.SIZE, fit="squash")
    return replace(REFERENCE_HOSTS["flux-redux"], width=hosts.WIDTH, geometry=geometry, grid=2)


def test_redux_is_the_stock_prior(hosts: ModuleType, redux: Any) -> None:
    made = region_arguments(redux_host(hosts), redux, hosts.picture(), **SIZE)
    from gencontrol.images.writing import to_pil

    stock: Any = redux(to_pil(hosts.picture()))
    assert list(made) == ["prompt_embeds", "pooled_prompt_embeds"]
    torch.testing.assert_close(made["prompt_embeds"], stock.prompt_embeds, atol=1e-4, rtol=0.0)
    assert torch.equal(made["pooled_prompt_embeds"], stock.pooled_prompt_embeds)


def test_redux_tokens_outside_of_a_part_are_removed_and_soft_ones_count_softly(
    hosts: ModuleType, redux: Any, wide: Run
) -> None:
    host = redux_host(hosts)
    make = lambda **k: region_arguments(host, redux, hosts.picture(), text_tokens=4, focus="blank", **SIZE, **k)  # noqa: E731
    whole = region_arguments(host, redux, hosts.picture(), text_tokens=4, **SIZE)
    attention = region_arguments(
        host, redux, hosts.picture(), mask_image=LEFT, text_tokens=4, focus="attention", **SIZE
    )
    inside = [4 * row + column for row in range(4) for column in (0, 1)]
    kept = attention["prompt_embeds"][:, [*range(4), *(4 + i for i in inside)]]
    removed = wide(prompt_embeds=kept, pooled_prompt_embeds=attention["pooled_prompt_embeds"])
    assert hosts.difference(wide(**attention), removed) < 1e-5
    assert hosts.difference(wide(**whole), removed) > 1e-4
    twice = wide(**make(weight=2.0))
    tokens = make()["prompt_embeds"]
    doubled = torch.cat([tokens, tokens[:, 4:]], dim=1)
    assert (
        hosts.difference(twice, wide(prompt_embeds=doubled, pooled_prompt_embeds=make()["pooled_prompt_embeds"])) < 1e-5
    )


def test_redux_on_a_part_of_the_canvas(hosts: ModuleType, redux: Any, wide: Run) -> None:
    host = redux_host(hosts)
    options: dict[str, Any] = {"text_tokens": 4, **SIZE, "focus": "blank"}
    full = wide(**region_arguments(host, redux, hosts.picture(), **options), num_inference_steps=1)
    gone = wide(**region_arguments(host, redux, hosts.picture(), weight=0.0, **options), num_inference_steps=1)
    top = box_alpha((0, 0, 8, 4), (8, 8))
    made = region_arguments(host, redux, hosts.picture(), canvas_mask=top, **options)
    assert made["joint_attention_kwargs"]["attention_mask"].shape == (1, 1, 36, 36)
    there = wide(**made, num_inference_steps=1)
    span = hosts.difference(full, gone)
    assert hosts.difference(there[:, :8], full[:, :8]) < 0.3 * span
    assert hosts.difference(there[:, 8:], gone[:, 8:]) < 0.3 * span


def test_redux_references_of_each_output_and_schedules(hosts: ModuleType, redux: Any, wide: Run) -> None:
    host = redux_host(hosts)
    options: dict[str, Any] = {"text_tokens": 4, **SIZE}
    references = [
        RegionReference(image=hosts.picture(1), mask_image=LEFT, focus="attention"),
        RegionReference(image=hosts.picture(2), canvas_mask=box_alpha((0, 0, 8, 4), (8, 8)), weight=0.5),
    ]
    both = region_arguments(host, redux, references=references, rows=True, **options)
    together = wide(rows=2, **both)
    for row, reference in enumerate(references):
        alone = region_arguments(host, redux, references=[reference], **options)
        assert hosts.difference(together[row], wide(seed=row, **alone)[0]) < 1e-5
    several = region_arguments(host, redux, references=references, **options)
    assert several["prompt_embeds"].shape[1] == 4 + 16 + 16 and wide(**several).shape == (1, 16, 4)
    moving = region_arguments(host, redux, hosts.picture(), schedule="0:1 0.5:0 1:0", **options)
    first = wide(**moving)
    assert torch.equal(wide(**moving), first)
    still = region_arguments(host, redux, hosts.picture(), **options)
    assert hosts.difference(first, wide(**still)) > 1e-5


def test_redux_behind_several_prompts(hosts: ModuleType, redux: Any, wide: Run) -> None:
    """A reference behind each prompt; or a reference for each, behind its own or behind one for all."""
    host = redux_host(hosts)
    texts, pooled = hosts.noise(2, 4, 4096, seed=1) / 50, hosts.noise(2, 768, seed=2) / 50
    references = [RegionReference(image=hosts.picture(i), mask_image=LEFT, focus="attention") for i in (1, 2)]

    def make(number: int, *shown: RegionReference, rows: bool = False) -> dict[str, Any]:
        which = slice(None) if number < 0 else slice(number, number + 1)
        text = {"prompt_embeds": texts[which], "pooled_prompt_embeds": pooled[which]}
        return region_arguments(host, redux, references=shown, rows=rows, **text, **SIZE)

    both = wide(rows=2, **make(-1, *references))
    each = wide(rows=2, **make(-1, *references, rows=True))
    shared = wide(rows=2, **make(0, *references, rows=True))
    for row, reference in enumerate(references):
        assert hosts.difference(both[row], wide(seed=row, **make(row, *references))[0]) < 1e-5
        assert hosts.difference(each[row], wide(seed=row, **make(row, reference))[0]) < 1e-5
        assert hosts.difference(shared[row], wide(seed=row, **make(0, reference))[0]) < 1e-5


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"prompt_embeds": torch.zeros(1, 4, 32)}, "prompt_embeds: expected tokens of width 4096.* got 32"),
        ({"prompt_embeds": torch.zeros(3, 4, 4096), "rows": True}, "prompt_embeds: expected 1 row.* 1 outputs, got 3"),
        ({"pooled_prompt_embeds": torch.zeros(2, 768)}, "pooled_prompt_embeds: expected 1 row.* got 2"),
        ({"text_tokens": -1}, "text_tokens: expected 0 or more, got -1"),
        ({"dtype": torch.int32}, "dtype: expected one of floating numbers, such as torch.float16, got torch.int32"),
    ],
)
def test_texts_that_redux_cannot_stand_behind(
    asked: dict[str, Any], message: str, hosts: ModuleType, redux: Any
) -> None:
    with pytest.raises(InputError, match=message):
        region_arguments(redux_host(hosts), redux, hosts.picture(), **asked, **SIZE)


def test_redux_wants_its_prior(hosts: ModuleType) -> None:
    with pytest.raises(PairingError, match="expected a FluxPriorReduxPipeline as encoder"):
        region_arguments("flux-redux", hosts.siglip_tower(), hosts.picture(), **SIZE)


def test_kontext_reads_the_part_alone(hosts: ModuleType) -> None:
    """Latents outside of the part change nothing; the output has the size that was asked for."""
    pipe = hosts.flux(diffusers.FluxKontextPipeline)
    host = replace(REFERENCE_HOSTS["flux-kontext"], grid=2, resolutions=())
    rgb, top = hosts.picture(1, height=8, width=8), box_alpha((0, 0, 8, 4), (8, 8))

    def run(latents: Tensor | None = None, **extra: Any) -> Tensor:
        made = region_arguments(host, None, rgb, text_tokens=7, **SIZE, **extra)
        made |= {} if latents is None else {"image": latents}
        # Only for the size: real pictures are of one of the model's resolutions.
        return pipe(**base(hosts) | made, _auto_resize=False).images

    assert run().shape == (1, 16, 4)
    one = hosts.noise(1, 1, 8, 8, seed=9)
    other, inside = one.clone(), one.clone()
    other[:, :, 4:], inside[:, :, :4] = hosts.noise(1, 1, 4, 8, seed=10), 0.0
    free, held = (hosts.difference(run(one, **k), run(other, **k)) for k in ({}, {"mask_image": top}))
    assert held < 1e-6 and free > 1e-3
    assert hosts.difference(run(one, mask_image=top), run(inside, mask_image=top)) > 1e-3
    assert torch.equal(run(mask_image=top, strength=0.0), run())
    assert hosts.difference(run(schedule="1:0"), run()) > 1e-5


@pytest.mark.parametrize("name", ["flux2", "flux2-klein"])
def test_flux_2_takes_several_pictures_with_their_parts(
    hosts: ModuleType, further_hosts: ModuleType, name: str
) -> None:
    """Klein with the classifier-free guidance of its undistilled checkpoints: one bias serves both passes."""
    klein = name == "flux2-klein"
    pipe = further_hosts.flux2(hosts, klein=klein)
    assert type(pipe).__name__ in REFERENCE_HOSTS[name].pipelines
    host = replace(REFERENCE_HOSTS[name], grid=2)
    side = 64
    rgb = hosts.picture(1, height=side, width=side)
    other = rgb.clone()
    other[:, side // 2 :] = hosts.picture(2, height=side, width=side)[:, side // 2 :]
    top = box_alpha((0, 0, side, side // 2), (side, side))

    def run(picture: Tensor, **extra: Any) -> Tensor:
        made = region_arguments(host, None, picture, text_tokens=7, **SIZE, **extra)
        text = {"prompt_embeds": hosts.noise(1, 7, 16, seed=3)}
        text |= {"negative_prompt_embeds": hosts.noise(1, 7, 16, seed=4)} if klein else {}
        steps = {"num_inference_steps": 2, "output_type": "latent", "guidance_scale": 3.0}
        return pipe(**text, generator=torch.Generator().manual_seed(0), **steps, **made).images

    free, held = (hosts.difference(run(rgb, **k), run(other, **k)) for k in ({}, {"mask_image": top}))
    assert held < 0.5 * free
    more = RegionReference(image=hosts.picture(3, height=96, width=64), weight=0.5)
    assert hosts.difference(run(rgb, references=[more]), run(rgb)) > 1e-5
    made = region_arguments(host, None, rgb, references=[more], text_tokens=7, **SIZE)
    assert made["attention_kwargs"]["attention_mask"].shape == (1, 1, 1, 7 + 16 + 32 * 32 + 48 * 32)
    assert [picture.size for picture in made["image"]] == [(64, 64), (64, 96)]
    with pytest.raises(PairingError, match="encodes references by its own autoencoder: expected encoder=None"):
        region_arguments(host, hosts.clip_tower(), rgb, **SIZE)
