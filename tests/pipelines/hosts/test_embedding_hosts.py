"""Stable Diffusion 3.5, Kandinsky and Karlo: embeddings and tokens given to stock calls."""

from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
import torch

from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.alpha_clip.siglip import AlphaSigLIP
from gencontrol.errors import InputError
from gencontrol.images.picture import Picture
from gencontrol.pipelines.hosts.reference_registry import REFERENCE_HOSTS
from gencontrol.pipelines.references.reference import RegionReference
from gencontrol.pipelines.stock_arguments import region_arguments
from gencontrol.regions import Geometry, Region, Scene
from gencontrol.regions.shapes import box_alpha

LEFT = box_alpha((0, 0, 16, 32), (32, 32))


def test_sd3_is_the_stock_call(hosts: ModuleType, further_hosts: ModuleType) -> None:
    """One tensor instead of a list, zeros first, and SigLIP's own normalisation."""
    pipe = further_hosts.sd3(hosts)
    geometry = Geometry(size=hosts.SIZE, fit="squash")
    host = replace(REFERENCE_HOSTS["sd35-ip"], width=hosts.WIDTH, geometry=geometry)
    text = {"prompt_embeds": hosts.noise(1, 7, 32, seed=5), "negative_prompt_embeds": hosts.noise(1, 7, 32, seed=6)}
    pooled = {name.replace("prompt", "pooled_prompt"): hosts.noise(1, 64, seed=i) for i, name in enumerate(text)}
    size = {"height": 16, "width": 16, "num_inference_steps": 2, "output_type": "latent"}

    def run(**arguments: Any) -> Any:
        scale = {"guidance_scale": 3.0} | arguments
        return pipe(**text | pooled | size | scale, generator=torch.Generator().manual_seed(0)).images

    shown = 2 * hosts.picture()[None] - 1
    for scale in (3.0, 1.0):
        made = region_arguments(host, pipe.image_encoder, hosts.picture(), guided=scale > 1)
        assert made["ip_adapter_image_embeds"].shape == (1 + (scale > 1), 16, hosts.WIDTH)
        ours, stock = run(**made, guidance_scale=scale), run(ip_adapter_image=shown, guidance_scale=scale)
        assert hosts.difference(ours, stock) < 1e-5
    part = region_arguments(host, pipe.image_encoder, hosts.picture(), mask_image=LEFT)
    assert hosts.difference(run(**part), run(ip_adapter_image=shown)) > 1e-5
    with pytest.raises(InputError, match="sd35-ip takes one reference for an output, got 2"):
        region_arguments(host, pipe.image_encoder, references=[RegionReference(image=hosts.picture())] * 2)


@pytest.fixture(scope="module")
def kandinsky(hosts: ModuleType, further_hosts: ModuleType) -> Any:
    """The decoder of Kandinsky 2.2."""
    return further_hosts.kandinsky(hosts)


