"""Pictures through the stock call: what goes in, that a seed is a seed, and that nothing is left behind."""

import inspect
import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.pipelines import Drawing, RegionReference, draw_references, open_reference_host, region_arguments
from gencontrol.pipelines.hosts.reference_registry import REFERENCE_HOSTS
from gencontrol.pipelines.stock import drawing
from gencontrol.pipelines.stock.drawing import Drawn, stock_settings
from gencontrol.pipelines.stock.opening import OpenedHost
from gencontrol.pipelines.stock.wanted import check_drawing, check_text_towers, is_guided, scale_of
from gencontrol.regions.shapes import box_alpha

Folder = Callable[[str], Path]

LEFT = box_alpha((0, 0, 16, 32), (32, 32))


@pytest.fixture(scope="module", params=["sd15-ip-plus", "sdxl-ip-plus", "kolors-ip-plus"])
def opened(request: pytest.FixtureRequest, reference_folder: Folder) -> OpenedHost:
    return opened_from(request.param, reference_folder(request.param))


def opened_from(name: str, folder: Path) -> OpenedHost:
    parts: dict[str, Any] = {"adapter": folder / "adapter.safetensors", "image_encoder": folder / "image_encoder"}
    made = open_reference_host(name, base=folder / "base", **parts)
    made.pipeline.set_progress_bar_config(disable=True)
    return made


@pytest.fixture
def reference(reference_builders: ModuleType) -> RegionReference:
    return RegionReference(image=reference_builders.picture(), mask_image=LEFT)


def pixels(drawn: Drawn) -> np.ndarray:
    return np.asarray(drawn.image).astype(int)


def test_pictures_are_the_stock_calls(opened: OpenedHost, reference: RegionReference) -> None:
    (drawn,) = draw_references(opened, [reference], [7], Drawing(prompt="a red ball", steps=2, guidance=3.0))
    arguments = region_arguments(opened.host, opened.encoder, references=[reference])
    stock = opened.pipeline(
        **arguments,
        prompt="a red ball",
        num_inference_steps=2,
        guidance_scale=3.0,
        height=32,
        width=32,
        generator=[torch.Generator().manual_seed(7)],
    )
    assert drawn.seed == 7 and not drawn.flagged
    assert np.array_equal(pixels(drawn), np.asarray(stock.images[0]))


def test_a_seed_is_a_seed_in_any_batch(opened: OpenedHost, reference: RegionReference) -> None:
    many = list(draw_references(opened, [reference], [3, 4, 5], Drawing(steps=2, batch=2)))
    (alone,) = draw_references(opened, [reference], [5], Drawing(steps=2))
    assert [drawn.seed for drawn in many] == [3, 4, 5]
    assert np.abs(pixels(many[2]) - pixels(alone)).max() <= 2
    assert np.abs(pixels(many[1]) - pixels(alone)).max() > 2


def test_texts_regions_and_references_count(opened: OpenedHost, reference: RegionReference) -> None:
    def draw(*references: RegionReference, **settings: Any) -> np.ndarray:
        (drawn,) = draw_references(opened, references, [0], Drawing(steps=2, **settings))
        return pixels(drawn)

    plain = draw(reference)
    other = RegionReference(image=reference.image.flip(2), canvas_mask=LEFT, weight=0.5, schedule="1:0")
    assert np.array_equal(plain, draw(reference))
    for changed in (
        draw(reference, prompt="a blue car"),
        draw(reference, negative_prompt="a blue car"),
        draw(reference, guidance=1.0),
        draw(replace(reference, mask_image=1 - LEFT)),
        draw(reference, other),
    ):
        assert np.abs(plain - changed).max() > 2
    # Schedules, and all else, are left as they were.
    assert np.array_equal(plain, draw(reference))


def test_a_size_of_ones_own(opened: OpenedHost, reference: RegionReference) -> None:
    (drawn,) = draw_references(opened, [reference], [0], Drawing(steps=1, width=64))
    assert drawn.image.size == (64, 32)


