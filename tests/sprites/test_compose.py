import dataclasses
import math

import pytest
import torch

from gencontrol.errors import ConfigError
from gencontrol.sprites.catalog import training_styles
from gencontrol.sprites.compose import SceneConfig, _level_for, _soften, boxes_of, compose, isolate, render

PLAIN = SceneConfig(size=32, blur=0.0, jitter=0.0, turn=0.0, backgrounds=(1.0, 0.0, 0.0, 0.0, 0.0))


def arranged(store, scenes, **changes):
    layout = dataclasses.replace(scenes.layout, **changes)
    return render(store, layout, scenes.background)


def test_the_same_arguments_give_the_same_scenes_and_others_do_not(sprite_store):
    first, again = (compose(sprite_store, SceneConfig(size=24), batch=8, seed=3, index=5) for _ in range(2))
    assert torch.equal(first.rgb, again.rgb) and torch.equal(first.alpha, again.alpha)
    for changes in ({"seed": 4}, {"index": 6}):
        other = compose(sprite_store, SceneConfig(size=24), batch=8, **({"seed": 3, "index": 5} | changes))
        assert not torch.equal(first.rgb, other.rgb)
    test = compose(sprite_store, SceneConfig(size=24, split="test"), batch=8, seed=3, index=5)
    assert not torch.equal(first.concept[:, 0], test.concept[:, 0])


def test_frequencies_may_be_whole_numbers(sprite_store, unchecked):
    whole, parts = ((0, 1), (1, 0, 0, 0, 0)), ((0.0, 1.0), (1.0, 0.0, 0.0, 0.0, 0.0))
    drawn = [unchecked(SceneConfig, size=16, counts=counts, backgrounds=grounds) for counts, grounds in (whole, parts)]
    first, second = (compose(sprite_store, config, batch=4, seed=1) for config in drawn)
    assert torch.equal(first.rgb, second.rgb) and (first.used.sum(-1) == 2).all()


def test_the_alpha_map_is_exact(sprite_store):
    """A black block on a known background: the picture is background * (1 - alpha) + colour * alpha."""
    scenes = compose(sprite_store, dataclasses.replace(PLAIN, counts=(1.0,)), batch=64, seed=0)
    for row in range(64):
        name = sprite_store.concepts[int(scenes.concept[row, 0])].name
        colour = {"red": 0xE02020, "green": 0x20A040, "blue": 0x2040E0, "yellow": 0xF0D020, "black": 0x101010}
        value = colour[name.split()[0]]
        ink = torch.tensor([value >> 16, value >> 8 & 255, value & 255])[:, None, None] / 255
        alpha = scenes.alpha[row, 0]
        expected = scenes.background[row] * (1 - alpha) + ink * alpha
        assert torch.allclose(scenes.rgb[row], expected, atol=0.02)


def test_occlusion_the_front_hides_the_back(sprite_store):
    two = compose(sprite_store, dataclasses.replace(PLAIN, counts=(0.0, 1.0)), batch=16, seed=0)
    blocks = [i for i, c in enumerate(sprite_store.concepts) if c.name.endswith("block")]
    concept = torch.tensor([blocks[:2]]).expand(16, -1)
    stacked = arranged(
        sprite_store, two, concept=concept, centre=torch.full((16, 2, 2), 0.5), side=torch.tensor([[0.8, 0.4]] * 16)
    )
    back, front = stacked.alpha[0]
    assert front[16, 16] == 1 and back[16, 16] == 0 and back[16, 6] == 1
    assert stacked.visible[0, 1] == 1 and abs(float(stacked.visible[0, 0]) - 0.75) < 0.05
    assert (stacked.alpha.sum(1) <= 1 + 1e-5).all()


def test_boxes_bound_what_is_seen():
    alpha = torch.zeros(2, 8, 10)
    alpha[0, 2:5, 3:9] = 1
    assert boxes_of(alpha).tolist() == [[3, 2, 9, 5], [0, 0, 0, 0]]


