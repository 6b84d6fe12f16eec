"""Who meets whom."""

import numpy as np
import torch

from gencontrol.sprites.split import Split, held_out_pair
from gencontrol.sprites.staging.casting import Casting, draw_one, draw_two
from gencontrol.sprites.staging.roles import Roles
from gencontrol.sprites.store import SpriteStore


def test_directions_turn_in_a_mirror(sprite_store: SpriteStore, roles: Roles) -> None:
    casting = Casting(store=sprite_store, roles=roles, styles=(2,), split="train")
    rng = np.random.default_rng(0)
    drawn = [draw_one(casting, roles.actor, [], rng) for _ in range(40)]
    for one in drawn:
        assert one is not None and one.style == 2 and roles.actor[one.concept, 2]
        plain = int(roles.facing[one.concept, 2])
        assert casting.facing(one) == (-plain if one.mirrored else plain)
    assert {one.mirrored for one in drawn if one is not None} == {True, False}


def test_pairs_belong_to_the_split(sprite_store: SpriteStore, roles: Roles) -> None:
    rng = np.random.default_rng(1)
    splits: tuple[tuple[Split, bool], ...] = (("train", False), ("test", True))
    for split, held in splits:
        casting = Casting(store=sprite_store, roles=roles, styles=(2, 3), split=split)
        for _ in range(10):
            pair = draw_two(casting, roles.any, roles.support, [], rng)
            assert pair is not None and pair[0].concept != pair[1].concept
            assert roles.support[pair[1].concept, pair[1].style]
            concepts = [torch.tensor(one.concept) for one in pair]
            assert bool(held_out_pair(concepts[0], concepts[1])) == held


def test_training_shows_no_held_out_pair_at_all(sprite_store: SpriteStore, roles: Roles) -> None:
    casting = Casting(store=sprite_store, roles=roles, styles=(2,), split="train")
    rng = np.random.default_rng(2)
    first = draw_one(casting, roles.any, [], rng)
    assert first is not None
    for _ in range(40):
        one = draw_one(casting, roles.any, [first], rng)
        assert one is not None and one.concept != first.concept
        assert not held_out_pair(torch.tensor(one.concept), torch.tensor(first.concept))


def test_a_role_that_nobody_has(sprite_store: SpriteStore, roles: Roles) -> None:
    casting = Casting(store=sprite_store, roles=roles, styles=(2,), split="train")
    nobody = torch.zeros_like(roles.any)
    assert draw_one(casting, nobody, [], np.random.default_rng(0)) is None
    assert draw_two(casting, roles.any, nobody, [], np.random.default_rng(0)) is None