def draw(pipe: Any, *, seeds: tuple[int, ...] = (0,), **arguments: Any) -> torch.Tensor:
    """Latents."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    size = {"height": 64, "width": 64, "num_inference_steps": 3, "output_type": "latent"}
    return pipe(generator=generators, **size | {"guidance_scale": 3.0} | arguments).images


def kandinsky_host(hosts: ModuleType) -> Any:
    return replace(REFERENCE_HOSTS["kandinsky-2.2"], width=hosts.EMBED, geometry=Geometry(size=hosts.SIZE))


def test_kandinsky_departs_from_zero_pixels(hosts: ModuleType, kandinsky: Any) -> None:
    tower = hosts.clip_tower()
    made = region_arguments(kandinsky_host(hosts), tower, hosts.picture())
    shown = AlphaCLIPProcessor(geometry=Geometry(size=hosts.SIZE))(hosts.picture()[None], torch.ones(1, 32, 32))
    with torch.no_grad():
        torch.testing.assert_close(made["image_embeds"], tower(shown[:, :3]).image_embeds)
        nothing = tower(torch.zeros(1, 3, hosts.SIZE, hosts.SIZE)).image_embeds
    torch.testing.assert_close(made["negative_image_embeds"], nothing)
    assert draw(kandinsky, **made).isfinite().all()


def test_kandinsky_rows_are_single_calls_and_weights_lie_between(hosts: ModuleType, kandinsky: Any) -> None:
    host, tower = kandinsky_host(hosts), hosts.clip_tower()
    references = [
        RegionReference(image=hosts.picture(1), mask_image=LEFT),
        RegionReference(image=hosts.picture(2), weight=0.5),
    ]
    both = region_arguments(host, tower, references=references, rows=True)
    together = draw(kandinsky, seeds=(1, 2), **both)
    for row, reference in enumerate(references):
        alone = region_arguments(host, tower, references=[reference])
        assert hosts.difference(together[row], draw(kandinsky, seeds=(row + 1,), **alone)[0]) < 1e-4
    full = region_arguments(host, tower, hosts.picture(2))
    half = 0.5 * (full["image_embeds"] + full["negative_image_embeds"])
    torch.testing.assert_close(both["image_embeds"][1:], half)


@pytest.mark.parametrize("scale", [3.0, 1.0])
def test_kandinsky_schedules(hosts: ModuleType, kandinsky: Any, scale: float) -> None:
    """Weight 1 at the first step and 0 afterwards: the same as changing the stock call's embedding by hand."""
    host, tower = kandinsky_host(hosts), hosts.clip_tower()
    made = region_arguments(host, tower, hosts.picture(), schedule="0:1 0.5:0 1:0", guided=scale > 1)
    plain = region_arguments(host, tower, hosts.picture(), guided=scale > 1)

    def off(pipe: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        rows = 1 + (scale > 1)
        return {"image_embeds": plain["negative_image_embeds"].repeat(rows, 1)}

    by_hand = {"callback_on_step_end": off, "callback_on_step_end_tensor_inputs": ["image_embeds"]}
    first = draw(kandinsky, **made, guidance_scale=scale)
    torch.testing.assert_close(first, draw(kandinsky, **plain, **by_hand, guidance_scale=scale))
    assert torch.equal(draw(kandinsky, **made, guidance_scale=scale), first)
    assert hosts.difference(first, draw(kandinsky, **plain, guidance_scale=scale)) > 1e-4


@pytest.mark.parametrize("name", ["kandinsky-2.1", "kandinsky-2.2"])
def test_a_text_beside_a_picture_is_the_stock_mixture(name: str, hosts: ModuleType, further_hosts: ModuleType) -> None:
    """`interpolate` of a text and a picture, as its examples weigh them; with a part, the part's embedding."""
    prior, host = further_hosts.kandinsky_prior(hosts, old=name == "kandinsky-2.1"), old_host(name, hosts)

    def drawn(call: Any, *inputs: Any) -> Any:
        return call(*inputs, num_inference_steps=2, generator=torch.Generator().manual_seed(0))

    shown = AlphaCLIPProcessor(geometry=host.geometry)(hosts.picture()[None], torch.ones(1, 32, 32))[:, :3]
    stock = drawn(prior.interpolate, ["a beach", shown], [0.3, 0.7])
    text: dict[str, Any] = {"text_embeds": drawn(prior, "a beach").image_embeds}
    made = region_arguments(host, prior.image_encoder, hosts.picture(), **text)
    torch.testing.assert_close(made["image_embeds"], stock.image_embeds)
    torch.testing.assert_close(made["negative_image_embeds"], stock.negative_image_embeds)
    part = region_arguments(host, prior.image_encoder, hosts.picture(), mask_image=LEFT, weight=0.5)
    mixed = region_arguments(
        host, prior.image_encoder, hosts.picture(), mask_image=LEFT, weight=0.5, text_share=0.8, **text
    )
    expected = 0.8 * text["text_embeds"] + 0.2 * part["image_embeds"]
    torch.testing.assert_close(mixed["image_embeds"], expected)
    assert torch.equal(mixed["negative_image_embeds"], part["negative_image_embeds"])
    two = [RegionReference(image=hosts.picture(1)), RegionReference(image=hosts.picture(2))]
    texts = torch.cat([text["text_embeds"], hosts.noise(1, hosts.EMBED)])
    rows = region_arguments(host, prior.image_encoder, references=two, rows=True, text_embeds=texts)
    for row, reference in enumerate(two):
        one: dict[str, Any] = {"references": [reference], "text_embeds": texts[row : row + 1]}
        alone = region_arguments(host, prior.image_encoder, **one)
        torch.testing.assert_close(rows["image_embeds"][row : row + 1], alone["image_embeds"])


def test_a_texts_share_stays_over_the_steps(hosts: ModuleType, kandinsky: Any) -> None:
    host, tower, text = kandinsky_host(hosts), hosts.clip_tower(), hosts.noise(1, hosts.EMBED)
    made = region_arguments(host, tower, hosts.picture(), schedule="0:1 0.5:0 1:0", text_embeds=text)
    nothing = made["negative_image_embeds"]

    def off(pipe: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        return {"image_embeds": torch.cat([nothing, 0.3 * text + 0.7 * nothing])}

    plain = region_arguments(host, tower, hosts.picture(), text_embeds=text)
    by_hand = {"callback_on_step_end": off, "callback_on_step_end_tensor_inputs": ["image_embeds"]}
    torch.testing.assert_close(draw(kandinsky, **made), draw(kandinsky, **plain, **by_hand))


@pytest.mark.parametrize(
    ("name", "asked", "message"),
    [
        ("kandinsky-2.2", {"text_embeds": torch.zeros(3, 48)}, r"text_embeds: expected one row, or one for each of 1"),
        ("kandinsky-2.2", {"text_embeds": torch.zeros(1, 7)}, r"48 wide, got \(1, 7\)"),
        ("kandinsky-2.1", {"text_embeds": torch.zeros(1, 48), "text_share": 1.5}, "text_share"),
        ("kandinsky-2.1", {"text_share": 0.5}, "text_share: expected `text_embeds` beside it"),
        ("karlo", {"text_embeds": torch.zeros(1, 48)}, "text_embeds: the condition of karlo is mixed with no text"),
    ],
)
def test_texts_that_cannot_be_mixed(name: str, asked: dict[str, Any], message: str, hosts: ModuleType) -> None:
    with pytest.raises(InputError, match=message):
        region_arguments(old_host(name, hosts), hosts.clip_tower(), hosts.picture(), **asked)


def test_kandinsky_2_1_and_karlo_by_arguments(hosts: ModuleType) -> None:
    tower = hosts.clip_tower()
    geometry = Geometry(size=hosts.SIZE)
    old = replace(REFERENCE_HOSTS["kandinsky-2.1"], width=hosts.EMBED, geometry=geometry)
    with pytest.raises(InputError, match=r"schedule: kandinsky-2\.1 reads its condition once"):
        region_arguments(old, tower, hosts.picture(), schedule="1:0")
    karlo = replace(REFERENCE_HOSTS["karlo"], width=hosts.EMBED, geometry=geometry)
    made = region_arguments(karlo, tower, hosts.picture(), mask_image=LEFT)
    assert list(made) == ["image_embeddings"]
    torch.testing.assert_close(
        made["image_embeddings"], region_arguments(old, tower, hosts.picture(), mask_image=LEFT)["image_embeds"]
    )
    with pytest.raises(InputError, match="it would act on nothing of karlo, whose negative is its own"):
        region_arguments(karlo, tower, hosts.picture(), negative_mask_image=LEFT)
    scene = Scene(picture=Picture(rgb=hosts.picture()), negative_regions=(Region(alpha=LEFT),))
    with pytest.raises(InputError, match="it would act on nothing of karlo, whose negative is its own"):
        region_arguments(karlo, tower, scene)


def old_host(name: str, hosts: ModuleType) -> Any:
    return replace(REFERENCE_HOSTS[name], width=hosts.EMBED, geometry=Geometry(size=hosts.SIZE))


def test_kandinsky_2_1_is_the_stock_call(hosts: ModuleType, further_hosts: ModuleType) -> None:
    """The embeddings of the tower and of zero pixels, a text beside them; rows are single calls."""
    pipe, host, tower = further_hosts.kandinsky(hosts, old=True), old_host("kandinsky-2.1", hosts), hosts.clip_tower()

    def run(count: int = 1, **arguments: Any) -> torch.Tensor:
        # Its legacy call draws all noise from one generator, so each row is given its latents.
        start = torch.cat([hosts.noise(1, 4, 32, 32, seed=seed) for seed in range(2)])[:count]
        steps: dict[str, Any] = {"num_inference_steps": 2, "output_type": "pt", "guidance_scale": 3.0}
        return pipe(["a cup"] * count, height=64, width=64, **steps | {"latents": start} | arguments).images

    made = region_arguments(host, tower, hosts.picture())
    shown = AlphaCLIPProcessor(geometry=host.geometry)(hosts.picture()[None], torch.ones(1, 32, 32))[:, :3]
    with torch.no_grad():
        stock = {"image_embeds": tower(shown).image_embeds}
        stock["negative_image_embeds"] = tower(torch.zeros_like(shown)).image_embeds
    whole = run(**made)
    assert hosts.difference(whole, run(**stock)) < 1e-5
    swapped = dict(zip(stock, reversed(stock.values()), strict=True))
    assert hosts.difference(whole, run(**swapped)) > 1e-3
    references = [RegionReference(image=hosts.picture(), mask_image=LEFT), RegionReference(image=hosts.picture(1))]
    both = run(2, **region_arguments(host, tower, references=references, rows=True))
    for row, reference in enumerate(references):
        alone = region_arguments(host, tower, references=[reference])
        start = hosts.noise(1, 4, 32, 32, seed=row)
        assert hosts.difference(both[row], run(**alone, latents=start)[0]) < 1e-4
    assert hosts.difference(both[0], whole[0]) > 0.1


def test_karlo_is_the_stock_call(hosts: ModuleType, further_hosts: ModuleType) -> None:
    pipe, host = further_hosts.karlo(hosts), old_host("karlo", hosts)

    def run(*seeds: int, **arguments: Any) -> torch.Tensor:
        generators = [torch.Generator().manual_seed(seed) for seed in seeds or (0,)]
        steps = {"decoder_num_inference_steps": 2, "super_res_num_inference_steps": 2, "output_type": "pt"}
        return pipe(generator=generators, **steps, **arguments).images

    made = region_arguments(host, pipe.image_encoder, hosts.picture())
    shown = AlphaCLIPProcessor(geometry=host.geometry)(hosts.picture()[None], torch.ones(1, 32, 32))[:, :3]
    whole = run(**made)
    assert hosts.difference(whole, run(image=shown)) < 1e-4
    references = [RegionReference(image=hosts.picture(), mask_image=LEFT), RegionReference(image=hosts.picture(1))]
    # In double precision: a batch rounds otherwise than a row, and two stages of random weights make much of that.
    pipe.to(torch.float64)
    both = run(0, 1, **region_arguments(host, pipe.image_encoder, references=references, rows=True))
    for row, reference in enumerate(references):
        alone = region_arguments(host, pipe.image_encoder, references=[reference])
        assert hosts.difference(both[row], run(row, **alone)[0]) < 1e-6
    assert hosts.difference(both[0], whole[0]) > 0.1


def test_sd3_through_a_siglip_with_alpha(hosts: ModuleType, further_hosts: ModuleType) -> None:
    """The start gives what the stock tower gives, to the bit; a trained one is looked through, by default too."""
    geometry = Geometry(size=hosts.SIZE, fit="squash")
    host = replace(REFERENCE_HOSTS["sd35-ip"], width=hosts.WIDTH, geometry=geometry)
    stock, wide = hosts.siglip_tower(), AlphaSigLIP.from_siglip(hosts.siglip_tower())
    looks: list[dict[str, Any]] = [{}, {"mask_image": LEFT}, {"mask_image": LEFT, "focus": "crop"}]
    for asked in looks:
        ours, theirs = (region_arguments(host, tower, hosts.picture(), **asked) for tower in (wide, stock))
        assert torch.equal(ours["ip_adapter_image_embeds"], theirs["ip_adapter_image_embeds"])
    weight = wide.vision.embeddings.patch_embedding.weight
    with torch.no_grad():
        weight[:, 3:] = hosts.noise(*weight[:, 3:].shape, seed=9) / 8
    kept = region_arguments(host, wide, hosts.picture(), mask_image=LEFT, token_focus="keep")
    alpha = LEFT[None].float()
    with torch.no_grad():
        pixels = wide.processor.with_geometry(geometry)(hosts.picture()[None], alpha)
        expected = wide.vision(pixel_values=pixels, output_hidden_states=True).hidden_states[-2]
    torch.testing.assert_close(kept["ip_adapter_image_embeds"][1:], expected)