def test_isolate_shows_the_same_sprite_alone_in_its_place(sprite_store):
    scenes = compose(sprite_store, dataclasses.replace(PLAIN, jitter=0.3, counts=(0.0, 0.0, 1.0)), batch=16, seed=1)
    alone = isolate(sprite_store, scenes, torch.full((16,), 2))
    # The last sprite lies in front, so alone it looks as it does in the scene.
    cover = alone.alpha[:, :1] > 0.999
    assert torch.allclose(alone.rgb[cover.expand(-1, 3, -1, -1)], scenes.rgb[cover.expand(-1, 3, -1, -1)], atol=2e-3)
    assert torch.equal(alone.alpha[:, 0], scenes.alpha[:, 2])


def test_minification_takes_a_smaller_copy(sprite_store):
    """A ring drawn small keeps its mean: sampling the largest copy would miss lines."""
    scenes = compose(sprite_store, dataclasses.replace(PLAIN, size=64, counts=(1.0,)), batch=8, seed=0)
    small = arranged(sprite_store, scenes, side=torch.full((8, 1), 0.2), centre=torch.full((8, 1, 2), 0.5))
    large = arranged(sprite_store, scenes, side=torch.full((8, 1), 0.8), centre=torch.full((8, 1, 2), 0.5))
    ratio = large.alpha.sum((1, 2, 3)) / small.alpha.sum((1, 2, 3))
    assert ((ratio - 16).abs() < 2.5).all()


def test_turn_is_bounded_and_blur_softens(sprite_store):
    config = SceneConfig(size=32, turn=math.radians(10))
    assert compose(sprite_store, config, batch=64, seed=0).layout.turn.abs().max() <= math.radians(10)
    sharp = compose(sprite_store, dataclasses.replace(PLAIN, counts=(1.0,)), batch=8, seed=0)
    soft = arranged(sprite_store, sharp, softness=torch.ones(8))
    assert (soft.rgb.diff(dim=-1).abs().amax((1, 2, 3)) < sharp.rgb.diff(dim=-1).abs().amax((1, 2, 3))).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"counts": (0.0, 0.0)}, "counts: expected 1 to 8 frequencies"),
        ({"backgrounds": (1.0,)}, "backgrounds: expected 5 frequencies"),
        ({"size": 7}, "size: expected 8 or more pixels and at most 2,048, got 7"),
        ({"size": 2049}, "size: expected 8 or more pixels and at most 2,048, got 2049"),
        ({"counts": ()}, "counts: expected 1 to 8 frequencies"),
        ({"counts": (1.0,) * 9}, "counts: expected 1 to 8 frequencies"),
        ({"counts": (2.0, -1.0)}, "counts: expected 1 to 8 frequencies"),
        ({"backgrounds": (0.0,) * 5}, "backgrounds: expected 5 frequencies"),
        ({"backgrounds": (2.0, -1.0, 0.0, 0.0, 0.0)}, "backgrounds: expected 5 frequencies"),
    ],
)
def test_impossible_settings_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        SceneConfig(**changes)


def test_defaults():
    assert SceneConfig() == SceneConfig(
        size=64,
        counts=(1.0, 1.0, 1.0, 1.0),
        backgrounds=(1.0, 1.0, 1.0, 1.0, 1.0),
        styles=training_styles(),
        split="train",
        turn=math.radians(25),
        mirror=0.5,
        jitter=0.15,
        blur=0.3,
        recolour=0.0,
        deform=0.0,
        close=0.0,
        finish=0.0,
    )


def test_what_has_no_sprite_shows_nothing(sprite_store):
    scenes = compose(sprite_store, dataclasses.replace(PLAIN, counts=(1.0, 0.0, 1.0)), batch=32, seed=0)
    empty = ~scenes.used
    assert empty.any() and not scenes.alpha[empty].any() and not scenes.visible[empty].any()
    single = scenes.used.sum(1) == 1
    alpha = scenes.alpha[single, :1]
    bare = scenes.background[single]
    assert torch.equal(torch.where(alpha > 0, bare, scenes.rgb[single]), bare)
    assert (scenes.visible[single, 0] == 1).all() and torch.equal(scenes.boxes, boxes_of(scenes.alpha))


