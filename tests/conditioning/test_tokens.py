"""Tokens of a region: whole numbers instead of weights, what a tower is shown, and what stands for nothing."""

import inspect
import math
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection, SiglipVisionConfig, SiglipVisionModel

from gencontrol.alpha_clip.alpha_slice import patch_convolution
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.alpha_clip.siglip import AlphaSigLIP
from gencontrol.conditioning.token_towers import TokenTower, token_tower
from gencontrol.conditioning.tokens import embed_tokens, levels, multiplicities, repeated, token_weights, zero_pixels
from gencontrol.errors import InputError, PairingError
from gencontrol.focus import AlphaFocus, AttentionFocus, BlankFocus, focus_strategy
from gencontrol.images.picture import Picture
from gencontrol.regions import Geometry, Region
from gencontrol.regions.scene import Scene
from gencontrol.regions.shapes import box_alpha

SIZE = 32
SHAPE: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "image_size": SIZE,
    "patch_size": 8,
}
GEOMETRY = Geometry(size=SIZE)


def clip(channels: int = 3) -> CLIPVisionModelWithProjection:
    torch.manual_seed(0)
    return CLIPVisionModelWithProjection(CLIPVisionConfig(**SHAPE, projection_dim=12, num_channels=channels)).eval()


def siglip(channels: int = 3, **shape: Any) -> SiglipVisionModel:
    torch.manual_seed(0)
    return SiglipVisionModel(SiglipVisionConfig(**SHAPE | shape, num_channels=channels)).eval()


def scene(seed: int = 0, size: tuple[int, int] = (SIZE, SIZE), *regions: Region, **more: Any) -> Scene:
    rgb = torch.rand(3, *size, generator=torch.Generator().manual_seed(seed))
    return Scene(picture=Picture(rgb=rgb), regions=regions, **more)


LEFT = Region(alpha=box_alpha((0, 0, 16, 32), (SIZE, SIZE)))
RIGHT = Region(alpha=box_alpha((16, 0, 32, 32), (SIZE, SIZE)))


def test_equal_weights_are_ones_and_shares_are_kept() -> None:
    for value in (1.0, 0.3):
        assert multiplicities(torch.full((17,), value), 17).tolist() == [1] * 17
    assert multiplicities(torch.tensor([1.0, 0.0, 1.0, 0.0]), 4).tolist() == [2, 0, 2, 0]
    assert multiplicities(torch.tensor([3.0, 1.0]), 8).tolist() == [6, 2]
    # 5 / 3 each: the first get what is left.
    assert multiplicities(torch.ones(3), 5).tolist() == [2, 2, 1]
    # 2.4, 1.2, 0.4: the largest remainder is the second's 0.4, then the third's; the first in a tie.
    assert multiplicities(torch.tensor([0.6, 0.3, 0.1]), 4).tolist() == [3, 1, 0]


def test_nothing_marked_is_refused() -> None:
    with pytest.raises(InputError, match="No patch of the encoder is marked"):
        multiplicities(torch.zeros(4), 4)


def test_repeating_is_a_bias_of_the_logarithm() -> None:
    """Attention over tokens that are repeated k times is attention with log k added to their logits."""
    keys = torch.randn(1, 4, 8, generator=torch.Generator().manual_seed(1))
    query = torch.randn(1, 1, 8, generator=torch.Generator().manual_seed(2))
    counts = torch.tensor([2, 0, 1, 3])
    many = repeated(keys, counts)
    assert many.shape == (1, 6, 8)
    attention = torch.nn.functional.scaled_dot_product_attention
    bias = torch.log(counts.double()).float()[None, None]
    torch.testing.assert_close(attention(query, many, many), attention(query, keys, keys, attn_mask=bias))


def test_levels_are_the_highest_of_the_maps_times_their_relative_weights() -> None:
    half = torch.full((1, 2), 0.5)
    regions = [Region(alpha=torch.tensor([[1.0, 0.0]]), weight=0.5), Region(alpha=half, weight=2.0)]
    assert levels(regions).tolist() == [[0.5, 0.5]]
    assert levels(regions[:1]).tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize("make", [clip, siglip])
