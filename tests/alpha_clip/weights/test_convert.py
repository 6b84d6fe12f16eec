from collections.abc import Callable

import torch
from torch import Tensor
from transformers import CLIPTextConfig, CLIPVisionConfig

from gencontrol.alpha_clip.weights.convert import (
    join_attention_names,
    open_clip_text_to_clip,
    plain_to_published,
    published_shapes,
    published_to_clip,
    text_shapes,
    widen_patch_embedding,
    widen_patch_weight,
)

Draw = Callable[..., dict[str, Tensor]]


def test_widened_weight_ignores_the_new_channel() -> None:
    weight, pixels = torch.randn(5, 3, 4, 4), torch.randn(2, 4, 8, 8)
    widened = widen_patch_weight(weight)
    assert widened.shape == (5, 4, 4, 4)
    expected = torch.conv2d(pixels[:, :3], weight, stride=4)
    torch.testing.assert_close(torch.conv2d(pixels, widened, stride=4), expected, atol=1e-5, rtol=1e-5)


def test_widening_a_state_changes_the_patch_embedding_only() -> None:
    key = "vision_model.embeddings.patch_embedding.weight"
    state = {key: torch.randn(5, 3, 4, 4), "visual_projection.weight": torch.randn(2, 5)}
    widened = widen_patch_embedding(state)
    assert widened[key].shape == (5, 4, 4, 4) and torch.equal(widened[key][:, :3], state[key])
    assert widened["visual_projection.weight"] is state["visual_projection.weight"]


def test_attention_names() -> None:
    state = {"transformer.resblocks.0.attn.in_proj_weight": torch.zeros(1), "proj": torch.zeros(1)}
    assert set(join_attention_names(state)) == {"transformer.resblocks.0.attn.in_proj.weight", "proj"}


def test_published_patch_weights_are_concatenated(small_config: CLIPVisionConfig, draw_published: Draw) -> None:
    state = draw_published(small_config)
    converted = published_to_clip(state)
    patch = converted["vision_model.embeddings.patch_embedding.weight"]
    assert torch.equal(patch[:, :3], state["conv1.weight"]) and torch.equal(patch[:, 3:], state["conv1_alpha.weight"])
    assert torch.equal(converted["visual_projection.weight"], state["proj"].T)
    values = converted["vision_model.encoder.layers.1.self_attn.v_proj.weight"]
    assert torch.equal(values, state["transformer.resblocks.1.attn.in_proj.weight"][64:])
    assert all(v.is_contiguous() for v in converted.values())


def test_published_shapes_of_the_real_tower() -> None:
    from gencontrol.alpha_clip.architectures import vision_config

    shapes = published_shapes(vision_config("ViT-L/14@336"))
    assert shapes["conv1_alpha.weight"] == (1024, 1, 14, 14)
    assert shapes["positional_embedding"] == (577, 1024)
    assert shapes["transformer.resblocks.23.attn.in_proj.weight"] == (3072, 1024)
    # Five tensors and two norms outside the blocks; two norms and four linear maps in each.
    assert len(shapes) == 9 + 24 * 12


def test_plain_tower_gets_a_zero_alpha_convolution() -> None:
    state = plain_to_published({"conv1.weight": torch.randn(8, 3, 4, 4), "a.attn.in_proj_bias": torch.zeros(1)})
    assert state["conv1_alpha.weight"].shape == (8, 1, 4, 4) and not state["conv1_alpha.weight"].any()
    assert "a.attn.in_proj.bias" in state


def test_text_tower_keys_are_transformers() -> None:
    from transformers import CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=20,
        hidden_size=16,
        intermediate_size=48,
        projection_dim=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=7,
        eos_token_id=19,
        bos_token_id=18,
    )
    state = {k: torch.randn(s) for k, s in text_shapes(config).items()}
    converted = open_clip_text_to_clip(state)
    expected = {k: v.shape for k, v in CLIPTextModelWithProjection(config).state_dict().items()}
    assert {k: v.shape for k, v in converted.items()} == expected
    assert torch.equal(converted["text_projection.weight"], state["text_projection"].T)
