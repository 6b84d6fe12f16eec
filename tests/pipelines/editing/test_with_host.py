"""Painting with opened hosts: the stock call's own picture in the hole, all else to the bit; and removing."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from gencontrol.errors import InputError, PairingError
from gencontrol.images.picture import Picture
from gencontrol.images.writing import to_pil
from gencontrol.pipelines import (
    INPAINTING_HOSTS,
    REFERENCE_HOSTS,
    Drawing,
    OpenedHost,
    Painted,
    ReferenceHost,
    RegionReference,
    open_reference_host,
    paint_with_host,
    region_arguments,
    remove,
    remove_with_host,
    without_reference,
)
from gencontrol.pipelines.editing import with_host
from gencontrol.pipelines.editing.window import cut, window_around
from gencontrol.pipelines.editing.with_host import check_painting, for_removal
from gencontrol.regions import from_box

Folder = Callable[[str], Path]
diffusers: Any = import_module("diffusers")

SIZE, WORK = (40, 60), (32, 32)
HOLE = from_box((20, 10, 36, 26), size=SIZE)
OUTSIDE = HOLE.alpha == 0
NAMES = ("sd15-ip-plus", "sdxl-ip-plus", "flux-ip", "flux-fill", "flux-kontext")
WORDS = Drawing(prompt="a red ball", steps=2, height=32, width=32)


def opened_from(name: str, folder: Path, *, shown: bool = True) -> OpenedHost:
    host, parts = INPAINTING_HOSTS[name], dict[str, Any]()
    if host.resolutions:
        host = replace(host, resolutions=(WORK,))
    if shown and host.adapter is not None:
        parts["adapter"] = folder / ("adapter" if name == "flux-fill" else "adapter.safetensors")
        parts |= {} if name == "flux-fill" else {"image_encoder": folder / "image_encoder"}
    made = open_reference_host(host if shown else without_reference(host), base=folder / "base", **parts)
    made.pipeline.set_progress_bar_config(disable=True)
    return made


@pytest.fixture(scope="module", params=NAMES)
def opened(request: pytest.FixtureRequest, reference_folder: Folder) -> OpenedHost:
    return opened_from(request.param, reference_folder(f"holes-{request.param}"))


@pytest.fixture(scope="module", params=NAMES)
def bare(request: pytest.FixtureRequest, reference_folder: Folder) -> OpenedHost:
    return opened_from(request.param, reference_folder(f"holes-{request.param}"), shown=False)


@pytest.fixture(scope="module")
def photo(hosts: ModuleType) -> Picture:
    return Picture(rgb=(255 * hosts.picture(3, height=SIZE[0], width=SIZE[1])).round().to(torch.uint8))


@pytest.fixture
def part(hosts: ModuleType) -> RegionReference:
    mask = torch.zeros(32, 32)
    mask[4:20, 6:20] = 1.0
    return RegionReference(image=hosts.picture(), mask_image=mask)


def difference(one: Painted, other: Painted) -> int:
    return int((one.picture.stored_rgb.int() - other.picture.stored_rgb.int()).abs().max())


def shown_to(photo: Picture) -> dict[str, Any]:
    """The window and the mask as the stock call gets them; at the model's size nothing is resampled."""
    box = window_around(HOLE.alpha, margin=0.5)
    assert (box[2] - box[0], box[3] - box[1]) == WORK
    mask = cut(HOLE.alpha[None], box, WORK).expand(3, -1, -1)
    return {"image": to_pil(cut(photo.stored_rgb, box, WORK)), "mask_image": to_pil(mask).convert("L")}


def inside(stock: torch.Tensor) -> torch.Tensor:
    box = window_around(HOLE.alpha, margin=0.5)
    there = (HOLE.alpha > 0)[box[1] : box[3], box[0] : box[2]]
    return (stock.float().clamp(0, 1) * 255).round().to(torch.uint8)[:, there]