def test_what_is_wrong_is_said_before_a_picture_is_asked_for(opened: OpenedHost, reference: RegionReference) -> None:
    with pytest.raises(InputError, match="negative_prompt: it acts through"):
        draw_references(opened, [reference], [0], Drawing(guidance=1.0, negative_prompt="x"))


def test_further_arguments_win_and_lists_stay_as_they_were(opened: OpenedHost, reference: RegionReference) -> None:
    stock = {"num_inference_steps": 1, "callback_on_step_end_tensor_inputs": ["latents"]}
    (drawn,) = draw_references(opened, [reference], [0], Drawing(steps=3, stock=stock))
    (short,) = draw_references(opened, [reference], [0], Drawing(steps=1))
    assert np.array_equal(pixels(drawn), pixels(short))
    assert stock == {"num_inference_steps": 1, "callback_on_step_end_tensor_inputs": ["latents"]}


def test_further_arguments_take_no_reference_out(opened: OpenedHost, reference: RegionReference) -> None:
    """Options of attention stand beside the maps, over all steps; what would take references' place is refused."""
    placed = replace(reference, canvas_mask=LEFT, weight=0.3, schedule="1:0")

    def draw(shown: RegionReference, stock: dict[str, Any]) -> np.ndarray:
        return pixels(next(draw_references(opened, [shown], [0], Drawing(steps=3, stock=stock))))

    options: dict[str, Any] = {"cross_attention_kwargs": {"scale": 1.0}}
    wanted = draw(placed, {})
    assert np.array_equal(draw(placed, options), wanted) and options == {"cross_attention_kwargs": {"scale": 1.0}}
    assert np.abs(draw(reference, options) - wanted).max() > 2
    for stock in (
        {"ip_adapter_image_embeds": []},
        {"callback_on_step_end": print},
        {"cross_attention_kwargs": {"ip_adapter_masks": []}},
        {"cross_attention_kwargs": None},
    ):
        with pytest.raises(InputError, match=f"stock: {next(iter(stock))} holds the references here"):
            draw(placed, stock)


def test_a_consistency_models_unet_has_no_negative_half(
    tmp_path: Path, reference_folder: Folder, reference: RegionReference, reference_builders: ModuleType
) -> None:
    """It reads the scale as a number, and stock code would mix a negative that is given into the picture."""
    folder = tmp_path / "distilled"
    shutil.copytree(reference_folder("sd15-ip"), folder)
    unet: Any = import_module("diffusers").UNet2DConditionModel
    torch.manual_seed(0)
    unet.from_config(unet.load_config(folder / "base/unet") | {"time_cond_proj_dim": 8}).save_pretrained(
        folder / "base/unet"
    )
    opened = opened_from("sd15-ip", folder)
    (drawn,) = draw_references(opened, [reference], [7], Drawing(steps=2))
    alone = region_arguments(opened.host, opened.encoder, references=[reference], guided=False)
    call: dict[str, Any] = {"num_inference_steps": 2, "guidance_scale": 7.5, "height": 32, "width": 32}
    stock = opened.pipeline("", **alone, **call, generator=[torch.Generator().manual_seed(7)])
    assert np.array_equal(pixels(drawn), np.asarray(stock.images[0]))
    for asked, message in (
        (Drawing(negative_prompt="x"), "negative_prompt: the stock call of sd15-ip takes none"),
        (Drawing(), "negative_mask_image: it would act on nothing without guidance"),
    ):
        shown = reference if asked.negative_prompt else replace(reference, negative_mask_image=1 - LEFT)
        with pytest.raises(InputError, match=message):
            draw_references(opened, [shown], [7], asked)


