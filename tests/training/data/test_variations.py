"""Pictures of a thing, and looks at it elsewhere."""

import dataclasses

import pytest
import torch

from gencontrol.errors import ConfigError
from gencontrol.focus.zoom import ZoomFocus
from gencontrol.sprites.compose import SceneConfig, render
from gencontrol.sprites.matching import in_colours_of
from gencontrol.training.data import variations
from gencontrol.training.data.alpha_maps import vary_alpha
from gencontrol.training.data.variations import CacheConfig, CachedLook, draw_pictures, strategy_of

AMONG = CacheConfig(
    picture=SceneConfig(size=32, counts=(1.0,), styles=("twemoji",)),
    condition=SceneConfig(size=32, counts=(0.0, 1.0), blur=0.0),
    same_style=1.0,
    looks=(CachedLook(),),
)


@pytest.mark.parametrize("name", ["paper", "picture_spread", "same_style", "same_colours"])
def test_shares_run_from_0_to_1(name: str) -> None:
    for share in (0.0, 0.5, 1.0):
        assert getattr(dataclasses.replace(CacheConfig(), **{name: share}), name) == share
    for share in (-0.01, 1.01):
        with pytest.raises(ConfigError, match=rf"{name}: expected a share in \[0, 1\], got {share}"):
            dataclasses.replace(CacheConfig(), **{name: share})


@pytest.mark.parametrize("changes", [{"shard": 0}, {"shard": 33}, {"samples": 0}, {"samples": 96, "shard": 64}])
def test_shards_are_whole(changes: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="samples, shard: expected a multiple of the shard"):
        dataclasses.replace(CacheConfig(), **changes)


def test_defaults() -> None:
    assert CacheConfig() == CacheConfig(
        samples=49152,
        shard=1024,
        picture=SceneConfig(size=128, counts=(1.0,), backgrounds=(0.6, 0.4, 0.0, 0.0, 0.0), blur=0.0),
        picture_side=(0.6, 0.9),
        picture_spread=1.0,
        paper=0.0,
        condition=SceneConfig(size=64, counts=(1.0,)),
        condition_side=(0.25, 0.95),
        same_style=0.5,
        same_colours=0.0,
        as_shown=False,
        looks=(CachedLook(focus={"name": "alpha"}, tower="clip", alone=True, views=2),),
        seed=0,
    )
    CacheConfig(samples=64, shard=64)


def test_a_seed_gives_the_pictures_that_the_shipped_weights_have_learnt_from(sprite_store) -> None:
    """Means over pictures and conditions: whoever alters a number of theirs alters what published results mean."""
    config = CacheConfig(
        picture=SceneConfig(size=32, counts=(1.0,)), condition=SceneConfig(size=16, counts=(1.0,)), paper=0.25,
        picture_spread=0.5, looks=(CachedLook(alone=True, views=3),), seed=5,
    )  # fmt: skip
    picture, others = draw_pictures(config, sprite_store, 2, 48)
    found = [picture.rgb, picture.layout.centre[..., 0], picture.layout.side]
    found += [other.rgb for other in others] + [other.layout.side for other in others]
    assert [values.double().mean().item() for values in found] == pytest.approx(
        [0.52902, 0.49837, 0.75036, 0.43722, 0.46811, 0.45533, 0.60116, 0.60621, 0.61843], rel=2e-3
    )
    assert [other.layout.style.sum().item() for other in others] == [124, 126, 130]


def test_looks_are_given_masks_as_people_give_them(sprite_store) -> None:
    boxes = dataclasses.replace(AMONG, looks=(CachedLook(), CachedLook(alphas=(0.0, 0.0, 0.0, 1.0))))
    _, (exact, boxed) = draw_pictures(boxes, sprite_store, 0, 16)
    _, (plain, same) = draw_pictures(dataclasses.replace(AMONG, looks=(CachedLook(),) * 2), sprite_store, 0, 16)
    # The kinds of masks change nothing else: not the looks before, nor what is looked at.
    assert torch.equal(exact.rgb, plain.rgb) and torch.equal(exact.alpha, plain.alpha)
    assert torch.equal(boxed.rgb, same.rgb)
    generator = torch.Generator().manual_seed(0)
    assert torch.equal(boxed.alpha, vary_alpha(same.alpha, (0.0, 0.0, 0.0, 1.0), generator))
    assert not torch.equal(boxed.alpha, same.alpha)


