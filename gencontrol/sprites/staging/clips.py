"""Staged clips: sprites that move over frames, as a layout for every frame."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gencontrol.sprites.backgrounds import draw_backgrounds
from gencontrol.sprites.compose import render
from gencontrol.sprites.layout import SIZE_RANGE, Layout
from gencontrol.sprites.staging.acts import Fact
from gencontrol.sprites.staging.casting import Casting, draw_one, draw_two
from gencontrol.sprites.staging.motion import Motion, move
from gencontrol.sprites.staging.poses import Placed
from gencontrol.sprites.staging.roles import Roles
from gencontrol.sprites.staging.scenes import NO_TINT, Staged, StagingConfig, casting_of, layout_of
from gencontrol.sprites.store import SpriteStore
from gencontrol.streams import stream


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One clip."""

    last: Staged
    """Its last frame, as a batch of one staged scene; its facts are those of the clip."""
    alphas: Float[Tensor, "t k h w"]
    """What is seen of every sprite in every frame."""
    rgb: Float[Tensor, "t 3 h w"]
    """The frames, [0, 1]."""
    still: Bool[Tensor, " k"]
    """Which sprites stay where they are."""


def stage_clip(
    store: SpriteStore, config: StagingConfig, *, frames: int, seed: int, index: int = 0, roles: Roles | None = None
) -> Clip:
    """Stage clip `index` of a seed; the result depends on the arguments alone.

    Args:
        store: The sprites.
        config: How to stage; its acts play no part.
        frames: Of the clip, at least 3.
        seed: The stream.
        index: Which clip of the stream.
        roles: Of the sprites; those that are shipped unless given.
    """
    generator = stream(seed, index, f"clips/{config.split}")
    rng = np.random.default_rng(int(torch.randint(2**31, (), generator=generator)))
    casting = casting_of(store, config, roles)
    shares = np.array(config.counts) / sum(config.counts)
    count = max(2, 1 + int(rng.choice(len(shares), p=shares)))
    cast = _cast(casting, count, rng)
    low, high = SIZE_RANGE[max(count, 3)]
    sides = [float(rng.uniform(low, high)) * 0.75 for _ in cast]
    motion = move(sides, frames=frames, pairs=1 if count < 4 else int(rng.integers(1, count // 2 + 1)), rng=rng)
    carried = [j for _, j, relation, true in motion.facts if relation == "carrying" and true]
    sides = [side * 0.6 if slot in carried else side for slot, side in enumerate(sides)]
    placed = [replace(one, side=side) for one, side in zip(cast, sides, strict=True)]
    order = rng.permutation(count)
    # What is carried lies in front of who carries it.
    order = np.array([*(i for i in order if i not in carried), *(i for i in order if i in carried)])
    return _drawn(store, config, casting, [placed[i] for i in order], _reordered(motion, order), generator)


def _cast(casting: Casting, count: int, rng: np.random.Generator) -> list[Placed]:
    pair = draw_two(casting, casting.roles.any, casting.roles.any, [], rng)
    assert pair is not None, "a store without two concepts that may meet"
    cast = list(pair)
    while len(cast) < count:
        one = draw_one(casting, casting.roles.any, cast, rng)
        assert one is not None, "a store with too few concepts"
        cast.append(one)
    return cast


def _reordered(motion: Motion, order: np.ndarray) -> Motion:
    place = {int(old): new for new, old in enumerate(order)}
    facts: tuple[Fact, ...] = tuple((place[i], place[j], name, true) for i, j, name, true in motion.facts)
    return Motion(paths=motion.paths[:, order], facts=facts)


def _drawn(
    store: SpriteStore,
    config: StagingConfig,
    casting: Casting,
    placed: list[Placed],
    motion: Motion,
    generator: torch.Generator,
) -> Clip:
    """Every frame on one background, in unchanging colours."""
    count, frames = len(placed), len(motion.paths)
    tint = torch.full((1, count), NO_TINT)
    first = layout_of([tuple(placed)], count, tint, generator)
    kinds = torch.multinomial(torch.ones(5), 1, replacement=True, generator=generator)
    background = draw_backgrounds(kinds, config.size, config.split, generator)
    centre = torch.from_numpy(motion.paths).float()
    scenes = render(store, _repeated(first, centre), background.expand(frames, -1, -1, -1))
    last = render(store, replace(first, centre=centre[-1:]), background)
    facing = torch.tensor([[casting.facing(one) for one in placed]])
    return Clip(
        last=Staged(scenes=last, facts=(motion.facts,), facing=facing, tint=tint),
        alphas=scenes.alpha,
        rgb=scenes.rgb,
        still=torch.from_numpy(motion.still),
    )


def _repeated(layout: Layout, centre: Float[Tensor, "t k 2"]) -> Layout:
    fields = ("concept", "style", "side", "turn", "mirrored", "colour", "softness")
    repeated = {name: getattr(layout, name).expand(len(centre), *getattr(layout, name).shape[1:]) for name in fields}
    return replace(layout, centre=centre, **repeated)
