"""Staged scenes: repeatable, with their facts, and with pairs that the split allows."""

from typing import cast

import pytest
import torch
from torch.testing import assert_close

from gencontrol.errors import ConfigError
from gencontrol.images.colour import LUMA
from gencontrol.sprites.split import Split, held_out_pair
from gencontrol.sprites.staging.acts import ACTS
from gencontrol.sprites.staging.roles import Roles
from gencontrol.sprites.staging.scenes import NO_TINT, TINTS, StagingConfig, stage, tint_matrices
from gencontrol.sprites.store import SpriteStore

SMALL = StagingConfig(size=32, counts=(0.0, 1.0, 1.0, 1.0))
ONLY = {name: StagingConfig(size=32, counts=(0.0, 1.0), acts=(name,), acted=1.0, tinted=0.0) for name in ACTS}


def test_a_batch_is_a_function_of_its_place(sprite_store: SpriteStore, roles: Roles) -> None:
    first = stage(sprite_store, SMALL, batch=4, seed=3, index=1, roles=roles)
    again = stage(sprite_store, SMALL, batch=4, seed=3, index=1, roles=roles)
    other = stage(sprite_store, SMALL, batch=4, seed=3, index=2, roles=roles)
    assert torch.equal(first.scenes.rgb, again.scenes.rgb) and first.facts == again.facts
    assert torch.equal(first.facing, again.facing) and not torch.equal(first.scenes.rgb, other.scenes.rgb)
    counts = first.scenes.used.sum(-1)
    assert counts.min() >= 2 and counts.max() <= 4


@pytest.mark.parametrize("name", ["wearing", "riding", "holding", "standing"])
def test_acts_say_what_is_true_and_what_only_looks_so(sprite_store: SpriteStore, roles: Roles, name: str) -> None:
    relation = "on" if name == "standing" else name
    found = stage(sprite_store, ONLY[name], batch=40, seed=0, roles=roles)
    truths = [true for facts in found.facts for *_, said, true in facts if said == relation]
    assert 12 < sum(true is True for true in truths) < 38 and sum(true is False for true in truths) >= 4
    role = {"wearing": roles.actor, "riding": roles.actor, "holding": roles.actor, "standing": roles.any}[name]
    for row, facts in enumerate(found.facts):
        for subject, other, said, true in facts:
            assert subject != other and found.scenes.used[row, [subject, other]].all()
            if said == relation and true:
                place = found.scenes.concept[row, subject], found.scenes.style[row, subject]
                assert role[place]


def test_what_is_staged_in_tests_is_held_out(sprite_store: SpriteStore, roles: Roles) -> None:
    for split in ("train", "test"):
        config = StagingConfig(
            size=32, counts=(0.0, 1.0), acts=("wearing", "standing"), acted=1.0, split=cast(Split, split)
        )
        concept = stage(sprite_store, config, batch=30, seed=0, roles=roles).scenes.concept
        both = concept[(concept >= 0).all(-1)]
        assert bool((held_out_pair(both[:, 0], both[:, 1]) == (split == "test")).all())


def test_sprites_face_as_they_stand(sprite_store: SpriteStore, roles: Roles) -> None:
    found = stage(sprite_store, ONLY["looking"], batch=30, seed=1, roles=roles)
    drawn = roles.facing[found.scenes.concept, found.scenes.style]
    assert torch.equal(found.facing, torch.where(found.scenes.layout.mirrored, -drawn, drawn))
    assert set(found.facing.unique().tolist()) == {-1, 1}


def test_two_of_a_kind(sprite_store: SpriteStore, roles: Roles) -> None:
    concept = stage(sprite_store, ONLY["alike"], batch=20, seed=1, roles=roles).scenes.concept
    assert bool((concept[:, 0] == concept[:, 1]).all())


def test_tints_make_every_colour_a_shade_of_one() -> None:
    matrix = tint_matrices(torch.tensor([[0, 4]]))
    pixels = torch.tensor([[0.2, 0.4, 0.6, 1.0], [0.0, 0.0, 0.0, 1.0]])
    found = torch.einsum("ij,nj->ni", matrix[0, 1], pixels)
    luma = (pixels[:, :3] * torch.tensor(LUMA)).sum(-1, keepdim=True)
    assert_close(found[:, :3], torch.tensor(TINTS[4]) * (0.55 + 0.6 * luma))
    assert_close(found[:, 3], torch.ones(2))


def test_few_colours_a_scene(sprite_store: SpriteStore, roles: Roles) -> None:
    config = StagingConfig(size=32, counts=(0.0, 0.0, 0.0, 1.0), tinted=0.5)
    found = stage(sprite_store, config, batch=20, seed=0, roles=roles).tint
    assert all(len({*row.tolist()} - {NO_TINT}) <= 2 for row in found) and 20 < (found >= 0).sum() < 60


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"acts": ("dancing",)}, "acts: expected some of wearing, riding"),
        ({"acts": ()}, "acts: expected some of"),
        ({"counts": (1.0,)}, "counts: expected frequencies of 2 to 8 sprites"),
        ({"counts": (0.0,) * 8 + (1.0,)}, "counts: expected frequencies"),
    ],
)
def test_settings_that_are_none(changes: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        StagingConfig(**changes)
