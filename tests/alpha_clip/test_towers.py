import math
from types import ModuleType

import pytest
import torch
from transformers import CLIPConfig

from gencontrol.alpha_clip.alpha_slice import patch_weight
from gencontrol.alpha_clip.towers import LOGIT_SCALE, fill_text, fill_vision, put_together, shapes_of, take_apart, widen

PATCH = "vision_model.embeddings.patch_embedding.weight"
PIXELS = torch.randn(2, 4, 64, 64, generator=torch.Generator().manual_seed(0))


def test_towers_taken_apart_and_put_together_are_the_same_model(tiny: ModuleType) -> None:
    clip = tiny.alpha_clip_model()
    vision, text = take_apart(clip)
    tokens = tiny.tokenizer()(["a cat", "the red moon"], padding=True, return_tensors="pt")
    image_embeds = clip.get_image_features(PIXELS).pooler_output
    text_embeds = clip.get_text_features(**tokens).pooler_output
    assert torch.equal(vision(PIXELS).image_embeds, image_embeds)
    assert torch.equal(text(**tokens).text_embeds, text_embeds)
    whole = put_together(vision, text, clip.logit_scale).eval()
    assert shapes_of(whole) == shapes_of(clip)
    output = whole(pixel_values=PIXELS, **tokens)
    assert torch.equal(output.logits_per_image, clip(pixel_values=PIXELS, **tokens).logits_per_image)
    assert patch_weight(vision).data_ptr() == whole.state_dict()[PATCH].data_ptr()
    assert patch_weight(vision).data_ptr() == clip.state_dict()[PATCH].data_ptr()


def test_a_filled_tower_holds_the_tensors_themselves(tiny: ModuleType) -> None:
    vision, text = take_apart(tiny.alpha_clip_model())
    tokens = tiny.tokenizer()(["a cat"], return_tensors="pt")
    filled, filled_text = fill_vision(vision.config, vision.state_dict()), fill_text(text.config, text.state_dict())
    assert torch.equal(filled(PIXELS).image_embeds, vision(PIXELS).image_embeds)
    assert torch.equal(filled_text(**tokens).text_embeds, text(**tokens).text_embeds)
    assert patch_weight(filled).data_ptr() == patch_weight(vision).data_ptr()
    assert not any(t.is_meta for t in [*filled.buffers(), *filled.parameters()])
    assert not filled.training


def test_a_filled_tower_moves_whole(tiny: ModuleType) -> None:
    vision, _ = take_apart(tiny.clip())
    filled = torch.nn.Module.to(fill_vision(vision.config, vision.state_dict()), "meta")
    assert all(t.is_meta for t in [*filled.buffers(), *filled.parameters()])


def test_widened_tower_is_the_plain_one_for_any_alpha(tiny: ModuleType) -> None:
    plain = tiny.vision_tower()
    wide = widen(plain)
    assert (plain.config.num_channels, wide.config.num_channels) == (3, 4)
    expected = plain(PIXELS[:, :3]).image_embeds
    torch.testing.assert_close(wide(PIXELS).image_embeds, expected, atol=1e-6, rtol=0)
    assert widen(wide) is wide


def test_the_first_temperature_is_openais() -> None:
    assert math.exp(LOGIT_SCALE) == pytest.approx(1 / 0.07, rel=1e-4)
    assert CLIPConfig().logit_scale_init_value == LOGIT_SCALE
