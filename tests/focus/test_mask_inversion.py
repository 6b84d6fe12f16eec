"""Explanations of embeddings, and embeddings that are moved until their explanation is the part."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from transformers import CLIPVisionModelWithProjection

from gencontrol.alpha_clip.architectures import vision_config
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError, InputError
from gencontrol.focus import MaskInversionFocus, focus_strategy
from gencontrol.focus.attention import shown_alphas
from gencontrol.focus.mask_inversion import (
    Explained,
    after_attention,
    check_precision,
    dice_loss,
    enlarged,
    last_block,
    spread,
)
from gencontrol.focus.pixels import whole


@pytest.fixture(scope="module")
def hidden(trained: AlphaCLIP, rgb: Tensor) -> list[Tensor]:
    """What goes into the last layer, and what comes out."""
    seen = trained.vision(pixel_values=whole(trained.processor, rgb), output_hidden_states=True)
    return list(seen.hidden_states[-2:])


def test_the_layer_is_the_towers_own(trained: AlphaCLIP, hidden: list[Tensor], rgb: Tensor) -> None:
    attention = trained.attention_maps(rgb)
    torch.testing.assert_close(after_attention(last_block(trained).layer, hidden[0], attention), hidden[1])


def test_an_explanation_is_the_slope_of_the_similarity(trained: AlphaCLIP, hidden: list[Tensor], rgb: Tensor) -> None:
    block, wanted = last_block(trained), functional.normalize(torch.randn(2, trained.embed_dim), dim=-1)
    attention = trained.attention_maps(rgb).double()
    parts = [part.double() for part in (block.layer, block.norm, block.projection)]

    def similarity(attended: Tensor) -> Tensor:
        tokens = after_attention(parts[0], hidden[0].double(), attended).mean(dim=1)
        return (functional.normalize(parts[2](parts[1](tokens)), dim=-1) * wanted.double()).sum(-1)

    slopes, base = torch.zeros_like(attention), similarity(attention)
    for head in range(attention.shape[1]):
        for row in range(attention.shape[2]):
            for column in range(attention.shape[3]):
                more = attention.clone()
                more[:, head, row, column] += 1e-6
                slopes[:, head, row, column] = (similarity(more) - base) / 1e-6
    expected = spread(slopes.clamp_min(0).mean((1, 2))[:, 1:]).float().reshape(2, 4, 4)
    found = Explained(last_block(trained), hidden[0]).by(wanted)
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)


def explained(encoder: AlphaCLIP, rgb: Tensor, alpha: Tensor, embeds: Tensor) -> Tensor:
    """How far an embedding's explanation is from the part."""
    seen = encoder.vision(pixel_values=whole(encoder.processor, rgb), output_hidden_states=True)
    maps = Explained(last_block(encoder), seen.hidden_states[-2]).by(functional.normalize(embeds, dim=-1))
    target = shown_alphas(alpha, encoder.processor.geometry)
    return dice_loss(enlarged(maps, target.shape[-1]), target).detach()