def test_the_whole_picture_is_stock(make: Any) -> None:
    tower = token_tower(make())
    there = embed_tokens(tower, GEOMETRY, scene())
    pixels = tower.processor(scene().picture.rgb[None], torch.ones(1, SIZE, SIZE))[:, :3]
    with torch.no_grad():
        stock = tower.vision(pixel_values=pixels, output_hidden_states=True)
        nothing = tower.vision(pixel_values=torch.zeros(1, 3, SIZE, SIZE), output_hidden_states=True)
    assert torch.equal(there.tokens, stock.hidden_states[-2])
    assert torch.equal(there.negative, nothing.hidden_states[-2])
    last = embed_tokens(tower, GEOMETRY, scene(), layer="last")
    assert torch.equal(last.tokens, stock.last_hidden_state)
    everything = embed_tokens(tower, GEOMETRY, scene(0, (SIZE, SIZE), Region(alpha=torch.ones(SIZE, SIZE))))
    assert torch.equal(everything.tokens, stock.hidden_states[-2])


@pytest.mark.parametrize("make", [clip, siglip])
def test_tokens_of_a_region_hardly_know_what_is_outside(make: Any) -> None:
    tower = token_tower(make())
    one, other = scene(0, (SIZE, SIZE), LEFT), scene(0, (SIZE, SIZE), LEFT)
    other.picture.rgb[..., 16:] = scene(5).picture.rgb[..., 16:]

    def moved(focus: Any) -> float:
        a, b = (embed_tokens(tower, GEOMETRY, s, focus=focus, token_focus="leave_out").tokens for s in (one, other))
        patches = slice(int(tower.has_class_token), None)
        return float((a - b)[:, patches].norm() / b[:, patches].norm())

    assert moved(AttentionFocus(floor=1e-5)) < 1e-3 < 1e-2 < moved(AttentionFocus(scale=0.0))


@pytest.mark.parametrize("make", [clip, siglip])
def test_patches_outside_are_left_out_or_replaced(make: Any) -> None:
    tower, first = token_tower(make()), int(make is clip)
    marked = scene(0, (SIZE, SIZE), LEFT)
    kept, short, full = (
        embed_tokens(tower, GEOMETRY, marked, focus=BlankFocus(), token_focus=how)
        for how in ("keep", "leave_out", "repeat")
    )
    assert kept.tokens.shape == full.tokens.shape == full.negative.shape == (1, 16 + first, 16)
    # Blank paints over pixels and marks the whole of what is left: no patch is outside.
    assert torch.equal(kept.tokens, full.tokens) and torch.equal(short.tokens, full.tokens)
    kept, short, full = (
        embed_tokens(tower, GEOMETRY, marked, focus=AttentionFocus(), token_focus=how)
        for how in ("keep", "leave_out", "repeat")
    )
    inside = [0] * first + [first + 4 * row + column for row in range(4) for column in (0, 1)]
    assert torch.equal(short.tokens, kept.tokens[:, inside])
    assert short.negative.shape == short.tokens.shape
    assert full.tokens.shape == full.negative.shape == kept.tokens.shape
    counts = multiplicities(token_weights(LEFT.alpha[None, None], tower)[0], 16 + first)
    assert torch.equal(full.tokens, repeated(kept.tokens, counts))


@pytest.mark.parametrize("focus", [AttentionFocus(), AlphaFocus()])
def test_a_faint_mask_leaves_more_than_the_class_token(focus: Any) -> None:
    """Only ratios count: the class token is one of the tokens that are most of the region."""
    tower = _with_alpha(clip(4), 0.1)
    for how in ("leave_out", "repeat"):
        everywhere = scene(0, (SIZE, SIZE), Region(alpha=torch.full((SIZE, SIZE), 0.4)))
        kept = embed_tokens(tower, GEOMETRY, everywhere, focus=focus, token_focus="keep").tokens
        assert torch.equal(embed_tokens(tower, GEOMETRY, everywhere, focus=focus, token_focus=how).tokens, kept)
    small = scene(0, (SIZE, SIZE), Region(alpha=box_alpha((9, 9, 12, 12), (SIZE, SIZE))))
    kept, short, full = (
        embed_tokens(tower, GEOMETRY, small, focus=focus, token_focus=how).tokens[0]
        for how in ("keep", "leave_out", "repeat")
    )
    assert torch.equal(short, kept[[0, 6]])
    assert torch.equal(full, kept[[0] * 9 + [6] * 8])


