"""Roles for the sprite world of plain shapes, as the tests of staging have them."""

from typing import Any

import pytest

from gencontrol.sprites.staging.roles import Roles, roles_of
from gencontrol.sprites.store import SpriteStore

COLOURS = ("red", "green", "blue", "yellow", "black")


@pytest.fixture(scope="session")
def roles(sprite_store: SpriteStore) -> Roles:
    named = {
        "hats": "hill",
        "glasses": "bow",
        "ridden": "bar",
        "held": "pole",
        "supports": "block",
        "containers": "ring",
    }
    table: dict[str, Any] = {role: [f"{c} {shape}" for c in COLOURS] for role, shape in named.items()}
    table |= {"facing": {f"{c} step": "<" for c in COLOURS}, "styles": ["noto"], "as_drawn": {}}
    return roles_of(sprite_store, table | {"lifeless": [], "not_in": {}})
