"""Modular SDXL with the block: the stock modular call with the tensors of `region_arguments`."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from diffusers.guiders.classifier_free_guidance import ClassifierFreeGuidance
from diffusers.modular_pipelines.modular_pipeline import ModularPipelineBlocks
from diffusers.modular_pipelines.stable_diffusion_xl.modular_blocks_stable_diffusion_xl import (
    StableDiffusionXLAutoBlocks,
)
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.errors import InputError, PairingError
from gencontrol.pipelines import (
    REFERENCE_HOSTS,
    RegionImageEmbed,
    RegionReference,
    merged_arguments,
    region_arguments,
    save_region_block,
)
from gencontrol.pipelines.stock.region_block import check_adapters
from gencontrol.regions import Geometry
from gencontrol.regions.shapes import box_alpha

HALF = box_alpha((0, 0, 16, 32), (32, 32))
SIZE: dict[str, Any] = {"height": 32, "width": 32}
Run = Callable[..., Tensor]


@pytest.fixture(scope="module", params=["sdxl-ip", "sdxl-ip-plus"])
def case(request: pytest.FixtureRequest, hosts: ModuleType) -> tuple[Any, Any]:
    """A host, and SDXL with its adapter."""
    known = REFERENCE_HOSTS[request.param]
    width = hosts.EMBED if known.takes == "embedding" else hosts.WIDTH
    host = replace(known, width=width, geometry=Geometry(size=hosts.SIZE), grid=2)
    return host, hosts.sdxl(plus=known.takes != "embedding")


def text(hosts: ModuleType, rows: int = 1) -> dict[str, Tensor]:
    names = ("prompt_embeds", "negative_prompt_embeds", "pooled_prompt_embeds", "negative_pooled_prompt_embeds")
    shapes = ((7, 32), (7, 32), (32,), (32,))
    made = {name: hosts.noise(1, *shape, seed=5 + i) for i, (name, shape) in enumerate(zip(names, shapes, strict=True))}
    return {name: value.repeat(rows, *[1] * (value.ndim - 1)) for name, value in made.items()}


def modular(stock: Any, hosts: ModuleType, *, block: Any = None, scale: float = 3.0) -> Run:
    """The stock blocks around a UNet, with a block of ours in the place of `ip_adapter` if there is one."""
    blocks = StableDiffusionXLAutoBlocks()
    # Prompts come embedded.
    blocks.sub_blocks.pop("text_encoder")
    if block is not None:
        blocks.sub_blocks["ip_adapter"] = block
    pipe = blocks.init_pipeline()
    parts = {name: getattr(stock, name) for name in ("unet", "vae", "scheduler", "image_encoder")}
    pipe.update_components(**parts, guider=ClassifierFreeGuidance(guidance_scale=scale))
    pipe.set_progress_bar_config(disable=True)

    def run(rows: int = 1, seed: int = 0, **arguments: Any) -> Tensor:
        generators = [torch.Generator().manual_seed(seed + i) for i in range(rows)]
        settings = {"num_inference_steps": 2, "output_type": "latent", "output": "images", **SIZE}
        made: Any = pipe(generator=generators, **text(hosts, rows), **settings | arguments)
        return made

    return run


def given(made: dict[str, Any]) -> dict[str, Any]:
    """What `region_arguments` makes, as the stock modular call takes it."""
    halves = made["ip_adapter_image_embeds"][0].split(1)
    options = {key: value for key, value in made.items() if key == "cross_attention_kwargs"}
    names = ("ip_adapter_embeds", "negative_ip_adapter_embeds")
    return options | {name: [half] for name, half in zip(names, reversed(halves), strict=False)}


@pytest.mark.parametrize("scale", [3.0, 1.0])
def test_it_makes_what_region_arguments_makes(case: tuple[Any, Any], hosts: ModuleType, scale: float) -> None:
    """To the bit in modular calls, with a mask and a weight on the canvas too; the plain call rounds otherwise."""
    host, stock = case
    ours = modular(stock, hosts, block=RegionImageEmbed(), scale=scale)
    bare = modular(stock, hosts, scale=scale)
    guided = scale > 1
    photo = hosts.picture()
    part = region_arguments(host, stock.image_encoder, photo, mask_image=HALF, guided=guided)
    drawn = ours(reference_image=photo, reference_mask=HALF, reference_host=host)
    assert torch.equal(drawn, bare(**given(part)))
    plain = stock(
        generator=torch.Generator().manual_seed(0),
        **text(hosts) | part | SIZE,
        num_inference_steps=2,
        output_type="latent",
        guidance_scale=scale,
    ).images
    assert hosts.difference(drawn, plain) < 1e-4
    assert hosts.difference(drawn, ours(reference_image=photo, reference_host=host)) > 1e-3
    placed = RegionReference(image=photo, mask_image=HALF, canvas_mask=HALF, weight=0.5)
    there = region_arguments(host, stock.image_encoder, references=[placed], guided=guided, **SIZE)
    kept: dict[str, Any] = {"scale": 1.0}
    also = ours(references=[placed], reference_host=host, cross_attention_kwargs=kept)
    assert torch.equal(also, bare(**given(there))) and list(kept) == ["scale"]
    assert hosts.difference(also, drawn) > 1e-3


def test_a_reference_for_each_prompt_and_one_for_all(case: tuple[Any, Any], hosts: ModuleType) -> None:
    host, stock = case
    run = modular(stock, hosts, block=RegionImageEmbed())
    references = [
        RegionReference(image=hosts.picture(1), mask_image=HALF),
        RegionReference(image=hosts.picture(2), weight=0.5, canvas_mask=HALF),
    ]
    rows = run(rows=2, references=references, reference_rows=True, reference_host=host)
    both = run(rows=2, references=references, reference_host=host)
    for row, reference in enumerate(references):
        alone = run(seed=row, references=[reference], reference_host=host)
        assert hosts.difference(rows[row], alone[0]) < 1e-4
        assert hosts.difference(both[row], run(seed=row, references=references, reference_host=host)[0]) < 1e-4
    plain = [RegionReference(image=hosts.picture(seed)) for seed in (1, 2)]
    apart = run(rows=2, references=plain, reference_rows=True, reference_host=host)
    assert hosts.difference(apart[1], run(seed=1, references=plain[1:], reference_host=host)[0]) < 1e-4
    # The stock input step repeats what one prompt is given.
    several = run(rows=2, reference_image=hosts.picture(1), reference_host=host)
    assert hosts.difference(several[1], run(seed=1, reference_image=hosts.picture(1), reference_host=host)[0]) < 1e-4


def test_texts_beside_it(hosts: ModuleType, further_hosts: ModuleType) -> None:
    """The stock step of the texts comes before: as many rows are made as there are prompts."""
    stock = hosts.sdxl(plus=True)
    host = replace(REFERENCE_HOSTS["sdxl-ip-plus"], width=hosts.WIDTH, geometry=Geometry(size=hosts.SIZE), grid=2)
    shape: dict[str, Any] = {"vocab_size": 600, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    shape |= {"num_attention_heads": 2, "bos_token_id": 512, "eos_token_id": 513}
    blocks = StableDiffusionXLAutoBlocks()
    blocks.sub_blocks["ip_adapter"] = RegionImageEmbed()
    pipe = blocks.init_pipeline()
    torch.manual_seed(0)
    texts = {
        "text_encoder": CLIPTextModel(CLIPTextConfig(**shape)).eval(),
        "text_encoder_2": CLIPTextModelWithProjection(CLIPTextConfig(projection_dim=32, **shape)).eval(),
        "tokenizer": further_hosts.tokenizer(),
        "tokenizer_2": further_hosts.tokenizer(),
    }
    parts = {name: getattr(stock, name) for name in ("unet", "vae", "scheduler", "image_encoder")}
    pipe.update_components(**parts, **texts, guider=ClassifierFreeGuidance(guidance_scale=3.0))
    pipe.set_progress_bar_config(disable=True)

    def run(*prompts: str, seed: int = 0, **asked: Any) -> Tensor:
        generators = [torch.Generator().manual_seed(seed + i) for i in range(len(prompts))]
        settings = {"num_inference_steps": 2, "output_type": "latent", "output": "images", **SIZE}
        made: Any = pipe(prompt=list(prompts), generator=generators, reference_host=host, **settings, **asked)
        return made

    asked: dict[str, Any] = {"reference_image": hosts.picture(), "reference_mask": HALF}
    both = run("a cup", "two hats", **asked)
    for row, prompt in enumerate(("a cup", "two hats")):
        assert hosts.difference(both[row], run(prompt, seed=row, **asked)[0]) < 1e-4
    assert hosts.difference(both[1], run("a cup", seed=1, **asked)[0]) > 1e-4


def test_it_is_saved_and_opened_by_whoever_trusts_it(
    case: tuple[Any, Any], hosts: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where diffusers copies a folder's code to, before it runs it.
    monkeypatch.setattr("diffusers.utils.dynamic_modules_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))
    folder = tmp_path / "block"
    save_region_block(folder)
    save_region_block(str(folder))
    assert {path.name for path in folder.iterdir()} == {"modular_config.json", "region_block.py"}
    settings = json.loads((folder / "modular_config.json").read_text())
    assert settings["auto_map"] == {"ModularPipelineBlocks": "region_block.RegionImageEmbed"}
    with pytest.raises(ValueError, match="trust_remote_code"):
        ModularPipelineBlocks.from_pretrained(str(folder), trust_remote_code=False)
    opened = ModularPipelineBlocks.from_pretrained(str(folder), trust_remote_code=True)
    assert type(opened).__name__ == "RegionImageEmbed" and type(opened) is not RegionImageEmbed
    host, stock = case
    asked: dict[str, Any] = {"reference_image": hosts.picture(), "reference_mask": HALF, "reference_host": host}
    ours = modular(stock, hosts, block=RegionImageEmbed())(**asked)
    assert torch.equal(modular(stock, hosts, block=opened)(**asked), ours)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "diary.txt").write_text("mine")
    with pytest.raises(InputError, match="other"):
        save_region_block(tmp_path / "other")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"reference_mask": HALF}, "reference_mask: expected `reference_image` beside it"),
        ({}, "Expected at least one reference, got none"),
        ({"references": "photo.png"}, "references: expected a list of RegionReference, got the text 'photo.png' in it"),
        ({"references": [["photo.png"]]}, "references: expected a list of RegionReference, got the text 'photo.png'"),
        ({"references": RegionReference(image=HALF), "reference_rows": 1, "num_images_per_prompt": 2}, "mixes rows up"),
        ({"reference_rows": True}, "reference_rows: expected a reference for each of 1 prompts, got 0"),
        (
            {"reference_image": HALF[None].repeat(3, 1, 1), "reference_rows": True, "num_images_per_prompt": 2},
            "reference_rows: diffusers mixes rows up unless num_images_per_prompt is 1",
        ),
        (
            {"references": [RegionReference(image=HALF[None].repeat(3, 1, 1), schedule="1:0")]},
            "schedule: the loop of a modular pipeline calls nobody back",
        ),
    ],
)
def test_what_it_refuses(case: tuple[Any, Any], hosts: ModuleType, asked: dict[str, Any], message: str) -> None:
    host, stock = case
    run = modular(stock, hosts, block=RegionImageEmbed())
    with pytest.raises(InputError, match=message):
        run(reference_host=host, **asked)


def test_the_adapter_is_the_hosts(case: tuple[Any, Any], hosts: ModuleType) -> None:
    host, stock = case
    run = modular(stock, hosts, block=RegionImageEmbed())
    other, kind = ("sdxl-ip-plus", "one embedding") if host.takes == "embedding" else ("sdxl-ip", "an encoder's tokens")
    with pytest.raises(PairingError, match=f"{other} is of another kind than the adapter, which takes {kind}"):
        run(reference_image=hosts.picture(), reference_host=other)
    bare = hosts.sdxl(plus=True)
    bare.unload_ip_adapter()
    with pytest.raises(PairingError, match="expected a pipeline with one IP-Adapter loaded, got 0"):
        check_adapters([host], bare.unet)
    with pytest.raises(PairingError, match=rf"takes a width of {host.width}, and {host.name} gives 7"):
        check_adapters([replace(host, width=7)], stock.unet)
    with pytest.raises(PairingError, match="expected one of SDXL, such as sdxl-ip-plus, got flux-ip"):
        run(reference_image=hosts.picture(), reference_host="flux-ip")


def test_an_encoder_beside_the_pipelines_own(case: tuple[Any, Any], hosts: ModuleType) -> None:
    host, stock = case
    encoder = AlphaCLIP(hosts.clip_tower(channels=4), processor=AlphaCLIPProcessor(geometry=host.geometry))
    asked: dict[str, Any] = {"reference_image": hosts.picture(), "reference_mask": HALF, "reference_host": host}
    run = modular(stock, hosts, block=RegionImageEmbed())
    drawn = run(reference_encoder=encoder, **asked)
    part = region_arguments(host, encoder, hosts.picture(), mask_image=HALF)
    assert torch.equal(drawn, modular(stock, hosts)(**given(part)))
    assert hosts.difference(drawn, run(**asked)) > 1e-3


@pytest.fixture(scope="module")
def two(hosts: ModuleType) -> tuple[list[Any], Any]:
    """The records of a base and a plus adapter, and SDXL with both loaded."""
    known = REFERENCE_HOSTS["sdxl-ip"], REFERENCE_HOSTS["sdxl-ip-plus"]
    records = [
        replace(host, width=width, geometry=Geometry(size=hosts.SIZE), grid=2)
        for host, width in zip(known, (hosts.EMBED, hosts.WIDTH), strict=True)
    ]
    stock = hosts.sdxl(plus=True)
    stock.unload_ip_adapter()
    parts = [hosts.adapter(stock.unet, part()) for part in (hosts.base_projection, hosts.plus_projection)]
    places: dict[str, Any] = {"subfolder": ["", ""], "weight_name": ["", ""], "image_encoder_folder": None}
    stock.load_ip_adapter(parts, **places)
    stock.register_modules(image_encoder=hosts.clip_tower())
    return records, stock


def test_several_adapters_at_once(two: tuple[list[Any], Any], hosts: ModuleType) -> None:
    """The plain call with merged arguments, of two kinds, one with a place on the canvas; each keeps its own."""
    records, stock = two
    run = modular(stock, hosts, block=RegionImageEmbed())
    lists = [
        [RegionReference(image=hosts.picture(1), mask_image=HALF, canvas_mask=HALF, weight=0.5)],
        [RegionReference(image=hosts.picture(2)), RegionReference(image=hosts.picture(3))],
    ]
    tower = stock.image_encoder
    made = [region_arguments(h, tower, references=one, **SIZE) for h, one in zip(records, lists, strict=True)]
    how: dict[str, Any] = {"num_inference_steps": 2, "output_type": "latent", "guidance_scale": 3.0}
    generator = torch.Generator().manual_seed(0)
    plain = stock(generator=generator, **text(hosts) | merged_arguments(*made) | SIZE, **how).images
    drawn = run(references=lists, reference_host=records)
    assert hosts.difference(drawn, plain) < 1e-4
    assert hosts.difference(drawn, run(references=lists[::-1], reference_host=records)) > 1e-3
    alike = run(reference_image=hosts.picture(1), reference_mask=HALF, reference_host=records)
    both = [[RegionReference(image=hosts.picture(1), mask_image=HALF)]] * 2
    assert torch.equal(alike, run(references=both, reference_host=records))
    apart = run(rows=2, references=[lists[1], lists[1]], reference_rows=True, reference_host=records)
    alone = run(seed=1, references=[lists[1][1:], lists[1][1:]], reference_host=records)
    assert hosts.difference(apart[1], alone[0]) < 1e-4


def test_adapters_and_what_is_given_for_them(two: tuple[list[Any], Any], hosts: ModuleType) -> None:
    records, stock = two
    run = modular(stock, hosts, block=RegionImageEmbed())
    one = RegionReference(image=hosts.picture())
    with pytest.raises(InputError, match="references: expected a list of them for each of 2 adapters"):
        run(references=[one, one], reference_host=records)
    with pytest.raises(InputError, match="references: expected a list of them for each of 2 adapters"):
        run(references=[[one]], reference_host=records)
    with pytest.raises(InputError, match="reference_encoder: expected one for each of 2 adapters, got 1"):
        run(reference_image=hosts.picture(), reference_host=records, reference_encoder=[hosts.clip_tower()])
    with pytest.raises(PairingError, match="sdxl-ip-plus: expected a pipeline with one IP-Adapter loaded, got 2"):
        run(reference_image=hosts.picture(), reference_host=records[1])
    with pytest.raises(PairingError, match="sdxl-ip-plus, sdxl-ip: expected a pipeline with 2 IP-Adapters loaded"):
        check_adapters(records[::-1], hosts.sdxl(plus=True).unet)
    with pytest.raises(PairingError, match="sdxl-ip-plus is of another kind than the adapter"):
        run(reference_image=hosts.picture(), reference_host=records[::-1])
    encoders = [stock.image_encoder, AlphaCLIP.from_clip(hosts.clip_tower(channels=4))]
    asked: dict[str, Any] = {"reference_image": hosts.picture(), "reference_mask": HALF, "reference_host": records}
    assert hosts.difference(run(**asked, reference_encoder=encoders), run(**asked)) > 1e-3