def test_what_no_patch_shows_is_refused_however_tokens_are_chosen() -> None:
    """SigLIP at 30 pixels reads the upper left 24 of them."""
    tower = token_tower(siglip(image_size=30))
    corner = scene(0, (30, 30), Region(alpha=box_alpha((25, 25, 30, 30), (30, 30))))
    for how in ("leave_out", "repeat"):
        with pytest.raises(InputError, match="No patch of the encoder is marked"):
            embed_tokens(tower, GEOMETRY, corner, focus=AttentionFocus(), token_focus=how)


@pytest.mark.parametrize("asked", [{"token_focus": "leave-out"}, {"layer": "-2"}])
def test_words_that_no_way_is_called(asked: dict[str, Any]) -> None:
    """`leave-out` was the same as `repeat`."""
    with pytest.raises(InputError, match=f"{next(iter(asked))}: expected one of .*, got the text"):
        # Past the type checks that the tests run under, as a user without them.
        inspect.unwrap(embed_tokens)(token_tower(clip()), GEOMETRY, scene(), **asked)


def test_padding_is_outside() -> None:
    """A wide picture on a square: the rows above and below it are never read."""
    tower = token_tower(siglip())
    wide = embed_tokens(tower, GEOMETRY, scene(0, (16, 32)), token_focus="leave_out")
    assert wide.tokens.shape[1] == 8
    assert embed_tokens(tower, Geometry(size=99, fit="squash"), scene(0, (16, 32))).tokens.shape[1] == 16


def test_patches_that_do_not_fill_the_picture_are_those_of_the_tower() -> None:
    """SigLIP so400m sees 384 pixels in 27 patches of 14: six pixels are read by none."""
    tower = token_tower(siglip(image_size=30))
    weights = token_weights(torch.ones(1, 1, 30, 30), tower)
    assert weights.shape == (1, 9) and embed_tokens(tower, GEOMETRY, scene()).tokens.shape == (1, 9, 16)


def test_strength_is_the_weight_of_the_rest() -> None:
    tower = token_tower(clip())
    marked = scene(0, (SIZE, SIZE), LEFT)
    none = embed_tokens(tower, GEOMETRY, marked, strength=0.0)
    assert torch.equal(none.tokens, embed_tokens(tower, GEOMETRY, scene()).tokens)
    half = scene(0, (SIZE, SIZE), Region(alpha=0.5 + 0.5 * LEFT.alpha))
    a, b = embed_tokens(tower, GEOMETRY, marked, strength=0.5), embed_tokens(tower, GEOMETRY, half)
    assert torch.equal(a.tokens, b.tokens) and not torch.equal(a.tokens, none.tokens)
    for strength in (1.5, -0.1, math.nan):
        with pytest.raises(InputError, match=r"strength: expected 0 .the whole image. to 1"):
            embed_tokens(tower, GEOMETRY, marked, strength=strength)


def test_a_negative_region_takes_the_place_of_zero_pixels() -> None:
    tower = token_tower(clip())
    both = scene(0, (SIZE, SIZE), LEFT, negative_regions=(RIGHT,))
    for how in ("keep", "repeat", "leave_out"):
        there = embed_tokens(tower, GEOMETRY, both, token_focus=how)
        alone = embed_tokens(tower, GEOMETRY, scene(0, (SIZE, SIZE), RIGHT), token_focus="keep").tokens
        assert there.negative.shape == there.tokens.shape
        assert all(any(torch.equal(t, a) for a in alone[0]) for t in there.negative[0])


def test_nothing_has_alpha_one() -> None:
    assert torch.equal(zero_pixels(token_tower(clip())), torch.zeros(1, 3, SIZE, SIZE))
    pixels = zero_pixels(token_tower(clip(4)))
    assert not pixels[:, :3].any()
    torch.testing.assert_close(pixels[:, 3], torch.full((1, SIZE, SIZE), 0.5 / 0.26))


def _with_alpha(vision: CLIPVisionModelWithProjection | SiglipVisionModel, value: float) -> TokenTower:
    tower = token_tower(vision)
    name = "vision_model.embeddings.patch_embedding" if tower.has_class_token else "embeddings.patch_embedding"
    weight = vision.get_submodule(name).weight
    assert isinstance(weight, Tensor)
    weight.data[:, 3:] = value
    return tower


