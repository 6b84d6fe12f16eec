"""Staged scenes: acts and further sprites on one canvas, as a layout that `compose.render` draws."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from gencontrol.errors import ConfigError
from gencontrol.images.colour import LUMA
from gencontrol.sprites.backgrounds import draw_backgrounds
from gencontrol.sprites.catalog import training_styles
from gencontrol.sprites.compose import Scenes, render
from gencontrol.sprites.layout import SIZE_RANGE, Layout
from gencontrol.sprites.recolouring import jitter_matrices
from gencontrol.sprites.split import Split
from gencontrol.sprites.staging.acts import ACTS, POSES, Act, Fact
from gencontrol.sprites.staging.casting import Casting, draw_one
from gencontrol.sprites.staging.poses import Outlines, Placed
from gencontrol.sprites.staging.roles import Roles, roles_of
from gencontrol.sprites.store import SpriteStore
from gencontrol.streams import stream

TINTS = (
    *((0.85, 0.15, 0.12), (0.95, 0.55, 0.1), (0.95, 0.85, 0.15), (0.2, 0.65, 0.25), (0.15, 0.35, 0.85)),
    *((0.55, 0.25, 0.7), (0.95, 0.5, 0.7), (0.45, 0.28, 0.15)),
)
"""Colours in which whole sprites are drawn: red, orange, yellow, green, blue, purple, pink, brown."""
NO_TINT = -1
_TRIES = 40


@dataclass(frozen=True, kw_only=True)
class StagingConfig:
    """How scenes are staged."""

    size: int = 96
    """Side of the square scene in pixels."""
    counts: tuple[float, ...] = (0.0, 1.0, 1.0, 1.0)
    """Relative frequency of scenes with 1, 2, 3, ... sprites, up to 8."""
    styles: tuple[str, ...] = training_styles()
    """The drawing styles; one that is named several times is drawn as many times as often."""
    split: Split = "train"
    """Which backgrounds and pairs of concepts to use."""
    acts: tuple[str, ...] = (*POSES, *POSES, "lying", "looking", "alike")
    """What is staged, of `ACTS`; one that is named several times is staged as many times as often."""
    acted: float = 0.9
    """Share of the scenes that hold an act; the sprites of the others stand as it comes."""
    tinted: float = 0.25
    """Share of the sprites that are drawn in one colour."""

    def __post_init__(self) -> None:
        unknown = [name for name in self.acts if name not in ACTS]
        if unknown or not self.acts:
            raise ConfigError(f"acts: expected some of {', '.join(ACTS)}, got {list(self.acts)}.")
        if not 1 <= len(self.counts) <= max(SIZE_RANGE) or min(self.counts) < 0 or sum(self.counts[1:]) <= 0:
            raise ConfigError(f"counts: expected frequencies of 2 to 8 sprites, not all zero, got {self.counts}.")


@dataclass(frozen=True, kw_only=True)
class Staged:
    """A batch of staged scenes."""

    scenes: Scenes
    """As drawn."""
    facts: tuple[tuple[Fact, ...], ...]
    """What was staged in each scene, by slots: true, false, or not to be asked."""
    facing: Int[Tensor, "b k"]
    """Which way each sprite faces as it stands: -1 left, 1 right, 0 neither, 2 not known."""
    tint: Int[Tensor, "b k"]
    """The colour of `TINTS` that a sprite was drawn in, or `NO_TINT`."""


def casting_of(store: SpriteStore, config: StagingConfig, roles: Roles | None = None) -> Casting:
    """What the scenes of these settings are drawn from."""
    styles = tuple(store.style_indices(config.styles))
    return Casting(store=store, roles=roles or roles_of(store), styles=styles, split=config.split)


def stage(
    store: SpriteStore,
    config: StagingConfig,
    *,
    batch: int,
    seed: int,
    index: int = 0,
    outlines: Outlines | None = None,
    roles: Roles | None = None,
) -> Staged:
    """Stage a batch of scenes; the result depends on the arguments alone.

    Args:
        store: The sprites.
        config: How to stage.
        batch: Number of scenes.
        seed: The stream.
        index: Which batch of the stream.
        outlines: Of the store, to keep from call to call what was read.
        roles: Of its sprites; those that are shipped unless given.
    """
    generator = stream(seed, index, f"staged/{config.split}")
    rng = np.random.default_rng(int(torch.randint(2**31, (), generator=generator)))
    casting, outlines = casting_of(store, config, roles), outlines or Outlines(store)
    drawn = [_scene(casting, outlines, config, rng) for _ in range(batch)]
    slots = max(len(act.sprites) for act in drawn)
    tint = _tints(drawn, slots, config.tinted, rng)
    layout = layout_of([act.sprites for act in drawn], slots, tint, generator)
    background = draw_backgrounds(_kinds(batch, generator), config.size, config.split, generator)
    facing = torch.zeros(batch, slots, dtype=torch.long)
    for row, act in enumerate(drawn):
        facing[row, : len(act.sprites)] = torch.tensor([casting.facing(one) for one in act.sprites])
    return Staged(
        scenes=render(store, layout, background), facts=tuple(act.facts for act in drawn), facing=facing, tint=tint
    )


def _kinds(batch: int, generator: torch.Generator) -> Tensor:
    return torch.multinomial(torch.ones(5), batch, replacement=True, generator=generator)


def _scene(casting: Casting, outlines: Outlines, config: StagingConfig, rng: np.random.Generator) -> Act:
    """Acts and further sprites, on a canvas from 0 to 1, from the back to the front."""
    shares = np.array(config.counts) / sum(config.counts)
    count = max(2, 1 + int(rng.choice(len(shares), p=shares)))
    units = _units(casting, outlines, config, count, rng)
    low, high = SIZE_RANGE[count]
    placed: list[Act] = []
    for unit in units:
        scale = rng.uniform(low, high) * (1.0 if len(unit.sprites) == 1 else 1.7)
        placed.append(_put(unit, outlines, min(scale, 0.92), placed, rng))
    return _joined([placed[i] for i in rng.permutation(len(placed))])


def _units(
    casting: Casting, outlines: Outlines, config: StagingConfig, count: int, rng: np.random.Generator
) -> list[Act]:
    """So many sprites in all: acts of two, and sprites by themselves."""
    units: list[Act] = []
    taken: list[Placed] = []
    for _ in range(_TRIES * count):
        if len(taken) == count:
            break
        room = count - len(taken) >= 2
        unit = None
        if room and rng.random() < (config.acted if not units else 0.6):
            unit = ACTS[str(rng.choice(config.acts))](casting, outlines, taken, rng)
        elif units or rng.random() > config.acted:
            single = draw_one(casting, casting.roles.any, taken, rng)
            unit = None if single is None else Act(sprites=(single,))
        if unit is not None:
            units.append(unit)
            taken.extend(unit.sprites)
    return units


def _put(unit: Act, outlines: Outlines, size: float, before: list[Act], rng: np.random.Generator) -> Act:
    """The unit scaled to a size and moved to where it hides little of those before it; some overlap is tolerated."""
    boxes = np.array([outlines.box(one) for one in unit.sprites])
    low, high = boxes[:, :2].min(0), boxes[:, 2:].max(0)
    scale = size / max(high - low)
    extent = (high - low) * scale
    others = np.array([outlines.box(one) for act in before for one in act.sprites]).reshape(-1, 4)
    tolerance = 0.5 * rng.random() ** 2
    best, least = np.zeros(2), np.inf
    for _ in range(_TRIES):
        corner = rng.uniform(0, 1, 2) * (1 - extent)
        shared = _shared(np.concatenate([corner, corner + extent]), others)
        if shared < least:
            best, least = corner, shared
        if shared <= tolerance:
            break
    moved = tuple(
        replace(
            one,
            x=float((one.x - low[0]) * scale + best[0]),
            y=float((one.y - low[1]) * scale + best[1]),
            side=float(one.side * scale),
        )
        for one in unit.sprites
    )
    return Act(sprites=moved, facts=unit.facts)


def _shared(box: np.ndarray, others: np.ndarray) -> float:
    """The largest share of a smaller box that lies in the other."""
    if not len(others):
        return 0.0
    start, stop = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    common = np.clip(stop - start, 0, None).prod(-1)
    area = np.minimum((box[2:] - box[:2]).prod(), (others[:, 2:] - others[:, :2]).prod(-1))
    return float((common / np.maximum(area, 1e-6)).max())


def _joined(units: list[Act]) -> Act:
    sprites: list[Placed] = []
    facts: list[Fact] = []
    for unit in units:
        start = len(sprites)
        sprites.extend(unit.sprites)
        facts.extend((start + i, start + j, relation, true) for i, j, relation, true in unit.facts)
    return Act(sprites=tuple(sprites), facts=tuple(facts))


def _tints(drawn: list[Act], slots: int, share: float, rng: np.random.Generator) -> Tensor:
    """A colour for some sprites; scenes use few, so that two often have the same."""
    tint = torch.full((len(drawn), slots), NO_TINT)
    for row, act in enumerate(drawn):
        few = rng.choice(len(TINTS), 2, replace=False)
        for slot in range(len(act.sprites)):
            if rng.random() < share:
                tint[row, slot] = int(rng.choice(few))
    return tint


def layout_of(
    rows: list[tuple[Placed, ...]], slots: int, tint: Int[Tensor, "b k"], generator: torch.Generator
) -> Layout:
    """Sprites on canvases from 0 to 1 as a layout, in their order from the back to the front."""
    shape = (len(rows), slots)
    concept, style = torch.full(shape, -1), torch.zeros(shape, dtype=torch.long)
    centre, side = torch.full((*shape, 2), 0.5), torch.full(shape, 0.1)
    mirrored = torch.zeros(shape, dtype=torch.bool)
    for row, sprites in enumerate(rows):
        for slot, one in enumerate(sprites):
            concept[row, slot], style[row, slot], side[row, slot] = one.concept, one.style, one.side
            centre[row, slot] = torch.tensor([one.x, one.y])
            mirrored[row, slot] = one.mirrored
    colour = jitter_matrices(shape, 0.15, generator)
    return Layout(
        concept=concept,
        style=style,
        centre=centre,
        side=side,
        turn=torch.zeros(shape),
        mirrored=mirrored,
        colour=torch.where((tint >= 0)[..., None, None], tint_matrices(tint), colour),
        softness=torch.rand(len(rows), generator=generator) * (torch.rand(len(rows), generator=generator) < 0.3),
    )


def tint_matrices(tint: Int[Tensor, "b k"]) -> Tensor:
    """Every colour of a drawing as a shade of one: matrices on premultiplied RGBA, (b, k, 4, 4)."""
    colours = torch.tensor(TINTS)[tint.clamp(min=0)]
    matrix = torch.zeros(*tint.shape, 4, 4)
    matrix[..., :3, :3] = 0.6 * colours[..., :, None] * torch.tensor(LUMA)
    matrix[..., :3, 3] = 0.55 * colours
    matrix[..., 3, 3] = 1
    return matrix
