"""The mean of patch tokens: which, how much each, and how long."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError, InputError
from gencontrol.focus import MaskedPoolingFocus, focus_strategy
from gencontrol.focus.masked_pooling import as_long_as, last_layer, pool


def test_patches_count_as_much_as_the_part_covers_them(trained: AlphaCLIP) -> None:
    """The first patch wholly, the one beside it by half: weights 2 to 1."""
    rgb = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    alpha = torch.zeros(1, 64, 64)
    alpha[0, :16, :24] = 1
    tower = trained.vision.vision_model
    tokens = trained.vision.visual_projection(tower.post_layernorm(trained.patch_tokens(rgb)))[0]
    expected = (2 * tokens[0] + tokens[1]) / 3
    found = MaskedPoolingFocus().embed(trained, rgb, alpha)
    torch.testing.assert_close(functional.normalize(found[0], dim=0), functional.normalize(expected, dim=0))
    torch.testing.assert_close(found.norm(dim=-1), trained.encode_image(rgb).norm(dim=-1))


def test_values_are_what_attention_to_one_patch_alone_would_read(trained: AlphaCLIP) -> None:
    rgb = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    alpha = torch.zeros(1, 64, 64)
    alpha[0, 16:32, 48:] = 1
    tower = trained.vision.vision_model
    layer = last_layer(trained.vision)
    normed = layer.get_submodule("layer_norm1")(trained.patch_tokens(rgb, layer=-2)[:, 7:8])
    only, _ = layer.get_submodule("self_attn")(hidden_states=normed, attention_mask=None)
    expected = trained.vision.visual_projection(tower.post_layernorm(only))[0]
    found = MaskedPoolingFocus(tokens="values").embed(trained, rgb, alpha)
    torch.testing.assert_close(functional.normalize(found, dim=-1), functional.normalize(expected, dim=-1))
    torch.testing.assert_close(found.norm(dim=-1), trained.encode_image(rgb).norm(dim=-1))
    assert not torch.allclose(found, MaskedPoolingFocus().embed(trained, rgb, alpha), atol=1e-2)


def test_there_are_no_other_tokens(unchecked: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match="tokens: expected one of last, values, got 'first'"):
        unchecked(MaskedPoolingFocus, tokens="first")
    assert focus_strategy("masked-pooling", tokens="values") == MaskedPoolingFocus(tokens="values")


def test_only_ratios_of_weights_count() -> None:
    tokens = torch.tensor([[[1.0, 0.0], [0.0, 4.0], [9.0, 9.0]]])
    weights = torch.tensor([[0.3, 0.1, 0.0]])
    torch.testing.assert_close(pool(tokens, weights), torch.tensor([[0.75, 1.0]]))
    torch.testing.assert_close(pool(tokens, weights / 1000), torch.tensor([[0.75, 1.0]]))


def test_no_weight_at_all_is_an_error() -> None:
    with pytest.raises(InputError, match="lies outside of what the encoder sees"):
        pool(torch.ones(2, 3, 4), torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))


def test_lengths_are_those_of_the_model() -> None:
    model, embeds = torch.tensor([[3.0, 4.0], [0.0, 2.0]]), torch.tensor([[0.0, 0.1], [8.0, 0.0]])
    torch.testing.assert_close(as_long_as(model, embeds), torch.tensor([[0.0, 5.0], [2.0, 0.0]]))


def test_what_is_marked_faintly_everywhere_counts_too(trained: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    hard, soft = (MaskedPoolingFocus().embed(trained, rgb, a) for a in (alpha, 0.5 + 0.5 * alpha))
    whole = MaskedPoolingFocus().embed(trained, rgb, torch.ones_like(alpha))
    near = functional.cosine_similarity
    assert (near(soft, whole) > near(hard, whole)).all()