@pytest.mark.parametrize("make", [clip, siglip])
def test_a_tower_with_an_alpha_channel(make: Any) -> None:
    """Zero alpha weights are the stock tower, to the bit; trained ones are told where to look."""
    zero = _with_alpha(make(4), 0.0)
    stock = make()
    kept = {k: v[:, :3] if "patch_embedding.weight" in k else v for k, v in zero.vision.state_dict().items()}
    stock.load_state_dict(kept)
    assert not zero.has_alpha and not token_tower(stock).has_alpha
    assert torch.allclose(
        embed_tokens(zero, GEOMETRY, scene()).tokens, embed_tokens(token_tower(stock), GEOMETRY, scene()).tokens
    )
    with pytest.raises(PairingError, match="its alpha weights are zero"):
        embed_tokens(zero, GEOMETRY, scene(0, (SIZE, SIZE), LEFT), focus=AlphaFocus())
    told = _with_alpha(make(4), 0.1)
    assert told.has_alpha
    a, b = (embed_tokens(told, GEOMETRY, scene(0, (SIZE, SIZE), r), token_focus="keep").tokens for r in (LEFT, RIGHT))
    assert not torch.allclose(a, b)


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_patches_of_four_channels_are_a_product_and_the_tower_is_left_as_it_was(kind: str, tiny: ModuleType) -> None:
    encoder = AlphaCLIP.from_clip(tiny.clip()) if kind == "clip" else AlphaSigLIP.from_siglip(tiny.siglip())
    plain = tiny.vision_tower(channels=3) if kind == "clip" else tiny.siglip().vision_model
    assert _hooks_within(token_tower(encoder)) == [1] and _hooks_within(token_tower(plain)) == [0]
    for tower in (encoder.vision, plain):
        assert not patch_convolution(tower)._forward_hooks


def _hooks_within(tower: TokenTower) -> list[int]:
    """How many hooks a tower's patch embedding has while it is asked."""
    convolution, seen = patch_convolution(tower.vision), list[int]()
    with convolution.register_forward_pre_hook(lambda module, given: seen.append(len(module._forward_hooks))):
        tower.hidden(torch.zeros(1, tower.channels, 64, 64), None, layer="last")
    return seen


def test_what_is_a_tower(tiny: ModuleType) -> None:
    encoder = AlphaCLIP.from_clip(tiny.vision_tower(channels=3))
    tower = token_tower(encoder)
    assert tower.vision is encoder.vision and tower.processor is encoder.processor and token_tower(tower) is tower
    assert (tower.channels, tower.has_class_token, tower.patch) == (4, True, encoder.vision.config.patch_size)
    assert tower.width == encoder.vision.config.hidden_size and tower.device == encoder.device
    assert token_tower(clip()).processor == AlphaCLIPProcessor(geometry=GEOMETRY)
    own = token_tower(siglip())
    assert not own.has_class_token and own.processor.geometry == GEOMETRY
    assert own.processor.image_mean == (0.5, 0.5, 0.5, 0.5) and own.processor.image_std == (0.5, 0.5, 0.5, 0.26)
    wide = AlphaSigLIP.from_siglip(tiny.siglip())
    ours = token_tower(wide)
    assert ours.vision is wide.vision and ours.processor is wide.processor and ours.channels == 4
    assert not ours.has_alpha and not ours.has_class_token
    with pytest.raises(PairingError, match="Expected an AlphaCLIP or AlphaSigLIP, or a stock CLIPVisionModelWithProj"):
        token_tower(torch.nn.Linear(1, 1))


@pytest.mark.parametrize("name", ["alpha+zoom", "masked-pooling", "mask-inversion"])
def test_what_acts_on_an_embedding_has_no_tokens(name: str) -> None:
    tower = token_tower(AlphaCLIP.from_clip(clip(4)))
    with pytest.raises(InputError, match="makes one embedding, and this model reads the tokens of one look"):
        embed_tokens(tower, GEOMETRY, scene(0, (SIZE, SIZE), LEFT), focus=focus_strategy(name))