@pytest.mark.parametrize("field", ["counts", "backgrounds"])
def test_kinds_without_a_frequency_are_not_drawn(sprite_store, field):
    scenes = compose(sprite_store, dataclasses.replace(PLAIN, **{field: (0.0, 1.0, 0.0, 0.0, 0.0)}), batch=50, seed=0)
    if field == "counts":
        assert (scenes.used.sum(1) == 2).all()
    else:  # gradients
        assert scenes.background.diff(dim=-1).diff(dim=-1).abs().max() < 1e-5


def test_more_than_half_of_a_pixel_counts_as_seen_for_its_box():
    alpha = torch.tensor([[[0.5, 0.51, 0.0], [0.0, 0.49, 0.0]]])
    assert boxes_of(alpha).tolist() == [[1, 0, 2, 1]]
    assert boxes_of(alpha, threshold=0.4).tolist() == [[0, 0, 2, 2]]


@pytest.mark.parametrize(("pixels", "side"), [(35.3, 32), (35.1, 32), (32.0, 32), (17.7, 32), (17.5, 16), (9.0, 16)])
def test_the_copy_that_is_drawn_is_magnified_by_a_tenth_at_most(sprite_store, pixels, side):
    assert sprite_store.levels[_level_for(sprite_store, torch.tensor([pixels]))[0]].shape[2] == side


def test_softening_is_a_share_of_the_average_of_three_pixels(sprite_store):
    rgb = torch.rand(3, 3, 5, 6, generator=torch.Generator().manual_seed(0))
    softened = _soften(rgb, torch.tensor([0.0, 0.25, 1.0]))
    assert torch.equal(softened[0], rgb[0])
    mean = rgb[:, :, 1:4, 2:5].mean((-1, -2))
    expected = torch.stack([0.75 * rgb[1, :, 2, 3] + 0.25 * mean[1], mean[2]])
    assert torch.allclose(softened[1:, :, 2, 3], expected, atol=1e-6)
    # At a border its own pixels are repeated.
    corner = rgb[2, :, [0, 0, 0, 0, 0, 0, 1, 1, 1], [0, 0, 1, 0, 0, 1, 0, 0, 1]].mean(-1)
    assert torch.allclose(softened[2, :, 0, 0], corner, atol=1e-6)


@pytest.mark.parametrize("field", ["recolour", "deform", "close", "finish"])
def test_shares_reach_from_none_to_all(field):
    SceneConfig(size=8, counts=(0.0,) * 7 + (1.0,))
    dataclasses.replace(PLAIN, **{field: 1.0})
    for wrong in (-0.01, 1.01):
        with pytest.raises(ConfigError, match=f"{field}: expected a share from 0 to 1, got {wrong}"):
            dataclasses.replace(PLAIN, **{field: wrong})


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("train", [0.4576, 0.05408, 0.4801, 14.83125, 0.48056, 0.50397, 0.50136, 0.23012, 0.03336]),
        ("test", [0.4773, 0.05585, 0.47105, 15.72292, 0.51946, 0.5213, 0.5069, 0.22621, 0.03275]),
    ],
)
def test_a_seed_gives_the_scenes_that_the_shipped_weights_have_learnt_from(sprite_store, split, expected):
    """Means over many scenes with every kind of change: whoever alters a number alters what published results mean."""
    changes = {"recolour": 0.5, "deform": 0.8, "close": 0.4, "finish": 0.5}
    config = dataclasses.replace(SceneConfig(size=16, split=split, counts=(1.0,) * 5), **changes)
    scenes = compose(sprite_store, config, batch=96, seed=7, index=1)
    layout, seen = scenes.layout, [scenes.rgb, scenes.alpha, scenes.visible, scenes.concept, scenes.background]
    assert layout.deformation is not None
    drawn = [*seen, layout.centre, layout.side, layout.colour, layout.deformation.bend.abs()]
    assert [values.double().mean().item() for values in drawn] == pytest.approx(expected, rel=2e-3)
