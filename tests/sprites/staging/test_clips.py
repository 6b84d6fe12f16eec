"""Clips: frames of one scene that differ in places alone."""

import torch
from torch.testing import assert_close

from gencontrol.sprites.staging.clips import stage_clip
from gencontrol.sprites.staging.roles import Roles
from gencontrol.sprites.staging.scenes import StagingConfig
from gencontrol.sprites.store import SpriteStore

CONFIG = StagingConfig(size=32, counts=(0.0, 0.5, 0.5))


def test_a_clip_is_a_function_of_its_place(sprite_store: SpriteStore, roles: Roles) -> None:
    first, again, other = (
        stage_clip(sprite_store, CONFIG, frames=6, seed=0, index=index, roles=roles) for index in (1, 1, 2)
    )
    assert torch.equal(first.rgb, again.rgb) and first.last.facts == again.last.facts
    assert first.rgb.shape != other.rgb.shape or not torch.equal(first.rgb, other.rgb)
    assert first.rgb.shape == (6, 3, 32, 32) and first.alphas.shape[0] == 6
    assert_close(first.rgb[-1], first.last.scenes.rgb[0], atol=1e-5, rtol=0)
    assert_close(first.alphas[-1], first.last.scenes.alpha[0], atol=1e-5, rtol=0)


def test_frames_differ_where_things_move(sprite_store: SpriteStore, roles: Roles) -> None:
    for index in range(6):
        clip = stage_clip(sprite_store, CONFIG, frames=5, seed=1, index=index, roles=roles)
        assert len(clip.still) == clip.alphas.shape[1] == int(clip.last.scenes.used.sum())
        for slot, still in enumerate(clip.still.tolist()):
            mass = clip.alphas[:, slot].flatten(1)
            # A sprite that stays may still be hidden by one that moves.
            if not still and mass.sum(1).min() > 1:
                assert (mass[0] - mass[-1]).abs().max() > 0.3
        names = {name for *_, name, true in clip.last.facts[0] if true is not None}
        assert names or all(true is None for *_, true in clip.last.facts[0])


def test_what_is_carried_is_small_and_in_front(sprite_store: SpriteStore, roles: Roles) -> None:
    found = 0
    for index in range(40):
        clip = stage_clip(sprite_store, CONFIG, frames=3, seed=2, index=index, roles=roles)
        for carrier, load, name, true in clip.last.facts[0]:
            if name == "carrying" and true:
                found += 1
                assert load > carrier and clip.last.scenes.layout.side[0, load] < 0.4
    assert found >= 2
