"""Stock inpainting calls on small components: what they paint is put into the hole, with a reference or without."""

from dataclasses import replace
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.images.picture import Picture
from gencontrol.images.writing import to_pil
from gencontrol.pipelines import REFERENCE_HOSTS, edit_with, region_arguments
from gencontrol.pipelines.editing.window import cut, window_around
from gencontrol.regions import Geometry, from_box

diffusers: Any = import_module("diffusers")

SIZE = (40, 60)
WORK = (32, 32)
HOLE = from_box((20, 10, 36, 26), size=SIZE)


@pytest.fixture(scope="module")
def pipe(hosts: ModuleType) -> Any:
    base = hosts.sd15(plus=True)
    made = diffusers.StableDiffusionInpaintPipeline(**base.components, requires_safety_checker=False)
    made.set_progress_bar_config(disable=True)
    return made


@pytest.fixture(scope="module")
def photo(hosts: ModuleType) -> Picture:
    return Picture(rgb=(255 * hosts.picture(3, height=SIZE[0], width=SIZE[1])).round().to(torch.uint8))


def told(hosts: ModuleType, pipe: Any, **reference: Any) -> dict[str, Any]:
    known = REFERENCE_HOSTS["sd15-ip-plus"]
    host = replace(known, width=hosts.WIDTH, geometry=Geometry(size=hosts.SIZE), grid=2)
    text = {"prompt_embeds": hosts.noise(1, 7, 32, seed=5), "negative_prompt_embeds": hosts.noise(1, 7, 32, seed=6)}
    settings = {"num_inference_steps": 2, "guidance_scale": 3.0}
    return text | settings | region_arguments(host, pipe.image_encoder, hosts.picture(), **reference)


def test_what_the_stock_call_paints_comes_into_the_hole_alone(pipe: Any, photo: Picture, hosts: ModuleType) -> None:
    arguments = told(hosts, pipe)
    first, second = edit_with(pipe, photo, HOLE, size=WORK, arguments=arguments, seeds=(0, 1), seam=0.0)
    outside = HOLE.alpha == 0
    for painted in (first, second):
        assert torch.equal(painted.stored_rgb[:, outside], photo.stored_rgb[:, outside])
        assert not torch.equal(painted.stored_rgb, photo.stored_rgb)
    assert not torch.equal(first.stored_rgb, second.stored_rgb)
    # At the model's own size nothing is resampled, so that the hole is the stock call's output.
    box = window_around(HOLE.alpha, margin=0.5)
    assert (box[2] - box[0], box[3] - box[1]) == WORK
    shown = cut(photo.stored_rgb, box, WORK)
    mask = to_pil(cut(HOLE.alpha[None], box, WORK).expand(3, -1, -1)).convert("L")
    stock = pipe(
        **arguments,
        image=to_pil(shown),
        mask_image=mask,
        height=32,
        width=32,
        generator=torch.Generator().manual_seed(1),
        output_type="pt",
    ).images[0]
    inside = (HOLE.alpha > 0)[box[1] : box[3], box[0] : box[2]]
    expected = (stock.clamp(0, 1) * 255).round().to(torch.uint8)[:, inside]
    assert torch.equal(second.stored_rgb[:, HOLE.alpha > 0], expected)


def test_the_reference_and_its_part_count(pipe: Any, photo: Picture, hosts: ModuleType) -> None:
    def painted(**reference: Any) -> Tensor:
        arguments = told(hosts, pipe, **reference)
        return edit_with(pipe, photo, HOLE, size=WORK, arguments=arguments)[0].stored_rgb

    whole = painted()
    assert torch.equal(whole, painted())
    half = torch.zeros(hosts.SIZE, hosts.SIZE)
    half[:, : hosts.SIZE // 2] = 1.0
    assert not torch.equal(whole, painted(mask_image=half))


def test_a_callers_dictionaries_are_as_before(photo: Picture, hosts: ModuleType) -> None:
    """Flux's stock call puts the reference into the options of attention that it is given."""
    pipe = hosts.flux(diffusers.FluxInpaintPipeline, with_adapter=True)
    host = replace(REFERENCE_HOSTS["flux-ip"], width=hosts.EMBED, geometry=Geometry(size=hosts.SIZE))
    options: dict[str, Any] = {}
    text = {"prompt_embeds": hosts.noise(1, 7, 32), "pooled_prompt_embeds": hosts.noise(1, 32)}
    part = region_arguments(host, pipe.image_encoder, hosts.picture(), guided=False)
    arguments = {**text, "num_inference_steps": 2, "strength": 1.0, "joint_attention_kwargs": options, **part}
    edit_with(pipe, photo, HOLE, size=WORK, arguments=arguments, seeds=(0, 1))
    assert options == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arguments": {"image": 1, "generator": 2}}, "arguments: generator, image are made here"),
        ({"seeds": ()}, "seeds: expected at least one, got none"),
        ({"size": (0, 32)}, "size: expected 8 or more pixels, got 0"),
        ({"seam": 2.0}, "seam: expected 0 or more and at most 1"),
        ({"margin": -1.0}, "margin: expected 0 or more"),
    ],
)
def test_what_is_refused(change: dict[str, Any], message: str, photo: Picture) -> None:
    settings: Any = {"size": WORK, "arguments": {}} | change
    with pytest.raises(InputError, match=message):
        edit_with(None, photo, HOLE, **settings)


def test_what_damaged_weights_paint_is_not_put_in(pipe: Any, photo: Picture, hosts: ModuleType) -> None:
    weight = pipe.vae.decoder.conv_in.weight
    usual = weight.detach().clone()
    with torch.no_grad():
        weight.fill_(torch.nan)
    try:
        with pytest.raises(InputError, match=r"What the model made holds NaN .*The component vae holds NaN"):
            edit_with(pipe, photo, HOLE, size=WORK, arguments=told(hosts, pipe), seeds=(0,))
    finally:
        with torch.no_grad():
            weight.copy_(usual)
