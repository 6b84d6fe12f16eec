"""Roles of drawings, and the shipped table."""

from typing import Any

import torch

from gencontrol.sprites.catalog import Concept, load_concepts
from gencontrol.sprites.staging.roles import UNKNOWN, Roles, roles_of
from gencontrol.sprites.store import SpriteStore


def at(store: SpriteStore, name: str, style: str) -> tuple[int, int]:
    return next(i for i, c in enumerate(store.concepts) if c.name == name), store.styles.index(style)


def test_drawings_face_as_the_table_says(sprite_store: SpriteStore, roles: Roles) -> None:
    assert roles.facing[at(sprite_store, "red step", "noto")] == -1
    assert roles.facing[at(sprite_store, "blue step", "fluent-emoji-flat")] == 1
    assert roles.facing[at(sprite_store, "red disc", "emojione")] == 0
    assert roles.facing[at(sprite_store, "red disc", "fxemoji")] == UNKNOWN
    # A style that the table does not know says nothing of what has a side, and what has none faces nowhere.
    assert roles.facing[at(sprite_store, "red step", "emojione-monotone")] == UNKNOWN
    assert roles.facing[at(sprite_store, "red gem", "noto")] == 0


def test_actors_live_and_are_known_to_look_somewhere(sprite_store: SpriteStore, roles: Roles) -> None:
    assert roles.actor[at(sprite_store, "red step", "noto")] and roles.actor[at(sprite_store, "red disc", "noto")]
    assert not roles.actor[at(sprite_store, "black step", "noto")]
    assert not roles.actor[at(sprite_store, "red disc", "fxemoji")]
    assert not roles.actor[at(sprite_store, "red gem", "noto")]


def test_roles_leave_out_odd_drawings_and_missing_ones(sprite_store: SpriteStore, roles: Roles) -> None:
    assert roles.hat[at(sprite_store, "red hill", "twemoji")] and not roles.hat[at(sprite_store, "red hill", "noto")]
    assert not roles.any[at(sprite_store, "red hill", "noto")]
    assert bool((roles.any | ~roles.held).all()) and bool((sprite_store.present | ~roles.any).all())
    assert roles.held.sum() > 0 and not (roles.held & roles.hat).any()


def test_the_shipped_table_names_real_concepts(sprite_store: SpriteStore) -> None:
    concepts = tuple(Concept(slug=c.slug, names=c.names, category="Animals & Nature") for c in load_concepts())
    known = torch.ones(len(concepts), len(sprite_store.styles), dtype=torch.bool)
    store = SpriteStore(concepts=concepts, styles=sprite_store.styles, levels=(), present=known)
    found = roles_of(store)
    counts: dict[str, Any] = {
        name: int(getattr(found, name).any(1).sum()) for name in ("hat", "glasses", "ridden", "held")
    }
    assert counts == {"hat": 6, "glasses": 2, "ridden": 15, "held": 26}
    assert int(found.actor.any(1).sum()) == 43 and int((found.facing == -1).sum()) > 150
    assert found.facing[[c.name for c in concepts].index("ant"), store.styles.index("noto")] == -1
    assert found.facing[[c.name for c in concepts].index("spider"), store.styles.index("noto")] == UNKNOWN