@pytest.mark.parametrize("alphas", [(), (-0.1, 1.0), (0.0, 0.0), (1.0,) * 9])
def test_kinds_of_masks_have_weights(alphas: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match=r"alphas: .*at most one for each of exact, soft, .*and one above 0; got \["):
        CachedLook(alphas=alphas)
    CachedLook(alphas=(0.0,) * 7 + (1.0,))


def test_looks_have_a_focus_a_tower_and_views() -> None:
    with pytest.raises(ConfigError, match="views: expected at least 1, got 0"):
        CachedLook(views=0)
    with pytest.raises(ConfigError, match="unknown focus 'zom'"):
        CachedLook(focus={"name": "zom"})
    with pytest.raises(ConfigError, match=r"a strategy's `name` and its settings, got \{'margin': 0.1\}"):
        CachedLook(focus={"margin": 0.1})
    assert strategy_of(CachedLook(focus={"name": "zoom", "outside": "blank"})) == ZoomFocus(outside="blank")
    with pytest.raises(ConfigError, match="looks: expected at least one"):
        CacheConfig(looks=())
    with pytest.raises(ConfigError, match=r"picture.counts: expected \[1.0\], pictures of one sprite"):
        CacheConfig(picture=SceneConfig(counts=(1.0, 1.0)))


def test_looks_are_drawn_in_their_order_each_of_its_own_scene(sprite_store) -> None:
    config = dataclasses.replace(AMONG, looks=(CachedLook(views=2), CachedLook(alone=True)))
    _, shown = draw_pictures(config, sprite_store, 0, 32)
    assert len(shown) == 3
    assert not torch.equal(shown[0].rgb, shown[1].rgb)
    # A thing that is alone is larger than one of four.
    areas = [scene.alpha.mean().item() for scene in shown]
    assert areas[2] > 2 * max(areas[:2])


def test_the_thing_stands_among_others_and_enough_of_it_is_seen(sprite_store) -> None:
    picture, (shown,) = draw_pictures(AMONG, sprite_store, 3, 96)
    marked = shown.alpha.amax((-1, -2))
    assert (marked > 0.5).all()
    for name in ("concept", "style", "colour"):
        assert torch.equal(getattr(shown.layout, name), getattr(picture.layout, name))
    # What is marked has the picture's own drawing: painted in the colours that its sprite has, turned otherwise.
    inside = (shown.rgb * shown.alpha[:, None]).sum((-1, -2)) / shown.alpha.sum((-1, -2))[:, None]
    own = (picture.rgb * picture.alpha[:, :1]).sum((-1, -2)) / picture.alpha[:, 0].sum((-1, -2))[:, None]
    assert (inside - own).abs().mean() < 0.5 * (inside - own.roll(1, 0)).abs().mean()
    # There are others beside it, as colourful as itself.
    assert (shown.alpha.mean((-1, -2)) < 0.45).all()


def test_hidden_things_come_to_the_front(sprite_store, monkeypatch) -> None:
    """Where the thing's own shape would hardly be seen, it takes the place of the one that lies in front."""
    plain = draw_pictures(AMONG, sprite_store, 0, 64)[1][0]
    monkeypatch.setattr(variations, "render", lambda *args: hide(render(*args)))

    def hide(scenes):
        # Pictures of the thing alone are drawn by the same function.
        shares = torch.tensor([0.0, 1.0])[-scenes.visible.shape[1] :]
        return dataclasses.replace(scenes, visible=scenes.visible * shares)

    front = draw_pictures(AMONG, sprite_store, 0, 64)[1][0]
    moved = (plain.alpha != front.alpha).any(-1).any(-1)
    assert 16 < moved.sum() < 48


