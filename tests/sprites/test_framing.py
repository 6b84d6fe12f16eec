"""Closer looks at scenes."""

import dataclasses

import pytest
import torch

from gencontrol.sprites.compose import SceneConfig, compose, render
from gencontrol.sprites.framing import MARGINS, draw_windows, seen_through, share_within, without_cut_off


def layout_of(store, **changes):
    return compose(store, SceneConfig(size=32, counts=(0.0, 1.0, 1.0), **changes), batch=64, seed=0).layout


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_without_a_share_every_window_is_the_frame(sprite_store):
    layout = layout_of(sprite_store)
    middle, side = draw_windows(layout, 0.0, seeded())
    assert (middle == 0.5).all() and (side == 1).all()
    assert torch.equal(seen_through(layout, middle, side).side, layout.side)


def test_windows_lie_between_the_frame_and_a_sprites_square(sprite_store):
    layout = layout_of(sprite_store)
    middle, side = draw_windows(layout, 1.0, seeded())
    smallest = layout.side.masked_fill(layout.concept < 0, 2).amin(-1)
    assert (side <= 1).all() and (side >= (smallest * (1 + 2 * MARGINS[0])).clamp(max=1) - 1e-6).all()
    assert side.min() < 0.5 and side.max() > 0.85
    # The middle lies on the way from the frame's middle to a sprite's.
    way = layout.centre - 0.5
    share = ((middle - 0.5)[:, None] * way).sum(-1) / way.square().sum(-1)
    on_way = (middle[:, None] - (0.5 + share[..., None] * way)).norm(dim=-1) < 1e-4
    assert (on_way & (layout.concept >= 0) & (share > -1e-4) & (share < 1 + 1e-4)).any(-1).all()


def test_a_window_shows_what_a_crop_of_a_larger_scene_shows(sprite_store):
    layout = layout_of(sprite_store, blur=0.0)
    large = render(sprite_store, layout, torch.full((64, 3, 128, 128), 0.5))
    middle, side = torch.full((64, 2), 0.625), torch.full((64,), 0.5)
    close = render(sprite_store, seen_through(layout, middle, side), torch.full((64, 3, 64, 64), 0.5))
    # The window from 0.375 to 0.875 of the canvas.
    cut = large.rgb[:, :, 48:112, 48:112]
    assert (close.rgb - cut).abs().mean() < 0.004
    assert (close.alpha - large.alpha[:, :, 48:112, 48:112]).abs().mean() < 0.004


def test_the_share_within_the_canvas(sprite_store):
    layout = dataclasses.replace(
        layout_of(sprite_store),
        concept=torch.tensor([[0, 1, -1]]).expand(64, 3),
        centre=torch.tensor([[[0.5, 0.5], [0.0, 1.0], [0.5, 0.5]]]).expand(64, 3, 2),
        side=torch.tensor([[0.5, 0.4, 0.5]]).expand(64, 3),
    )
    assert torch.allclose(share_within(layout)[0], torch.tensor([1.0, 0.25, 0.0]))
    assert without_cut_off(layout, layout.concept, least=0.3)[0].tolist() == [0, -1, -1]
    assert without_cut_off(layout, layout.concept, least=0.24)[0].tolist() == [0, 1, -1]


def test_close_ups_name_only_what_is_shown(sprite_store):
    plain = compose(sprite_store, SceneConfig(size=32, blur=0.0), batch=100, seed=1)
    close = compose(sprite_store, SceneConfig(size=32, blur=0.0, close=1.0), batch=100, seed=1)
    assert (close.layout.side >= plain.layout.side - 1e-6).all() and (close.layout.side > 1.3 * plain.layout.side).any()
    gone = (plain.concept >= 0) & (close.concept < 0)
    assert gone.any() and not close.alpha[gone].any() and not close.visible[gone].any()
    assert (close.concept >= 0).any(-1).all()
    within = share_within(close.layout)
    kept = close.concept >= 0
    assert (close.visible[kept] <= within[kept] + 1e-6).all()


@pytest.mark.parametrize("name", ["recolour", "deform", "close", "finish"])
def test_scenes_without_further_changes_stay_what_they_were(sprite_store, name):
    plain = compose(sprite_store, SceneConfig(size=32), batch=8, seed=2)
    changed = compose(sprite_store, dataclasses.replace(SceneConfig(size=32), **{name: 1.0}), batch=8, seed=2)
    assert torch.equal(plain.layout.concept, changed.layout.concept)
    assert not torch.equal(plain.rgb, changed.rgb)


def test_windows_around_a_lone_sprite_keep_it_in_proportion(sprite_store):
    layout = compose(sprite_store, SceneConfig(size=32, counts=(1.0,)), batch=400, seed=0).layout
    middle, side = draw_windows(layout, 1.0, seeded())
    assert MARGINS == (0.0, 0.6)
    # The closest window leaves a margin; at closeness c the side is its c-th power, and the middle c of the way.
    towards = layout.centre[:, 0] - 0.5
    closeness = (((middle - 0.5) * towards).sum(-1) / towards.square().sum(-1)).clamp(min=1e-3)
    closest = side ** (1 / closeness) / layout.side[:, 0]
    free = (closeness > 0.1) & (side ** (1 / closeness) < 0.99)
    margin = (closest[free] - 1) / 2
    assert margin.min() > -1e-3 and margin.max() < 0.601 and margin.max() > 0.5
    # The root of a uniform draw: half of all windows are closer than 0.7, on average two thirds.
    assert closeness.mean().item() == pytest.approx(2 / 3, abs=0.03)
    closer = (draw_windows(layout, 0.25, seeded())[0] != 0.5).any(-1)
    assert closer.double().mean().item() == pytest.approx(0.25, abs=0.06)


def test_what_is_kept_begins_at_the_least_share_itself(sprite_store):
    layout = dataclasses.replace(
        layout_of(sprite_store),
        centre=torch.tensor([[[0.5, 0.0], [0.5, 1.0], [-0.5, 0.5]]]).expand(64, 3, 2),
        side=torch.full((64, 3), 0.5),
        concept=torch.zeros(64, 3, dtype=torch.long),
    )
    assert share_within(layout)[0].tolist() == [0.5, 0.5, 0.0]
    assert without_cut_off(layout, layout.concept, least=0.5)[0].tolist() == [0, 0, -1]


def test_a_window_enlarges_about_its_middle(sprite_store):
    layout = dataclasses.replace(
        layout_of(sprite_store), centre=torch.full((64, 3, 2), 0.5), side=torch.full((64, 3), 0.2)
    )
    seen = seen_through(layout, torch.tensor([[0.25, 0.5]]).expand(64, 2), torch.full((64,), 0.5))
    assert seen.centre[0, 0].tolist() == [1.0, 0.5] and seen.side[0, 0].item() == pytest.approx(0.4)
