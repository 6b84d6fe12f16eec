import dataclasses
import math

import pytest
import torch

from gencontrol.errors import ConfigError
from gencontrol.sprites.compose import SceneConfig, boxes_of, compose, isolate, render

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
        ({"size": 4}, "size: expected at least 8 pixels, got 4"),
    ],
)
def test_impossible_settings_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        SceneConfig(**changes)