@pytest.mark.parametrize("alone", [True, False])
def test_another_style_is_taken_only_where_the_thing_has_a_drawing_in_it(sprite_store, alone: bool) -> None:
    lacking = dataclasses.replace(sprite_store, present=sprite_store.present.clone())
    lacking.present[::2, sprite_store.style_indices(("noto",))] = False
    condition = dataclasses.replace(AMONG.condition, styles=("noto",))
    config = dataclasses.replace(AMONG, condition=condition, looks=(CachedLook(alone=alone),))
    picture, (same,) = draw_pictures(config, lacking, 0, 32)
    _, (restyled,) = draw_pictures(dataclasses.replace(config, same_style=0.0), lacking, 0, 32)
    changed = (same.rgb != restyled.rgb).flatten(1).any(-1)
    assert torch.equal(changed, picture.layout.concept[:, 0] % 2 == 1)


@pytest.mark.parametrize("alone", [True, False])
def test_things_in_another_style_may_have_the_pictures_own_colours(sprite_store, alone: bool) -> None:
    looks = (CachedLook(alone=alone),)
    plain = dataclasses.replace(AMONG, same_style=0.0, looks=looks)

    def same(share: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Which things are in the picture's own colours, and which in its style."""
        picture, (shown,) = draw_pictures(dataclasses.replace(plain, same_colours=share), sprite_store, 0, 64)
        colours = (shown.layout.colour == picture.layout.colour).flatten(1).all(-1)
        return colours, shown.layout.style[:, 0] == picture.layout.style[:, 0]

    without, styles = same(0.0)
    assert not without.any() and 0 < styles.sum() < 40
    whole, again = same(1.0)
    assert whole.all() and 0 < again.sum() < 40
    half, _ = same(0.5)
    assert 20 <= half.sum() <= 44


def test_the_picture_has_the_colours_of_what_all_looks_show(sprite_store) -> None:
    plain = dataclasses.replace(AMONG, same_style=0.0, looks=(CachedLook(views=2), CachedLook(alone=True)))
    without, _ = draw_pictures(plain, sprite_store, 0, 64)
    picture, shown = draw_pictures(dataclasses.replace(plain, as_shown=True), sprite_store, 0, 64)
    for name in ("concept", "style", "centre", "side"):
        assert torch.equal(getattr(picture.layout, name), getattr(without.layout, name))
    # All looks show one drawing, in the picture's own changes of colour; its style is any of the condition's.
    assert all(torch.equal(look.layout.style, shown[0].layout.style) for look in shown)
    assert all(torch.equal(look.layout.colour, without.layout.colour) for look in shown)
    assert len(shown[0].layout.style.unique()) == len(SceneConfig().styles)
    # The picture has the colours that the drawing has, by the change that gives them to it.
    assert torch.equal(picture.layout.colour, in_colours_of(sprite_store, without.layout, shown[0].layout))
    own = dataclasses.replace(plain, as_shown=True, same_style=1.0)
    picture, shown = draw_pictures(own, sprite_store, 0, 64)
    assert torch.equal(shown[0].layout.style, picture.layout.style)
    assert torch.allclose(picture.layout.colour, without.layout.colour, atol=1e-4)


def test_what_all_looks_show_is_of_a_style_that_has_a_drawing_of_it(sprite_store) -> None:
    lacking = dataclasses.replace(sprite_store, present=sprite_store.present.clone())
    lacking.present[::2, sprite_store.style_indices(("noto",))] = False
    condition = dataclasses.replace(AMONG.condition, styles=("noto",))
    config = dataclasses.replace(AMONG, condition=condition, same_style=0.0, as_shown=True)
    picture, (shown,) = draw_pictures(config, lacking, 0, 32)
    changed = shown.layout.style != picture.layout.style
    assert torch.equal(changed, picture.layout.concept % 2 == 1)