def test_flux_by_scale_and_embeddings(reference_folder: Folder, reference_builders: ModuleType) -> None:
    """A weight is the adapter's scale; prompts may be embeddings."""
    opened = opened_from("flux-ip", reference_folder("flux-ip"))
    text = {
        "prompt_embeds": reference_builders.noise(1, 7, 32),
        "pooled_prompt_embeds": reference_builders.noise(1, 32),
    }
    wanted = Drawing(steps=2, height=16, width=16, stock=text)
    reference = RegionReference(image=reference_builders.picture())

    def draw(weight: float) -> np.ndarray:
        (drawn,) = draw_references(opened, [replace(reference, weight=weight)], [0], wanted)
        return pixels(drawn)

    whole, half = draw(1.0), draw(0.5)
    assert np.abs(whole - half).max() > 0
    opened.pipeline.set_ip_adapter_scale(0.5)
    assert np.array_equal(draw(1.0), half)


@pytest.mark.parametrize("name", ["flux-redux", "flux-kontext"])
def test_hosts_with_a_bias(name: str, reference_folder: Folder, reference_builders: ModuleType) -> None:
    """Embedded prompts stand before Redux's tokens, and beside Kontext's pictures; parts and seeds count."""
    folder = reference_folder(name)
    parts: dict[str, Any] = {"adapter": folder / "adapter"} if name == "flux-redux" else {}
    opened = open_reference_host(name, base=folder / "base", **parts)
    opened.pipeline.set_progress_bar_config(disable=True)
    # Kontext brings pictures to a million pixels, unless told not to.
    small = replace(opened.host, resolutions=())
    opened = replace(opened, fitted=replace(opened.fitted, host=small))
    own = {} if name == "flux-redux" else {"_auto_resize": False}
    said = "x" if name == "flux-kontext" else None
    whole = RegionReference(image=reference_builders.picture())

    def draw(reference: RegionReference, seeds: list[int], text: int = 0) -> list[np.ndarray]:
        embeds = reference_builders.noise(1, 7, 32, seed=text)
        stock = {"prompt_embeds": embeds, "pooled_prompt_embeds": reference_builders.noise(1, 32), **own}
        settings = Drawing(prompt=said, steps=2, height=16, width=16, stock=stock)
        return [pixels(drawn) for drawn in draw_references(opened, [reference], seeds, settings)]

    first, second = draw(whole, [3, 4])
    assert first.shape == (16, 16, 3) and np.abs(first - second).max() > 2
    assert np.abs(second - draw(whole, [4])[0]).max() <= 2
    assert np.abs(first - draw(replace(whole, mask_image=LEFT), [3])[0]).max() > 0
    assert np.abs(first - draw(whole, [3], text=1)[0]).max() > 0
    assert np.abs(first - draw(replace(whole, weight=0.01), [3])[0]).max() > 0
    assert np.array_equal(first, draw(whole, [3, 4])[0])


def test_redux_without_a_text(reference_folder: Folder, reference: RegionReference) -> None:
    """The pooled text that its prior fills in is as wide as this denoiser reads it, here 32 instead of Flux's 768."""
    folder = reference_folder("flux-redux")
    opened = open_reference_host("flux-redux", base=folder / "base", adapter=folder / "adapter")
    opened.pipeline.set_progress_bar_config(disable=True)
    part, whole = (
        pixels(next(draw_references(opened, [shown], [0], Drawing(steps=2, height=16, width=16))))
        for shown in (reference, replace(reference, mask_image=None))
    )
    assert part.shape == (16, 16, 3) and np.abs(part - whole).max() > 0


