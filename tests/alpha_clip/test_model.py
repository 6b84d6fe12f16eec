"""The encoder's own methods; where encoders come from is tested in test_sources."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from gencontrol.alpha_clip.alpha_slice import patch_weight
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import InputError, PairingError
from gencontrol.regions.geometry import Geometry

TOLERANCE = {torch.float32: 1e-6, torch.bfloat16: 0.05, torch.float16: 0.01}


@pytest.fixture(scope="module")
def photo(tiny: ModuleType):
    return tiny.photo(60, 96)


@pytest.fixture(scope="module")
def halves(tiny: ModuleType) -> torch.Tensor:
    """Left, right and whole."""
    left = tiny.half_mask(60, 96)
    return torch.stack([left, 1 - left, torch.ones_like(left)])


def test_the_mask_decides(encoder: AlphaCLIP, photo, halves: torch.Tensor) -> None:
    left, right, whole = encoder.encode_image(photo, halves)
    assert (left - right).abs().max() > 0.05
    torch.testing.assert_close(encoder.encode_image(photo)[0], whole, atol=1e-6, rtol=0)


def test_a_widened_clip_is_the_plain_clip_for_any_alpha(tiny: ModuleType, plain: AlphaCLIP, photo, halves) -> None:
    pixels = plain.preprocess(photo, halves)
    tower = tiny.vision_tower()
    torch.testing.assert_close(plain.encode_image(photo, halves), tower(pixels[:, :3]).image_embeds, atol=1e-6, rtol=0)
    assert not plain.has_alpha


def test_has_alpha_sees_a_single_weight(plain: AlphaCLIP) -> None:
    with torch.no_grad():
        patch_weight(plain.vision)[3, 3, 2, 1] = 1e-3
    assert plain.has_alpha


def test_a_batch_gives_what_each_alone_gives(encoder: AlphaCLIP, tiny: ModuleType, photo, halves) -> None:
    other = tiny.photo(40, 40, seed=1)
    mask = tiny.half_mask(40, 40)
    together = encoder.encode_image([photo, other], [halves, mask])
    alone = torch.cat([*(encoder.encode_image(photo, h) for h in halves), encoder.encode_image(other, mask)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_interleaved_masks_do_not_mix(encoder: AlphaCLIP, photo, halves: torch.Tensor) -> None:
    """The alpha map is an argument: there is no state that another thread could change."""
    alone = [encoder.encode_image(photo, h) for h in halves]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda i: encoder.encode_image(photo, halves[i % 3]), range(12)))
    for index, embeds in enumerate(together):
        assert torch.equal(embeds, alone[index % 3])


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_precisions(tiny_folder: Path, encoder: AlphaCLIP, photo, halves: torch.Tensor, dtype: torch.dtype) -> None:
    other = AlphaCLIP.from_pretrained(tiny_folder / "alpha_clip", dtype=dtype)
    assert other.dtype == dtype and other.device == torch.device("cpu")
    embeds, texts = other.encode_image(photo, halves), other.encode_text(["a cat", "the moon"])
    assert embeds.dtype == texts.dtype == dtype
    tolerance = TOLERANCE[dtype]
    torch.testing.assert_close(embeds.float(), encoder.encode_image(photo, halves), atol=tolerance, rtol=0)
    expected = encoder.encode_text(["a cat", "the moon"])
    torch.testing.assert_close(texts.float(), expected, atol=tolerance, rtol=0)
    assert other.similarity(photo, "a cat", halves).dtype == torch.float32


def test_normalize(encoder: AlphaCLIP, photo) -> None:
    for plain, unit in (
        (encoder.encode_image(photo), encoder.encode_image(photo, normalize=True)),
        (encoder.encode_text("a cat"), encoder.encode_text("a cat", normalize=True)),
    ):
        assert plain.norm() > 1.1
        torch.testing.assert_close(unit, plain / plain.norm())


def test_similarity_is_the_stock_models_without_its_scale(encoder: AlphaCLIP, photo, halves: torch.Tensor) -> None:
    texts = ["a cat", "the red moon on a tree"]
    clip = encoder.to_clip().eval()
    assert encoder.tokenizer is not None
    tokens = encoder.tokenizer(texts, padding=True, return_tensors="pt")
    logits = clip(pixel_values=encoder.preprocess(photo, halves), **tokens).logits_per_image
    expected = logits / clip.logit_scale.exp()
    torch.testing.assert_close(encoder.similarity(photo, texts, halves), expected, atol=1e-6, rtol=0)


def test_the_last_word_moves_the_text(encoder: AlphaCLIP) -> None:
    """A text tower that pooled at the wrong position would not see it."""
    one, other = encoder.encode_text(["a photo of a cat", "a photo of a dog"])
    assert (one - other).abs().max() > 0.05
    torch.testing.assert_close(encoder.encode_text("a photo of a cat")[0], one, atol=1e-6, rtol=0)


def test_zero_bias_changes_nothing_to_the_bit(encoder: AlphaCLIP, photo, halves: torch.Tensor) -> None:
    pixels = encoder.preprocess(photo, halves)
    for shape in ((1, 1, 17, 17), (1, 1, 1, 17), (3, 2, 17, 17)):
        biased = encoder.encode_pixels(pixels, attention_bias=torch.zeros(shape))
        assert torch.equal(biased, encoder.encode_pixels(pixels))


def test_bias_cuts_patches_off(encoder: AlphaCLIP) -> None:
    """With no token allowed to see the last column of patches, their content cannot matter."""
    one = torch.randn(1, 4, 64, 64)
    other = one.clone()
    other[..., 48:] = torch.randn(1, 4, 64, 16)
    assert not torch.allclose(encoder.encode_pixels(one), encoder.encode_pixels(other))
    bias = torch.zeros(1, 1, 1, 17)
    bias[..., 4::4] = -torch.inf
    cut = [encoder.encode_pixels(p, attention_bias=bias) for p in (one, other)]
    torch.testing.assert_close(cut[0], cut[1], atol=1e-6, rtol=0)


def test_patch_tokens_are_the_stock_hidden_states(encoder: AlphaCLIP, photo, halves: torch.Tensor) -> None:
    states = encoder.vision(encoder.preprocess(photo, halves), output_hidden_states=True).hidden_states
    for layer in (0, 1, 2, -1, -3):
        assert torch.equal(encoder.patch_tokens(photo, halves, layer=layer), states[layer][:, 1:])
    last = encoder.vision(encoder.preprocess(photo, halves)).last_hidden_state
    assert torch.equal(encoder.patch_tokens(photo, halves), last[:, 1:])
    assert encoder.patch_tokens(photo).shape == (1, encoder.grid**2, 32)


def test_patch_tokens_are_in_row_order(encoder: AlphaCLIP) -> None:
    """Before the first block a token knows its own patch only: the pixel at row 20, column 50 is patch 1 * 4 + 3."""
    image = torch.zeros(3, 64, 64)
    marked = image.clone()
    marked[:, 20, 50] = 1.0
    difference = (encoder.patch_tokens(marked, layer=0) - encoder.patch_tokens(image, layer=0)).abs().amax(-1)
    assert difference[0].nonzero().flatten().tolist() == [7]
    assert encoder.grid == 4


def test_attention_maps_explain_the_class_token(encoder: AlphaCLIP, photo, halves: torch.Tensor) -> None:
    maps = encoder.attention_maps(photo, halves)
    assert maps.shape == (3, 2, 17, 17)
    torch.testing.assert_close(maps.sum(-1), torch.ones(3, 2, 17))
    last: Any = encoder.vision.vision_model.encoder.layers[-1]
    before = encoder.vision(encoder.preprocess(photo, halves), output_hidden_states=True).hidden_states[-2]
    values = last.self_attn.v_proj(last.layer_norm1(before)).unflatten(-1, (2, -1)).transpose(1, 2)
    mixed = last.self_attn.out_proj((maps @ values).transpose(1, 2).flatten(2))
    hidden = before + mixed
    expected = encoder.vision(encoder.preprocess(photo, halves)).last_hidden_state
    torch.testing.assert_close(hidden + last.mlp(last.layer_norm2(hidden)), expected, atol=1e-5, rtol=0)
    first = encoder.attention_maps(photo, halves, layer=0)
    assert torch.equal(first, encoder.attention_maps(photo, halves, layer=-2))
    assert not torch.equal(first, maps)


def test_attention_maps_take_the_bias(encoder: AlphaCLIP, photo) -> None:
    bias = torch.zeros(1, 1, 17, 17)
    bias[..., 0, 5] = -torch.inf
    maps = encoder.attention_maps(photo, attention_bias=bias)
    assert maps[:, :, 0, 5].abs().max() == 0 and maps[:, :, 1:, 5].min() > 0


@pytest.mark.parametrize("name", ["patch_tokens", "attention_maps"])
def test_layers_that_are_not_there(encoder: AlphaCLIP, photo, name: str) -> None:
    with pytest.raises(InputError, match="There is no layer 7: expected -"):
        getattr(encoder, name)(photo, layer=7)


def test_gradients_reach_image_and_alpha(encoder: AlphaCLIP, tiny: ModuleType) -> None:
    """Against a finite difference, in double precision."""
    encoder = encoder.double()
    generator = torch.Generator().manual_seed(0)
    rgb, alpha = (torch.rand(s, generator=generator).double().requires_grad_() for s in ((1, 3, 40, 56), (1, 40, 56)))

    def score(colour: torch.Tensor, focus: torch.Tensor) -> torch.Tensor:
        return encoder.encode_pixels(encoder.processor(colour, focus))[0, 0]

    gradients = torch.autograd.grad(score(rgb, alpha), (rgb, alpha))
    steps = [torch.randn(g.shape, generator=generator).double() * 1e-5 for g in gradients]
    still = [torch.zeros_like(s) for s in steps]
    for gradient, step, (to_rgb, to_alpha) in zip(
        gradients, steps, ((steps[0], still[1]), (still[0], steps[1])), strict=True
    ):
        rise = score(rgb + to_rgb, alpha + to_alpha) - score(rgb - to_rgb, alpha - to_alpha)
        torch.testing.assert_close((gradient * step).sum(), rise.detach() / 2, atol=1e-9, rtol=1e-3)


def test_preprocess_is_the_processor(encoder: AlphaCLIP, halves: torch.Tensor) -> None:
    rgb = torch.rand(3, 60, 96)
    expected = encoder.processor(rgb[None].expand(3, -1, -1, -1), halves)
    torch.testing.assert_close(encoder.preprocess(rgb, halves), expected, atol=1e-6, rtol=0)


def test_with_geometry_shares_the_weights(encoder: AlphaCLIP, photo, halves: torch.Tensor) -> None:
    squashed = encoder.with_geometry(Geometry(size=64, fit="squash"))
    assert squashed.vision is encoder.vision and squashed.text is encoder.text
    assert squashed.processor.geometry.fit == "squash" and encoder.processor.geometry.fit == "pad"
    assert not torch.allclose(squashed.encode_image(photo, halves), encoder.encode_image(photo, halves), atol=1e-3)
    assert squashed.training is encoder.training
    with pytest.raises(PairingError, match="makes 32 px inputs, the vision tower takes 64 px"):
        encoder.with_geometry(Geometry(size=32))


def test_sizes(encoder: AlphaCLIP) -> None:
    assert (encoder.embed_dim, encoder.image_size, encoder.grid) == (24, 64, 4)


def test_wrong_pixel_values(encoder: AlphaCLIP) -> None:
    for shape in ((1, 3, 64, 64), (1, 4, 32, 32)):
        with pytest.raises(InputError, match=r"Expected pixel values \(n, 4, 64, 64\) of .*, got \(1, "):
            encoder.encode_pixels(torch.zeros(shape))
    with pytest.raises(InputError, match=r"of at least one picture, got \(0, 4, 64, 64\)"):
        encoder.encode_pixels(torch.zeros(0, 4, 64, 64))


def test_without_a_text_tower(tiny: ModuleType, photo) -> None:
    encoder = AlphaCLIP.from_clip(tiny.vision_tower())
    with pytest.raises(InputError, match="no text tower"):
        encoder.encode_text("a cat")
    with pytest.raises(InputError, match="no text tower"):
        encoder.to_clip()


def test_without_a_tokenizer(tiny: ModuleType) -> None:
    with pytest.raises(InputError, match="no tokenizer"):
        AlphaCLIP.from_clip(tiny.clip()).encode_text("a cat")


def test_unknown_words(encoder: AlphaCLIP) -> None:
    with pytest.raises(InputError, match="nearest: cat"):
        encoder.encode_text("a catt")
