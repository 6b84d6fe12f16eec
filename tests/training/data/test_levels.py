"""Maps of levels and the shares they ask for."""

import dataclasses

import pytest
import torch

from gencontrol.images.blur import gaussian_blur
from gencontrol.sprites.compose import SceneConfig, compose
from gencontrol.training.data.levels import LEAST_VISIBLE, draw_levels, graded_maps, wanted_shares
from gencontrol.training.data.pairs import SpritePairs
from gencontrol.training.stages.contrastive import true_of


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def scenes(sprite_store):
    return compose(sprite_store, SceneConfig(size=32, counts=(0.2, 0.4, 0.4)), batch=300, seed=0)


def test_shares_are_proportional_to_levels() -> None:
    shares = wanted_shares(torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    assert shares.tolist() == [[0.5, 0.25, 0.25], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]


def test_levels_are_of_what_is_seen_and_never_all_none(scenes) -> None:
    levels = draw_levels(scenes, seeded())
    seen = scenes.used & (scenes.visible >= LEAST_VISIBLE)
    assert not levels[~seen].any() and levels.min() >= 0 and levels.max() == 1
    assert torch.equal((levels > 0).any(-1), seen.any(-1))
    several = levels[seen.sum(-1) > 1][seen[seen.sum(-1) > 1]]
    assert 0.1 < (several == 0).double().mean() < 0.25 and 0.15 < (several == 1).double().mean() < 0.27


def test_a_scene_without_anything_seen_asks_for_nothing(scenes) -> None:
    hidden = dataclasses.replace(scenes, visible=torch.zeros_like(scenes.visible))
    levels = draw_levels(hidden, seeded())
    assert not levels.any() and not graded_maps(hidden, levels, seeded()).shares.any()


def test_maps_hold_each_sprites_level(scenes) -> None:
    levels = draw_levels(scenes, seeded())
    maps = graded_maps(scenes, levels, seeded(1)).alpha
    assert maps.min() >= 0 and maps.max() <= 1
    inside = scenes.alpha > 0.999
    difference = (maps[:, None] - levels[..., None, None]).abs()[inside]
    # A quarter of the maps are smooth.
    assert (difference < 1e-3).double().mean() > 0.7
    ground = maps[scenes.alpha.sum(1) == 0]
    assert 0.45 < (ground == 0).double().mean() < 0.75 and ground.max() > 0.1


def test_graded_pairs_name_the_highest(sprite_store) -> None:
    source = SpritePairs(
        store=sprite_store, scenes=SceneConfig(size=32, counts=(0.0, 1.0, 1.0)), seed=0, whole_share=0.2, graded=0.5
    )
    pairs = source.draw(0, 200)
    assert pairs.shares is not None
    graded = pairs.shares.sum(-1) > 0
    assert 0.4 < graded.double().mean() < 0.6 and not pairs.whole[graded].any()
    highest = pairs.image_concepts.gather(1, pairs.shares.argmax(-1, keepdim=True))
    assert torch.equal(pairs.text_concepts[graded][:, :1], highest[graded])
    assert (pairs.image_concepts[graded] >= 0).sum(-1).min() >= 2
    assert true_of(pairs.image_concepts, pairs.text_concepts).diagonal().all()
    assert torch.allclose(pairs.shares[graded].sum(-1), torch.ones(int(graded.sum())))
    # The others are what they are without graded ones.
    plain = dataclasses.replace(source, graded=0.0).draw(0, 200)
    assert torch.equal(plain.alpha[~graded], pairs.alpha[~graded]) and plain.shares is None


def test_blanked_pairs_are_grey_outside(sprite_store) -> None:
    source = SpritePairs(
        store=sprite_store, scenes=SceneConfig(size=32, counts=(0.0, 1.0)), seed=0, whole_share=0.3, blanked=0.5,
        alpha_kinds=(1.0,),
    )  # fmt: skip
    pairs, plain = source.draw(0, 200), dataclasses.replace(source, blanked=0.0).draw(0, 200)
    changed = (pairs.rgb != plain.rgb).flatten(1).any(1)
    assert not changed[pairs.whole].any() and 0.35 < changed[~pairs.whole].double().mean() < 0.65
    outside = (pairs.alpha[changed] == 0)[:, None].expand(-1, 3, -1, -1)
    assert (pairs.rgb[changed][outside] == 0.5).all()
    inside = (pairs.alpha[changed] == 1)[:, None].expand(-1, 3, -1, -1)
    assert torch.allclose(pairs.rgb[changed][inside], plain.rgb[changed][inside], atol=1e-6)


def test_a_lone_sprite_that_would_be_silent_gets_a_level_from_a_tenth(sprite_store) -> None:
    alone = compose(sprite_store, SceneConfig(size=16, counts=(1.0,)), batch=2000, seed=0)
    alone = dataclasses.replace(alone, visible=torch.ones_like(alone.visible))
    levels = draw_levels(alone, seeded())[:, 0]
    # One in five would be silent, whose draw below a fifth gives 0.1 to 0.28; one in five is full.
    draw = torch.rand(2000, 1, 2, generator=seeded())[:, 0, 0]
    expected = torch.where(draw > 0.2, ((draw - 0.2) / 0.6).clamp(max=1), 0.1 + 0.9 * draw)
    assert torch.allclose(levels, expected, atol=1e-6)
    assert LEAST_VISIBLE == 0.35
    at = dataclasses.replace(alone, visible=torch.full_like(alone.visible, 0.36))
    assert draw_levels(at, seeded()).all()
    assert not draw_levels(dataclasses.replace(at, visible=at.visible - 0.02), seeded()).any()


def test_grounds_have_floors_and_some_maps_are_smooth(scenes) -> None:
    levels = torch.where(scenes.used, 0.8, 0.0)
    maps = graded_maps(scenes, levels, seeded(2)).alpha
    draw = torch.rand(len(levels), 4, generator=seeded(2))
    floors = torch.where(draw[:, 0] < 0.4, 0.3 * draw[:, 1] * 0.8, 0.0)
    sharp = draw[:, 2] >= 0.25
    expected = (scenes.alpha * levels[..., None, None]).sum(1) + (1 - scenes.alpha.sum(1)) * floors[:, None, None]
    assert torch.allclose(maps[sharp], expected[sharp].clamp(0, 1), atol=1e-6)
    # A picture of 32 pixels is blurred by a quarter of a pixel to one.
    widths = (0.5 + 1.5 * draw[~sharp, 3]) / 2
    blurred = torch.stack([gaussian_blur(e, w) for e, w in zip(expected[~sharp], widths.tolist(), strict=True)])
    assert torch.allclose(maps[~sharp], blurred.clamp(0, 1), atol=1e-5)
