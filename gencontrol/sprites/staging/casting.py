"""Which sprites meet: drawn by their roles, in the styles and pairs that a split allows."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gencontrol.sprites.split import Split, held_out_pair
from gencontrol.sprites.staging.poses import Placed
from gencontrol.sprites.staging.roles import Roles
from gencontrol.sprites.store import SpriteStore

_TRIES = 200


@dataclass(frozen=True, kw_only=True)
class Casting:
    """What sprites are drawn from."""

    store: SpriteStore
    roles: Roles
    styles: tuple[int, ...]
    """Indices; one that stands twice is drawn twice as often."""
    split: Split
    """A pair that does something to each other is a held-out one in tests, and no pair of a scene is in training."""

    def facing(self, sprite: Placed) -> int:
        """Which way the sprite faces as it stands: -1 left, 1 right, 0 neither, or `UNKNOWN`."""
        found = int(self.roles.facing[sprite.concept, sprite.style])
        return -found if sprite.mirrored and abs(found) == 1 else found


def draw_one(casting: Casting, role: Tensor, taken: list[Placed], rng: np.random.Generator) -> Placed | None:
    """A sprite of a role that training may show with those taken; in tests any; None where there is none."""
    for _ in range(_TRIES):
        found = _any(casting, role, rng)
        if found is None:
            return None
        kinds = [one.concept for one in taken]
        if found.concept not in kinds and (casting.split == "test" or not _held(found.concept, kinds)):
            return found
    return None


def draw_two(
    casting: Casting, first: Tensor, second: Tensor, taken: list[Placed], rng: np.random.Generator
) -> tuple[Placed, Placed] | None:
    """Two sprites of two roles: a held-out pair in tests, none in training; None where there is no such pair."""
    if not bool(second[:, list(casting.styles)].any()):
        return None
    for _ in range(_TRIES):
        one = draw_one(casting, first, taken, rng)
        if one is None:
            return None
        if casting.split == "train":
            other = draw_one(casting, second, [*taken, one], rng)
        else:
            kinds = torch.arange(len(casting.store.concepts))
            partners = held_out_pair(torch.full_like(kinds, one.concept), kinds)[:, None] & second
            other = draw_one(casting, partners, [*taken, one], rng)
        if other is not None:
            return one, other
    return None


def _held(concept: int, others: list[int]) -> bool:
    met = torch.tensor(others, dtype=torch.long)
    return bool(held_out_pair(torch.full_like(met, concept), met).any())


def _any(casting: Casting, role: Tensor, rng: np.random.Generator) -> Placed | None:
    """Any sprite of a role, every style and then every concept alike."""
    for style in rng.permutation(casting.styles).tolist():
        kinds = role[:, style].nonzero()[:, 0].tolist()
        if kinds:
            return Placed(concept=int(rng.choice(kinds)), style=style, mirrored=bool(rng.random() < 0.5))
    return None
