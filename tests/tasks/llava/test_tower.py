"""Four channels in a stock LLaVA: strict, and the same to the bit while alpha has no weight."""

import copy
from types import ModuleType
from typing import Any

import pytest
import torch
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection, LlavaConfig, SiglipVisionConfig

from gencontrol.errors import CheckpointError, PairingError
from gencontrol.tasks.llava.tower import (
    check_llava,
    has_alpha,
    image_tokens,
    patch_embedding,
    swap_tower,
    vision_tower,
    widen_llava,
)


@pytest.fixture
def stock(llava_builders: ModuleType, tiny: ModuleType) -> Any:
    return llava_builders.llava(tiny)


@pytest.fixture
def inputs(llava_builders: ModuleType) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    ids = torch.tensor([[1, *[3] * llava_builders.TOKENS, 9, 12, 14]]).repeat(2, 1)
    pixels = torch.randn(2, 4, 64, 64, generator=generator)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "pixel_values": pixels}


@torch.no_grad()
def logits(model: Any, inputs: dict[str, torch.Tensor], channels: int) -> torch.Tensor:
    return model(**inputs | {"pixel_values": inputs["pixel_values"][:, :channels]}).logits


def test_a_widened_model_answers_as_before_to_the_bit(stock: Any, inputs: dict[str, torch.Tensor]) -> None:
    expected = logits(stock, inputs, 3)
    widen_llava(stock)
    assert torch.equal(logits(stock, inputs, 4), expected)
    assert not has_alpha(stock) and stock.config.vision_config.num_channels == 4
    said = stock.generate(**inputs, max_new_tokens=6, do_sample=False)
    weights = patch_embedding(stock).get_parameter("weight")
    with torch.no_grad():
        weights[:, 3:] = 0.3
    assert has_alpha(stock)
    assert not torch.equal(logits(stock, inputs, 4), expected)
    assert said.shape[1] > inputs["input_ids"].shape[1]


def test_four_channels_stay_as_they_are(stock: Any) -> None:
    widen_llava(stock)
    with torch.no_grad():
        patch_embedding(stock).get_parameter("weight")[:, 3:] = 0.25
    tower = stock.model.vision_tower
    widen_llava(stock)
    assert stock.model.vision_tower is tower and has_alpha(stock)


def test_an_alpha_clips_tower_takes_its_place(stock: Any, inputs: dict[str, torch.Tensor], tiny: ModuleType) -> None:
    tower = tiny.vision_tower(channels=4, seed=3)
    projector = copy.deepcopy(stock.model.multi_modal_projector.state_dict())
    swap_tower(stock, tower)
    pixels = inputs["pixel_values"]
    with torch.no_grad():
        hidden = tower(pixel_values=pixels, output_hidden_states=True).hidden_states[-2][:, 1:]
        expected = stock.model.multi_modal_projector(hidden)
        seen = torch.stack(list(stock.model.get_image_features(pixel_values=pixels).pooler_output))
    torch.testing.assert_close(seen, expected, atol=1e-6, rtol=1e-6)
    assert all(torch.equal(projector[k], v) for k, v in stock.model.multi_modal_projector.state_dict().items())
    # A copy: what is done to the one does not reach the other.
    with torch.no_grad():
        patch_embedding(stock).get_parameter("weight").zero_()
    assert tower.vision_model.embeddings.patch_embedding.weight.abs().max() > 0


def test_a_tower_goes_in_in_the_models_format(stock: Any, tiny: ModuleType) -> None:
    swap_tower(stock.to(torch.bfloat16), tiny.vision_tower(channels=4))
    assert {parameter.dtype for parameter in vision_tower(stock).parameters()} == {torch.bfloat16}
    assert not vision_tower(stock).training


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_channels": 3}, "has 3 channels; expected the four of an Alpha-CLIP"),
        ({"num_hidden_layers": 3}, "num_hidden_layers is 3, and that of the LLaVA's tower 2"),
        ({"image_size": 96}, "image_size is 96, and that of the LLaVA's tower 64"),
        ({"hidden_act": "gelu"}, "hidden_act is gelu"),
    ],
)
def test_a_tower_of_another_shape(change: dict[str, Any], message: str, stock: Any, tiny: ModuleType) -> None:
    values = tiny.clip_config(channels=4).vision_config.to_dict() | change
    before = stock.model.vision_tower
    with pytest.raises(PairingError, match=message):
        swap_tower(stock, CLIPVisionModelWithProjection(CLIPVisionConfig(**values)))
    assert stock.model.vision_tower is before


def test_how_many_tokens_a_picture_takes(llava_builders: ModuleType, tiny: ModuleType) -> None:
    config = llava_builders.config(tiny)
    assert image_tokens(config) == 16
    config.vision_config.image_size = 336
    config.vision_config.patch_size = 14
    assert image_tokens(config) == 576


def test_what_is_no_llava_1_5(llava_builders: ModuleType, tiny: ModuleType) -> None:
    config = llava_builders.config(tiny)
    check_llava(config, source="here")
    siglip = LlavaConfig(vision_config=SiglipVisionConfig(), text_config=config.text_config)
    with pytest.raises(CheckpointError, match="looks with a tower of type 'siglip_vision_model': expected CLIP's"):
        check_llava(siglip, source="here")
    for name, value, message in (
        ("vision_feature_layer", -1, r"here reads layer -1 of its tower \(default\): expected layer -2"),
        ("vision_feature_layer", [-2, -5], r"reads layer \[-2, -5\]"),
        ("vision_feature_select_strategy", "full", r"reads layer -2 of its tower \(full\)"),
    ):
        changed = copy.deepcopy(config)
        setattr(changed, name, value)
        with pytest.raises(CheckpointError, match=message):
            check_llava(changed, source="here")
    config.vision_config.num_channels = 5
    with pytest.raises(CheckpointError, match="pictures of 5 channels; expected 3 or 4"):
        check_llava(config, source="here")


@pytest.mark.slow
@torch.no_grad()
def test_at_the_published_shape_one_convolution_is_two() -> None:
    """ViT-L/14@336 with random weights: what the projector is given, by the published way of two patch convolutions."""
    from transformers import LlamaConfig, LlavaForConditionalGeneration

    from gencontrol.alpha_clip.architectures import vision_config

    text = LlamaConfig(vocab_size=16, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2)
    torch.manual_seed(0)
    plain = LlavaConfig(vision_config=vision_config("ViT-L/14@336", channels=3), text_config=text, image_token_index=3)
    model: Any = LlavaForConditionalGeneration(plain).eval()
    pixels = torch.randn(1, 4, 336, 336)
    alpha = torch.nn.Conv2d(1, 1024, 14, stride=14, bias=False)
    embeddings = vision_tower(model).get_submodule("embeddings")
    # The authors' demo adds the second convolution's output to the first's.
    added = embeddings.get_submodule("patch_embedding").register_forward_hook(
        lambda module, given, out: out + alpha(pixels[:, 3:])
    )
    expected = model.model.get_image_features(pixel_values=pixels[:, :3]).pooler_output[0]
    added.remove()
    widen_llava(model)
    patch_embedding(model).get_parameter("weight")[:, 3:] = alpha.weight
    found = model.model.get_image_features(pixel_values=pixels).pooler_output[0]
    assert found.shape == (576, 32)
    assert (found - expected).abs().max() < 1e-5
    patch_embedding(model).get_parameter("weight")[:, 3:] = 0
    without = model.model.get_image_features(pixel_values=pixels).pooler_output[0]
    assert (without - expected).abs().max() > 1e-4