def test_steps_bring_the_explanation_to_the_part(trained: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    still, few, more = (MaskInversionFocus(steps=n).embed(trained, rgb, alpha) for n in (0, 10, 60))
    torch.testing.assert_close(still, trained.encode_image(rgb))
    far, nearer, near = (explained(trained, rgb, alpha, embeds) for embeds in (still, few, more))
    assert (nearer < far - 0.05).all() and (near < nearer).all()
    torch.testing.assert_close(more.norm(dim=-1), still.norm(dim=-1))


def test_one_step_is_adams(trained: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    """The first moves every number by the rate, up or down."""
    start = trained.encode_image(rgb)
    moved = MaskInversionFocus(steps=1, rate=0.02).embed(trained, rgb, alpha)
    # But for the length, which is kept.
    best = min((moved * scale - start).abs().sub(0.02).abs().mean().item() for scale in torch.linspace(0.9, 1.1, 401))
    assert best < 2e-3


def test_regularisation_holds_it_back(trained: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    start = trained.encode_image(rgb)
    free, held = (MaskInversionFocus(regularisation=r).embed(trained, rgb, alpha) for r in (0.0, 5.0))
    assert (functional.cosine_similarity(held, start) > functional.cosine_similarity(free, start)).all()


@torch.inference_mode()
def test_it_works_where_gradients_are_off(trained: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    found = MaskInversionFocus().embed(trained, rgb, alpha)
    with torch.inference_mode(False):
        expected = MaskInversionFocus().embed(trained, rgb, alpha)
    torch.testing.assert_close(found, expected)
    assert not torch.allclose(found, trained.encode_image(rgb), atol=1e-2)
    assert torch.equal(found, MaskInversionFocus().embed(trained, rgb, alpha))


def test_the_tower_stays_as_it_is(trained: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    before = {name: value.clone() for name, value in trained.state_dict().items()}
    MaskInversionFocus().embed(trained, rgb, alpha)
    assert all(torch.equal(value, before[name]) for name, value in trained.state_dict().items())
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in trained.parameters())


def test_a_tower_of_a_published_shape(rgb: Tensor, alpha: Tensor) -> None:
    config = vision_config("ViT-B/16")
    config.num_hidden_layers = 2
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = AlphaCLIP.from_clip(CLIPVisionModelWithProjection(config).eval())
    for name in ("mask-inversion", "masked-pooling"):
        embeds = focus_strategy(name).embed(encoder, rgb[:1], alpha[:1])
        assert embeds.shape == (1, 512) and embeds.isfinite().all()


def test_maps_are_compared() -> None:
    one = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    assert dice_loss(one, one).item() == 0 and dice_loss(one, 1 - one).item() == 1
    assert dice_loss(one, torch.ones_like(one)).item() == pytest.approx(1 / 3)
    assert torch.equal(dice_loss(0 * one, 0 * one), torch.ones(1))


def test_maps_are_spread_each_by_itself() -> None:
    maps = torch.tensor([[1.0, 2.0, 5.0], [3.0, 3.0, 3.0]])
    assert torch.equal(spread(maps), torch.tensor([[0.0, 0.25, 1.0], [0.0, 0.0, 0.0]]))


def test_maps_are_enlarged_evenly() -> None:
    large = enlarged(torch.tensor([[[0.0, 1.0], [0.0, 1.0]]]), 4)
    torch.testing.assert_close(large[0], torch.tensor([0.0, 0.25, 0.75, 1.0]).expand(4, 4))


def test_defaults_and_impossible_settings() -> None:
    assert focus_strategy("mask-inversion") == MaskInversionFocus(steps=10, rate=0.1, regularisation=0.0)
    for changes, message in (
        ({"steps": -1}, "steps: expected 0 to 1000, got -1"),
        ({"steps": 1001}, "steps: expected 0 to 1000, got 1001"),
        ({"rate": 0.0}, "rate: expected above 0, got 0"),
        ({"rate": math.nan}, "rate: expected a finite number"),
        ({"regularisation": -0.5}, "regularisation: expected 0 or more, got -0.5"),
    ):
        with pytest.raises(ConfigError, match=message):
            focus_strategy("mask-inversion", **changes)


def test_half_precision_that_is_loaded_layer_by_layer_is_refused(
    trained: AlphaCLIP, rgb: Tensor, alpha: Tensor
) -> None:
    elsewhere = AlphaCLIP.from_clip(trained.vision, dtype=torch.bfloat16).to("meta")
    with pytest.raises(InputError, match="`mask-inversion` needs float32 where weights are loaded layer by layer"):
        MaskInversionFocus().embed(elsewhere, rgb, alpha)
    check_precision(AlphaCLIP.from_clip(trained.vision).to("meta"))
    check_precision(AlphaCLIP.from_clip(trained.vision, dtype=torch.bfloat16))