def test_a_part_is_painted_by_the_stock_call(opened: OpenedHost, photo: Picture, part: RegionReference) -> None:
    first, second = paint_with_host(opened, photo, HOLE, part, drawing=WORDS, seeds=(3, 4), seam=0.0)
    assert (first.seed, second.seed, first.flagged) == (3, 4, False)
    for painted in (first, second):
        assert torch.equal(painted.picture.stored_rgb[:, OUTSIDE], photo.stored_rgb[:, OUTSIDE])
    assert difference(first, second) > 2
    how: dict[str, Any] = {"height": 32, "width": 32, "strength": 1.0, "num_inference_steps": 2}
    if opened.host.takes == "redux":
        prompt, pooled, _ = opened.pipeline.encode_prompt(prompt="a red ball", prompt_2=None)
        made = region_arguments(
            opened.host,
            opened.encoder,
            references=[part],
            prompt_embeds=prompt,
            pooled_prompt_embeds=pooled,
            height=32,
            width=32,
        )
    else:
        guided = not opened.host.call.distilled
        made = region_arguments(opened.host, opened.encoder, references=[part], guided=guided, height=32, width=32)
        how["prompt"] = "a red ball"
    how |= made | {"guidance_scale": opened.host.call.guidance_scale}
    if opened.host.takes == "picture":
        assert "image_reference" in made and "image" not in made
        how["_auto_resize"] = False
    generator = torch.Generator().manual_seed(4)
    stock = opened.pipeline(**how | shown_to(photo), generator=generator, output_type="pt").images[0]
    assert torch.equal(second.picture.stored_rgb[:, HOLE.alpha > 0], inside(stock))


def test_the_part_the_prompt_and_the_weight_count(opened: OpenedHost, photo: Picture, part: RegionReference) -> None:
    def painted(reference: RegionReference = part, drawing: Drawing = WORDS) -> Painted:
        return paint_with_host(opened, photo, HOLE, reference, drawing=drawing)[0]

    same = painted()
    assert difference(same, painted()) == 0
    assert difference(same, painted(replace(part, mask_image=None))) > 0
    assert difference(same, painted(replace(part, weight=0.1))) > 0
    assert difference(same, painted(drawing=replace(WORDS, prompt="a blue fish"))) > 0
    # Further arguments win: half of the run starts from what is in the hole.
    assert difference(same, painted(drawing=replace(WORDS, stock={"strength": 0.5}))) > 0


def test_a_prompt_alone(bare: OpenedHost, photo: Picture) -> None:
    (painted,) = paint_with_host(bare, photo, HOLE, drawing=WORDS, seam=0.0)
    how = {"prompt": "a red ball", "height": 32, "width": 32, "strength": 1.0, "num_inference_steps": 2}
    how |= {"guidance_scale": bare.host.call.guidance_scale}
    how |= {"max_area": 1024, "_auto_resize": False} if bare.host.name == "flux-kontext" else {}
    generator = torch.Generator().manual_seed(0)
    stock = bare.pipeline(**how, **shown_to(photo), generator=generator, output_type="pt").images[0]
    assert torch.equal(painted.picture.stored_rgb[:, HOLE.alpha > 0], inside(stock))
    assert torch.equal(painted.picture.stored_rgb[:, OUTSIDE], photo.stored_rgb[:, OUTSIDE])


def test_a_removal_is_an_empty_prompt_on_a_filled_hole(bare: OpenedHost, photo: Picture) -> None:
    empty = replace(WORDS, prompt=None)
    if bare.host.name == "flux-kontext":
        with pytest.raises(InputError, match="flux-kontext paints by an instruction"):
            remove_with_host(bare, photo, HOLE, drawing=empty)
        return
    (gone,) = remove_with_host(bare, photo, HOLE, drawing=empty)
    unguided = {} if bare.host.call.distilled else {"guidance": 1.0}
    drawing = replace(WORDS, prompt="", **unguided)
    (expected,) = paint_with_host(bare, remove(photo, HOLE), HOLE, drawing=drawing)
    assert difference(gone, expected) == 0
    assert torch.equal(gone.picture.stored_rgb[:, OUTSIDE], photo.stored_rgb[:, OUTSIDE])
    other = photo.stored_rgb.clone()
    other[:, HOLE.alpha > 0] = 255 - other[:, HOLE.alpha > 0]
    # What was in the hole leaves nothing behind, in the soft border neither.
    (again,) = remove_with_host(bare, Picture(rgb=other), HOLE, drawing=empty)
    assert difference(gone, again) == 0


def test_two_empty_prompts_need_no_guidance(reference_folder: Folder, photo: Picture) -> None:
    bare = opened_from("sd15-ip-plus", reference_folder("holes-sd15-ip-plus"), shown=False)
    (once,) = remove_with_host(bare, photo, HOLE, drawing=replace(WORDS, prompt=None))
    (twice,) = remove_with_host(bare, photo, HOLE, drawing=replace(WORDS, prompt=None, guidance=7.5))
    assert difference(once, twice) <= 1
    away = replace(WORDS, prompt=None, negative_prompt="a red ball")
    assert difference(once, remove_with_host(bare, photo, HOLE, drawing=away)[0]) > 0