@pytest.mark.parametrize("name", REFERENCE_HOSTS)
def test_every_stock_call_takes_the_settings(name: str) -> None:
    host, diffusers = REFERENCE_HOSTS[name], import_module("diffusers")
    text: dict[str, Any] = {} if host.call.prompt == "none" else {"prompt": "a cup"}
    text |= {"true_guidance": 2.0} if host.call.true_guidance else {}
    text |= {"negative_prompt": "x"} if host.call.negative_prompt else {}
    wanted = Drawing(**text, guidance=2.0)
    reference = RegionReference(image=torch.zeros(3, 8, 8))
    size = check_drawing(host, [reference], wanted, default=(64, 64))
    assert size == (64, 64)
    made = stock_settings(host, wanted, size)
    parameters = inspect.signature(getattr(diffusers, host.pipelines[0]).__call__).parameters
    assert made.keys() <= parameters.keys()
    needed = {n for n, p in parameters.items() if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD}
    assert needed - {"self", "image_embeds", "negative_image_embeds"} <= made.keys()
    assert made[host.call.steps] == 25 and made[host.call.guidance] == 2.0
    assert ("height" in made) == host.call.sized


@pytest.mark.parametrize("name", REFERENCE_HOSTS)
def test_scales_and_sides_are_the_stock_calls_own(name: str) -> None:
    """But for Kontext, whose documentation has another scale than its call, and klein, which ignores one."""
    host, diffusers = REFERENCE_HOSTS[name], import_module("diffusers")
    parameters = inspect.signature(getattr(diffusers, host.pipelines[0]).__call__).parameters
    expected = {"flux-kontext": 2.5, "flux2-klein": 1.0}.get(name, parameters[host.call.guidance].default)
    assert host.call.guidance_scale == expected
    if host.call.sized and parameters["height"].default is not None:
        assert host.call.side == parameters["height"].default == parameters["width"].default
    assert host.half == ("bfloat16" if "flux" in name or name == "sd35-ip" else "float16")
    assert host.call.negative_prompt <= ("negative_prompt" in parameters)
    assert host.call.true_guidance <= ("true_cfg_scale" in parameters)


def test_an_encoder_is_where_the_pipeline_computes_and_then_where_it_was() -> None:
    place, elsewhere, moves = torch.device("cpu"), torch.device("meta"), []

    class Tower:
        device = place

        def to(self, where: torch.device) -> None:
            moves.append(where)

    tower = Tower()
    with drawing._at(tower, place), drawing._at(None, place):
        assert moves == []
    with pytest.raises(ZeroDivisionError), drawing._at(tower, elsewhere):
        assert moves == [elsewhere]
        raise ZeroDivisionError
    assert moves == [elsewhere, place]


def test_a_text_that_nothing_reads(reference_folder: Folder) -> None:
    reference = RegionReference(image=torch.zeros(3, 8, 8))
    opened = opened_from("flux-ip", reference_folder("flux-ip"))
    assert not opened.fitted.reads_text
    with pytest.raises(InputError, match=r"prompt: .*base was saved without text towers; in Python, give"):
        draw_references(opened, [reference], [0], Drawing(height=16, width=16))
    check_text_towers(opened.fitted, Drawing(stock={"prompt_embeds": torch.zeros(1, 7, 32)}))
    redux = replace(opened.fitted, host=REFERENCE_HOSTS["flux-redux"])
    check_text_towers(redux, Drawing())
    with pytest.raises(InputError, match="saved without text towers"):
        check_text_towers(redux, Drawing(prompt="a cup"))
    check_text_towers(replace(opened.fitted, host=REFERENCE_HOSTS["karlo"]), Drawing())
    check_text_towers(opened_from("sd15-ip", reference_folder("sd15-ip")).fitted, Drawing())


def test_guidance() -> None:
    unet, flux = REFERENCE_HOSTS["sd15-ip"], REFERENCE_HOSTS["flux-ip"]
    assert scale_of(unet, Drawing()) == 7.5 and scale_of(unet, Drawing(guidance=2.0)) == 2.0
    assert is_guided(unet, Drawing()) and not is_guided(unet, Drawing(guidance=1.0))
    assert not is_guided(flux, Drawing(guidance=5.0)) and is_guided(flux, Drawing(true_guidance=1.5))
    assert not is_guided(flux, Drawing(true_guidance=1.0))
