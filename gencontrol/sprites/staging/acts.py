"""Acts: a pair of sprites that wear, ride, hold, stand on, lie in or look at each other, and what is then true of them.

About a third of the acts only look so: the same two things in the other order, with a gap, or with a thing that cannot
be worn or held in the place of one that can.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from gencontrol.sprites.staging.casting import Casting, draw_one, draw_two
from gencontrol.sprites.staging.poses import (
    Outlines,
    Placed,
    hold,
    lie_in,
    ride,
    stand_on,
    wear_glasses,
    wear_hat,
)

Fact = tuple[int, int, str, bool | None]
"""Subject, object, relation, and whether it is true; None where it is not asked."""


@dataclass(frozen=True, kw_only=True)
class Act:
    """Sprites in a plane of their own, from the back to the front, and what is true of them beside their places."""

    sprites: tuple[Placed, ...]
    facts: tuple[Fact, ...] = ()


Stage = Callable[[Casting, Outlines, list[Placed], np.random.Generator], Act | None]


def wearing(casting: Casting, outlines: Outlines, taken: list[Placed], rng: np.random.Generator) -> Act | None:
    """An actor in a hat or glasses; or the hat hovers, lies under it, or is another thing."""
    roles = casting.roles
    if rng.random() < 0.2:
        front = roles.actor & (roles.facing == 0)
        pair = draw_two(casting, front, roles.glasses, taken, rng)
        if pair is None:
            return None
        return Act(sprites=(pair[0], wear_glasses(outlines, *pair, rng)), facts=((0, 1, "wearing", True),))
    way = rng.choice(("so", "gap", "under", "other"), p=(0.64, 0.12, 0.12, 0.12))
    others = roles.any & ~(roles.hat | roles.glasses | roles.held | roles.actor)
    pair = draw_two(casting, roles.actor, others if way == "other" else roles.hat, taken, rng)
    if pair is None:
        return None
    actor, hat = pair
    if way == "under":
        return Act(
            sprites=(hat, stand_on(outlines, actor, hat, rng)), facts=((1, 0, "wearing", False), (1, 0, "on", True))
        )
    lift = rng.uniform(0.5, 1.0) if way == "gap" else 0.0
    worn = wear_hat(outlines, actor, hat, casting.facing(actor), rng, lift=lift)
    facts: tuple[Fact, ...] = ((0, 1, "wearing", way == "so"), (1, 0, "on", None if way != "gap" else False))
    return Act(sprites=(actor, worn), facts=facts)


def riding(casting: Casting, outlines: Outlines, taken: list[Placed], rng: np.random.Generator) -> Act | None:
    """An actor on what can be ridden; or above it, before it, or under it."""
    way = rng.choice(("so", "gap", "before", "under"), p=(0.67, 0.12, 0.11, 0.1))
    pair = draw_two(casting, casting.roles.actor, casting.roles.ridden, taken, rng)
    if pair is None:
        return None
    rider, mount = pair
    if way == "under":
        mount = stand_on(outlines, mount, rider, rng)
        return Act(sprites=(rider, mount), facts=((0, 1, "riding", False), (1, 0, "riding", None), (1, 0, "on", True)))
    if way == "before":
        rider = stand_on(outlines, rider, mount, rng, lift=-1.2)
        return Act(sprites=(mount, rider), facts=((1, 0, "riding", False), (1, 0, "on", False)))
    rider = ride(outlines, rider, mount, rng, lift=rng.uniform(0.4, 0.9) if way == "gap" else 0.0)
    facts: tuple[Fact, ...] = ((1, 0, "riding", way == "so"), (1, 0, "on", None if way == "so" else False))
    if way == "so" and rng.random() < 0.25:
        return Act(sprites=(rider, mount), facts=_turned(facts))
    return Act(sprites=(mount, rider), facts=facts)


def holding(casting: Casting, outlines: Outlines, taken: list[Placed], rng: np.random.Generator) -> Act | None:
    """An actor with a thing at its hands or mouth; or the thing lies beside it, or is none that is held."""
    roles = casting.roles
    way = rng.choice(("so", "gap", "other"), p=(0.67, 0.17, 0.16))
    others = roles.any & ~(roles.hat | roles.glasses | roles.held | roles.actor | roles.ridden)
    pair = draw_two(casting, roles.actor, others if way == "other" else roles.held, taken, rng)
    if pair is None:
        return None
    gap = rng.uniform(0.1, 0.4) if way == "gap" else 0.0
    thing = hold(outlines, *pair, casting.facing(pair[0]), rng, gap=gap)
    return Act(sprites=(pair[0], thing), facts=((0, 1, "holding", way == "so"),))


def standing(casting: Casting, outlines: Outlines, taken: list[Placed], rng: np.random.Generator) -> Act | None:
    """A thing on a support; or above it, or before it."""
    roles = casting.roles
    way = rng.choice(("so", "gap", "before"), p=(0.67, 0.17, 0.16))
    things = roles.any & ~(roles.hat | roles.glasses)
    pair = draw_two(casting, things, roles.support & ~roles.actor, taken, rng)
    if pair is None:
        return None
    thing, support = pair
    lift = {"so": 0.0, "gap": rng.uniform(0.25, 0.7), "before": -rng.uniform(0.6, 1.2)}[str(way)]
    thing = stand_on(outlines, thing, support, rng, lift=lift)
    # What stands may be drawn behind the edge that it stands on.
    facts = ((1, 0, "on", way == "so"),)
    if way == "so" and rng.random() < 0.3:
        return Act(sprites=(thing, support), facts=_turned(facts))
    return Act(sprites=(support, thing), facts=facts)


def lying(casting: Casting, outlines: Outlines, taken: list[Placed], rng: np.random.Generator) -> Act | None:
    """A small thing in a container."""
    roles = casting.roles
    pair = draw_two(casting, roles.any & ~roles.hat & ~roles.held, roles.container, taken, rng)
    if pair is None:
        return None
    return Act(sprites=(pair[1], lie_in(outlines, *pair, rng)))


def looking(casting: Casting, outlines: Outlines, taken: list[Placed], rng: np.random.Generator) -> Act | None:
    """Two actors side by side, turned as it comes; what that makes of them follows from their places."""
    aside = casting.roles.actor & (casting.roles.facing != 0)
    pair = draw_two(casting, aside, aside, taken, rng)
    if pair is None:
        return None
    first, second = pair
    turns = rng.choice(("other", "each"), p=(0.5, 0.5))
    second = replace(second, side=rng.uniform(0.6, 1.4), x=rng.uniform(1.0, 1.7), y=rng.uniform(-0.35, 0.35))
    if turns == "each":
        first = replace(first, mirrored=casting.facing(replace(first, mirrored=False)) < 0)
        second = replace(second, mirrored=casting.facing(replace(second, mirrored=False)) > 0)
    return Act(sprites=(first, second))


def alike(casting: Casting, outlines: Outlines, taken: list[Placed], rng: np.random.Generator) -> Act | None:
    """Two of one kind, most often drawn in two styles."""
    first = draw_one(casting, casting.roles.any, taken, rng)
    if first is None:
        return None
    styles = [s for s in casting.styles if casting.roles.any[first.concept, s]]
    second = replace(first, style=int(rng.choice(styles)), mirrored=bool(rng.random() < 0.5))
    return Act(sprites=(first, replace(second, x=rng.uniform(0.9, 1.6), y=rng.uniform(-0.8, 0.8))))


def _turned(facts: tuple[Fact, ...]) -> tuple[Fact, ...]:
    """The same facts of two sprites in the other order."""
    return tuple((1 - subject, 1 - other, relation, true) for subject, other, relation, true in facts)


ACTS: dict[str, Stage] = {
    "wearing": wearing,
    "riding": riding,
    "holding": holding,
    "standing": standing,
    "lying": lying,
    "looking": looking,
    "alike": alike,
}
"""Each by the name of what it is about."""
POSES = ("wearing", "riding", "holding", "standing")
"""Acts whose relations follow from a pose, and not from places alone."""
