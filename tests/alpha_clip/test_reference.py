"""The tower against the plain restatement of the published forward pass, and the restatement against torch's own."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from transformers import CLIPVisionConfig

from gencontrol.alpha_clip.architectures import square, vision_config
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.alpha_clip.reference import attend, embed_tokens, published_forward, quick_gelu
from gencontrol.alpha_clip.towers import fill_vision
from gencontrol.alpha_clip.weights.convert import published_to_clip
from gencontrol.regions.geometry import Geometry

Draw = Callable[..., dict[str, Tensor]]
# bfloat16 keeps 8 bits: the published sizes differ from float32 by 0.04 at values around 1.
BFLOAT16_TOLERANCE = 0.06


def _both(
    config: CLIPVisionConfig, state: dict[str, Tensor], dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor]:
    """Encoder in `dtype`, restatement in float32."""
    size, _ = square(config)
    pixels = torch.randn(2, 4, size, size, generator=torch.Generator().manual_seed(5))
    tower = fill_vision(config, {k: v.to(dtype) for k, v in published_to_clip(state).items()})
    encoder = AlphaCLIP(tower, processor=AlphaCLIPProcessor(geometry=Geometry(size=size)))
    with torch.inference_mode():
        embeds = encoder.encode_pixels(pixels.to(dtype))
        plain = published_forward(state, pixels[:, :3], pixels[:, 3:], heads=config.num_attention_heads)
    return embeds.float(), plain


def test_tower_equals_restatement(small_config: CLIPVisionConfig, draw_published: Draw) -> None:
    embeds, plain = _both(small_config, draw_published(small_config))
    assert plain.std() > 0.3
    torch.testing.assert_close(embeds, plain, atol=1e-5, rtol=0)


def test_tower_equals_restatement_in_bfloat16(small_config: CLIPVisionConfig, draw_published: Draw) -> None:
    embeds, plain = _both(small_config, draw_published(small_config), torch.bfloat16)
    torch.testing.assert_close(embeds, plain, atol=BFLOAT16_TOLERANCE, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ViT-B/16", "ViT-L/14", "ViT-L/14@336"])
def test_tower_equals_restatement_at_the_published_sizes(name: str, draw_published: Draw) -> None:
    config = vision_config(name)
    state = draw_published(config)
    embeds, plain = _both(config, state)
    torch.testing.assert_close(embeds, plain, atol=1e-5, rtol=0)
    embeds, plain = _both(config, state, torch.bfloat16)
    torch.testing.assert_close(embeds, plain, atol=BFLOAT16_TOLERANCE, rtol=0)


def test_alpha_and_every_weight_matter(small_config: CLIPVisionConfig, draw_published: Draw) -> None:
    """The parity above would not notice a weight that neither uses."""
    state = {k: v.requires_grad_() for k, v in draw_published(small_config).items()}
    alpha = torch.rand(2, 1, 64, 64, requires_grad=True)
    published_forward(state, torch.randn(2, 3, 64, 64), alpha, heads=4).square().sum().backward()
    for key, value in {**state, "alpha": alpha}.items():
        assert value.grad is not None and value.grad.abs().max() > 0, key


def test_attention_is_torchs(small_config: CLIPVisionConfig, draw_published: Draw) -> None:
    block = {k.removeprefix("transformer.resblocks.0."): v for k, v in draw_published(small_config).items()}
    theirs = nn.MultiheadAttention(32, 4, batch_first=True)
    theirs.load_state_dict(
        {
            "in_proj_weight": block["attn.in_proj.weight"],
            "in_proj_bias": block["attn.in_proj.bias"],
            "out_proj.weight": block["attn.out_proj.weight"],
            "out_proj.bias": block["attn.out_proj.bias"],
        }
    )
    tokens = torch.randn(2, 5, 32)
    expected, _ = theirs(tokens, tokens, tokens)
    torch.testing.assert_close(attend(block, tokens, heads=4), expected, atol=1e-6, rtol=1e-5)


def test_tokens_are_two_convolutions_class_and_positions(small_config: CLIPVisionConfig, draw_published: Draw) -> None:
    state = draw_published(small_config)
    state |= {"ln_pre.weight": torch.ones(32), "ln_pre.bias": torch.zeros(32)}
    rgb, alpha = torch.randn(1, 3, 64, 64), torch.randn(1, 1, 64, 64)
    tokens = embed_tokens(state, rgb, alpha)
    # Token 7 is the patch in the second row and third column, after the class token.
    patch = (rgb[0, :, 16:32, 32:48] * state["conv1.weight"]).sum((1, 2, 3))
    patch = patch + (alpha[0, :, 16:32, 32:48] * state["conv1_alpha.weight"]).sum((1, 2, 3))
    expected = nn.functional.layer_norm(patch + state["positional_embedding"][7], (32,))
    torch.testing.assert_close(tokens[0, 7], expected, atol=1e-4, rtol=1e-4)
    first = nn.functional.layer_norm(state["class_embedding"] + state["positional_embedding"][0], (32,))
    torch.testing.assert_close(tokens[0, 0], first, atol=1e-5, rtol=1e-5)


def test_quick_gelu() -> None:
    values = quick_gelu(torch.tensor([-100.0, 0.0, 1.0, 100.0]))
    torch.testing.assert_close(values, torch.tensor([0.0, 0.0, 0.84579577, 100.0]))
