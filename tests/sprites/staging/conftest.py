"""Roles for the sprite world of plain shapes."""

from typing import Any

import pytest

from gencontrol.sprites.staging.poses import Outlines
from gencontrol.sprites.staging.roles import Roles, roles_of
from gencontrol.sprites.store import SpriteStore


@pytest.fixture(scope="session")
def role_table() -> dict[str, Any]:
    """Steps look left, blue ones right and discs out of the picture; hills are hats, poles are held."""
    colours = ("red", "green", "blue", "yellow", "black")
    facing = {f"{colour} step": "<<<<<<<" for colour in colours} | {"blue step": ">>>>>>>"}
    facing |= {f"{colour} disc": "ooooo.." for colour in colours}
    named = {
        "hats": "hill",
        "glasses": "bow",
        "ridden": "bar",
        "held": "pole",
        "supports": "block",
        "containers": "ring",
    }
    roles = {role: [f"{colour} {shape}" for colour in colours] for role, shape in named.items()}
    return {
        "styles": ["fluent-emoji", "noto", "noto-v1", "twemoji", "emojione", "streamline-emojis", "fxemoji"],
        "as_drawn": {"fluent-emoji-flat": "fluent-emoji"},
        "facing": facing,
        "lifeless": ["black step"],
        "not_in": {"red hill": ["noto"]},
        **roles,
    }


@pytest.fixture(scope="session")
def roles(sprite_store: SpriteStore, role_table: dict[str, Any]) -> Roles:
    return roles_of(sprite_store, role_table)


@pytest.fixture(scope="session")
def outlines(sprite_store: SpriteStore) -> Outlines:
    return Outlines(sprite_store)
