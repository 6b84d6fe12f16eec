"""What a host would ignore or fail at is refused before any weight is loaded."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.focus import MaskedPoolingFocus
from gencontrol.images.picture import Picture
from gencontrol.pipelines import Drawing, RegionReference
from gencontrol.pipelines.hosts.reference_registry import REFERENCE_HOSTS
from gencontrol.pipelines.stock.wanted import check_drawing
from gencontrol.regions.scene import Scene
from gencontrol.regions.shapes import box_alpha

LEFT = box_alpha((0, 0, 16, 32), (32, 32))
REFERENCE = RegionReference(image=torch.zeros(3, 8, 8))
SMALL, LONG = (Scene(picture=Picture(rgb=torch.zeros(3, *size))) for size in ((8, 40), (64, 640)))


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("flux-kontext", {}, "prompt: flux-kontext needs a text that says what to draw"),
        ("flux2", {"prompt": " "}, "prompt: flux2 needs a text"),
        ("kandinsky-2.1", {}, "prompt: kandinsky-2.1 needs a text"),
        ("kandinsky-2.2", {"prompt": " "}, "prompt: it is empty, and kandinsky-2.2 would mix it with its references"),
        ("kandinsky-2.2", {"text_share": 0.5}, "text_share: expected `prompt` beside it, whose share it is"),
        ("kandinsky-2.1", {"prompt": "x", "text_share": 1.1}, "text_share: expected .* 1"),
        ("sdxl-ip", {"prompt": "x", "text_share": 0.5}, "text_share: the condition of sdxl-ip is mixed with no text"),
        ("karlo", {"prompt": "x"}, "prompt: the stock call of karlo takes no text"),
        ("karlo", {"height": 64}, "height and width: those of karlo are its own"),
        ("flux-redux", {"negative_prompt": "x"}, "negative_prompt: the stock call of flux-redux takes none"),
        ("sd15-ip", {"negative_prompt": "x", "guidance": 1.0}, "negative_prompt: .* give `guidance` above 1"),
        ("flux-ip", {"negative_prompt": "x"}, "negative_prompt: .* give `true_guidance` above 1"),
        ("sd15-ip", {"true_guidance": 2.0}, "true_guidance: sd15-ip has one scale of guidance"),
        ("sd15-ip", {"guidance": -1.0}, "guidance: expected a scale of 0 or more"),
        ("flux-ip", {"true_guidance": -1.0}, "true_guidance: expected a scale of 0 or more"),
        ("sd15-ip", {"steps": 0}, "num_inference_steps: expected 1 or more"),
        ("sd15-ip", {"stock": {"output_type": "pt", "generator": 1}}, "stock: generator, output_type are made here"),
        # References are made for these: with another scale stock code mixes the negative into the picture.
        ("sd15-ip", {"stock": {"guidance_scale": 1.0}}, "stock: guidance_scale: .* as `guidance` of the drawing"),
        ("karlo", {"stock": {"decoder_guidance_scale": 1.0}}, "stock: decoder_guidance_scale: .* as `guidance`"),
        ("flux-ip", {"stock": {"true_cfg_scale": 2.0}}, "stock: true_cfg_scale: .* as `true_guidance` of the drawing"),
        ("sd15-ip", {"stock": {"height": 64}}, "stock: height: references are made for it: give it as `height`"),
        ("sd15-ip", {"width": 30}, "width: expected a multiple of 8 pixels, got 30"),
        # Stock code refuses the first in the middle of a call, and draws the others at another size.
        ("sd35-ip", {"width": 72}, "height and width: expected multiples of 16 pixels, got height 64 and width 72"),
        ("flux-ip", {"height": 72}, "height and width: expected multiples of 16"),
        ("flux-redux", {"height": 72}, "height and width: expected multiples of 16"),
        ("flux-kontext", {"prompt": "x", "height": 72}, "height and width: expected multiples of 16"),
        ("flux2-klein", {"prompt": "x", "height": 72}, "height and width: expected multiples of 16"),
        ("kandinsky-2.1", {"prompt": "x", "height": 96}, "height and width: expected multiples of 64"),
        ("kandinsky-2.2", {"height": 96}, "height and width: expected multiples of 64"),
    ],
)
def test_settings(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_drawing(REFERENCE_HOSTS[name], [REFERENCE], Drawing(**settings), default=(64, 64))


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("sd35-ip", {"canvas_mask": LEFT}, "canvas_mask: sd35-ip has no way"),
        ("flux-ip", {"schedule": "1:0"}, "schedule: flux-ip reads its condition once"),
        ("sd15-ip-plus", {"strength": 1.1}, "strength: expected"),
        ("flux-kontext", {"strength": -0.1}, "strength: expected"),
        ("sd15-ip", {"strength": 2.1}, "strength: expected"),
        ("karlo", {"weight": 0.5}, "weight: karlo takes none"),
        (
            "sd15-ip",
            {"canvas_mask": LEFT[:, 8:24]},
            "canvas_mask: 16 x 32 pixels are not of the output's shape",
        ),
        ("sdxl-ip-plus", {"mask_image": LEFT[:8, :8], "focus": "zoom+crop"}, r"The focus 'zoom\+crop' makes one"),
        ("flux-redux", {"mask_image": LEFT[:8, :8], "focus": "masked-pooling"}, "The focus 'masked-pooling' makes one"),
        ("sd35-ip", {"negative_mask_image": LEFT[:8, :8], "focus": MaskedPoolingFocus()}, "makes one embedding"),
        ("flux2", {"image": SMALL}, "A reference of 40 x 8 pixels is too small: flux2 takes sides of 64 pixels and"),
        ("flux2", {"image": LONG}, "A reference of 640 x 64 pixels is too long: flux2 takes .* to 1, .*; crop it"),
        ("flux-ip", {"negative_mask_image": LEFT[:8, :8]}, "negative_mask_image: it would act on nothing without"),
    ],
)
def test_references(name: str, changes: dict[str, Any], message: str) -> None:
    host = REFERENCE_HOSTS[name]
    with pytest.raises(InputError, match=message):
        text = Drawing(prompt="x" if host.call.prompt == "needed" else None)
        check_drawing(host, [replace(REFERENCE, **changes)], text, default=(64, 64))


def test_no_side_is_longer_than_a_denoiser_has_positions_for() -> None:
    host = REFERENCE_HOSTS["sd35-ip"]
    host = replace(host, call=replace(host.call, most_side=96))
    assert check_drawing(host, [REFERENCE], Drawing(height=96, width=96)) == (96, 96)
    with pytest.raises(InputError, match=r"at most 96 pixels, for which sd35-ip has positions, got .* width 112"):
        check_drawing(host, [REFERENCE], Drawing(height=96, width=112))


def test_strengths_at_their_ends() -> None:
    for name, strength in (("sd15-ip", 2.0), ("sd15-ip-plus", 1.0), ("sd15-ip-plus", 0.0)):
        check_drawing(REFERENCE_HOSTS[name], [replace(REFERENCE, strength=strength)], Drawing())


def test_several_where_one_is_taken() -> None:
    host = REFERENCE_HOSTS["sd35-ip"]
    with pytest.raises(InputError, match="sd35-ip takes one reference for an output, got 2"):
        check_drawing(host, [REFERENCE] * 2, Drawing(), default=(64, 64))


def test_a_canvas_mask_needs_a_size() -> None:
    masked = replace(REFERENCE, canvas_mask=LEFT)
    with pytest.raises(InputError, match="height and width: expected the output's"):
        check_drawing(REFERENCE_HOSTS["sd15-ip"], [masked], Drawing())
    assert check_drawing(REFERENCE_HOSTS["sd15-ip"], [masked], Drawing(height=64, width=64)) == (64, 64)