def test_scales_of_removals() -> None:
    host = INPAINTING_HOSTS["sd15-ip"]
    assert for_removal(host, Drawing()).guidance == 1.0
    assert for_removal(host, Drawing(guidance=3.0)).guidance == 3.0
    assert for_removal(host, Drawing(negative_prompt="a cup")).guidance is None
    assert for_removal(INPAINTING_HOSTS["flux-fill"], Drawing()).guidance is None
    with pytest.raises(InputError, match="prompt: a removal says nothing"):
        for_removal(host, Drawing(prompt="a cup"))


def test_the_adapters_scale_is_as_before(reference_folder: Folder, photo: Picture, part: RegionReference) -> None:
    opened = opened_from("flux-ip", reference_folder("holes-flux-ip"))
    layers = [layer for layer in opened.denoiser.attn_processors.values() if hasattr(layer, "to_k_ip")]
    before = [layer.scale for layer in layers]
    paint_with_host(opened, photo, HOLE, replace(part, weight=0.3), drawing=WORDS)
    assert [layer.scale for layer in layers] == before and before


def test_what_a_safety_checker_blackened_is_told(
    reference_folder: Folder, photo: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = opened_from("sd15-ip-plus", reference_folder("holes-sd15-ip-plus"), shown=False)
    monkeypatch.setattr(bare.pipeline, "run_safety_checker", lambda image, *_: (image, [True]))
    (painted,) = paint_with_host(bare, photo, HOLE, drawing=WORDS)
    assert painted.flagged


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("flux-kontext", {"prompt": " "}, "prompt: flux-kontext needs a text"),
        ("flux-fill", {"negative_prompt": "x"}, "negative_prompt: the stock call of flux-fill takes none"),
        ("flux-fill", {"true_guidance": 2.0}, "true_guidance: flux-fill has one scale"),
        ("sd15-ip", {"height": 20, "width": 32}, "height: expected a multiple of 8 pixels, got 20"),
        ("flux-ip", {"height": 32, "width": 40}, "expected multiples of 16"),
    ],
)
def test_what_is_refused(name: str, change: dict[str, Any], message: str) -> None:
    drawing = Drawing(**{"prompt": "a cup", "height": 64, "width": 64} | change)
    with pytest.raises(InputError, match=message):
        check_painting(INPAINTING_HOSTS[name], None, drawing)


def test_sizes() -> None:
    host = INPAINTING_HOSTS["sd15-ip"]
    assert check_painting(host, None, Drawing(), default=(512, 512)) == (512, 512)
    assert check_painting(host, None, Drawing(height=256), default=(512, 768)) == (256, 768)
    with pytest.raises(InputError, match="expected the output's, in pixels: the model works at that size"):
        check_painting(host, None, Drawing())
    with pytest.raises(InputError, match="strength: expected 0 or more and at most 1"):
        plus = INPAINTING_HOSTS["sd15-ip-plus"]
        check_painting(plus, RegionReference(image=torch.zeros(3, 8, 8), strength=1.5), Drawing(), default=(64, 64))


@pytest.mark.parametrize(
    ("host", "folder", "message"),
    [
        (
            REFERENCE_HOSTS["sd15-ip-plus"],
            "holes-sd15-ip-plus",
            "its denoiser reads 9 channels, and StableDiffusionPip",
        ),
        (
            INPAINTING_HOSTS["flux-kontext"],
            "holes-flux-fill",
            "is a FluxFillPipeline, not a FluxKontextInpaintPipeline",
        ),
        (INPAINTING_HOSTS["flux-fill"], "flux-kontext", "is a FluxKontextPipeline, not a FluxFillPipeline"),
    ],
)
def test_bases_of_another_kind(host: ReferenceHost, folder: str, message: str, reference_folder: Folder) -> None:
    with pytest.raises(PairingError, match=message):
        open_reference_host(without_reference(host), base=reference_folder(folder) / "base")


def test_a_base_without_holes_is_composed_at_every_step(reference_folder: Folder, photo: Picture) -> None:
    base = reference_folder("holes-sd15-ip-plus") / "without-holes"
    opened = open_reference_host(without_reference(INPAINTING_HOSTS["sd15-ip-plus"]), base=base)
    assert type(opened.pipeline).__name__ == "StableDiffusionInpaintPipeline"
    assert opened.pipeline.unet.config.in_channels == 4
    opened.pipeline.set_progress_bar_config(disable=True)
    (painted,) = paint_with_host(opened, photo, HOLE, drawing=WORDS)
    assert torch.equal(painted.picture.stored_rgb[:, OUTSIDE], photo.stored_rgb[:, OUTSIDE])


def test_defaults_are_those_of_edit_with() -> None:
    assert with_host.CONTEXT == 0.5 and with_host.SEAM == 0.05
