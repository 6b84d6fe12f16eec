"""The bias on the class token's row: its form, its effect on attention, and what leaves it neutral."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError
from gencontrol.focus import AttentionFocus
from gencontrol.focus.attention import all_tokens_bias, class_token_bias, patch_alphas
from gencontrol.regions import Geometry
from gencontrol.regions.shapes import box_alpha


def test_bias_is_on_the_class_tokens_row_only() -> None:
    patches = torch.tensor([[1.0, 0.5, 0.0], [0.25, 1.0, 1e-6]])
    bias = class_token_bias(patches, scale=2.0, floor=1e-2)
    assert bias.shape == (2, 1, 4, 4)
    assert not bias[:, :, 1:].any()
    expected = [[0, 0, 2 * math.log(0.5), 2 * math.log(0.01)], [0, 2 * math.log(0.25), 0, 2 * math.log(0.01)]]
    torch.testing.assert_close(bias[:, 0, 0], torch.tensor(expected))


def test_bias_on_all_rows_is_the_same_for_every_reader() -> None:
    patches = torch.tensor([[1.0, 0.5, 1e-6]])
    logs = [2 * math.log(a) for a in (1.0, 0.5, 1e-2)]
    bias = all_tokens_bias(patches, scale=2.0, floor=1e-2)
    torch.testing.assert_close(bias, torch.tensor([0.0, *logs])[None, None, None])
    without = all_tokens_bias(patches, scale=2.0, floor=1e-2, class_token=False)
    torch.testing.assert_close(without, torch.tensor(logs)[None, None, None])


def test_patches_inside_do_not_read_what_is_outside_of_all_rows(plain: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    changed = rgb.clone()
    changed[..., :18] = 1 - changed[..., :18]

    def effect(rows) -> float:
        focus = AttentionFocus(floor=1e-6, rows=rows)
        return (focus.embed(plain, changed, alpha) - focus.embed(plain, rgb, alpha)).abs().amax().item()

    assert 0 < effect("all") < 1e-3 * effect("class")


def test_attention_is_multiplied_by_alpha(plain: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    patches = patch_alphas(alpha, plain.processor.geometry, 16)
    bias = class_token_bias(patches, scale=1.0, floor=1e-3)
    free, biased = (plain.attention_maps(rgb, layer=0, attention_bias=b) for b in (None, bias))
    factors = torch.cat([torch.ones(2, 1), patches.clamp(min=1e-3)], dim=1)[:, None]
    expected = free[:, :, 0] * factors / (free[:, :, 0] * factors).sum(dim=-1, keepdim=True)
    torch.testing.assert_close(biased[:, :, 0], expected)
    torch.testing.assert_close(biased[:, :, 1:], free[:, :, 1:])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kernel", ["sdpa", "eager"])
def test_zero_bias_is_neutral_to_the_bit(kernel: str, dtype: torch.dtype, rgb: Tensor, tiny) -> None:
    encoder = AlphaCLIP.from_clip(tiny.alpha_clip_model(), dtype=dtype)
    encoder.vision.set_attn_implementation(kernel)
    values = encoder.preprocess(rgb)
    zero = class_token_bias(torch.ones(2, 16, dtype=dtype), scale=1.0, floor=1e-3)
    assert not zero.any()
    assert torch.equal(encoder.encode_pixels(values, attention_bias=zero), encoder.encode_pixels(values))


def test_scale_zero_does_nothing(plain: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    assert torch.equal(AttentionFocus(scale=0.0).embed(plain, rgb, alpha), plain.encode_image(rgb))


def test_patches_outside_are_all_but_unread(plain: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    """With one layer, the class token alone decides: what is outside matters as little as the floor says."""
    encoder = AlphaCLIP.from_clip(plain.vision)
    encoder.vision.vision_model.encoder.layers = encoder.vision.vision_model.encoder.layers[:1]
    changed = rgb.clone()
    changed[..., :18] = 1 - changed[..., :18]  # within the first column of patches, which the part does not touch

    def effect(floor: float) -> float:
        focus = AttentionFocus(floor=floor)
        return (focus.embed(encoder, changed, alpha) - focus.embed(encoder, rgb, alpha)).abs().amax().item()

    assert effect(1e-6) < 1e-3 * effect(1.0)


@pytest.mark.parametrize("fit", ["pad", "squash", "crop"])
def test_patch_alphas_are_the_views_means(fit) -> None:
    alpha = box_alpha((32, 0, 64, 32), (64, 64))[None]
    patches = patch_alphas(alpha, Geometry(size=64, fit=fit), 16).reshape(4, 4)
    assert patches.tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_padding_is_outside_of_a_part_and_neutral_for_the_whole() -> None:
    geometry = Geometry(size=64)
    whole = patch_alphas(torch.ones(1, 32, 64), geometry, 16)
    assert torch.equal(whole, torch.ones(1, 16))
    part = patch_alphas(box_alpha((0, 0, 32, 32), (32, 64))[None], geometry, 16).reshape(4, 4)
    assert part.round(decimals=4).tolist() == [[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]]
    faint = patch_alphas(torch.full((1, 32, 64), 0.4), geometry, 16)
    torch.testing.assert_close(faint, torch.full((1, 16), 0.4))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scale": -1.0}, "scale: expected 0 or more, got -1"),
        ({"scale": math.nan}, "scale: expected 0 or more, got nan"),
        ({"floor": 0.0}, "floor: expected above 0 and at most 1, got 0"),
        ({"floor": 2.0}, "floor: expected above 0"),
    ],
)
def test_impossible_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AttentionFocus(**settings)


def test_other_rows_are_refused(unchecked: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match="rows: expected one of class, all, got 'patches'"):
        unchecked(AttentionFocus, scale=1.0, floor=1e-3, rows="patches")


def test_defaults_are_alpha_itself_with_a_thousandth_outside() -> None:
    assert AttentionFocus() == AttentionFocus(scale=1.0, floor=1e-3, rows="class")
