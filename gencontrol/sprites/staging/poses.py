"""Two sprites in a pose: one worn, ridden, held, stood on or lain in; and poses that only look like it.

Places are in a plane of their own, x to the right and y down; whoever stages a scene moves and scales the whole pose.
"""

import functools
from dataclasses import dataclass, replace

import numpy as np

from gencontrol.sprites.store import SpriteStore

_READ = 48


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A sprite in its square."""

    concept: int
    style: int
    x: float = 0.0
    """Of the square's middle."""
    y: float = 0.0
    side: float = 1.0
    mirrored: bool = False


@dataclass(frozen=True, kw_only=True)
class Outline:
    """What of a sprite's square is drawn on, in shares of its side."""

    box: tuple[float, float, float, float]
    """(left, top, right, bottom)."""
    tops: tuple[float, ...]
    """For every column the height of its first drawn pixel, 1 where there is none."""


class Outlines:
    """Outlines of a store's sprites, each read once."""

    def __init__(self, store: SpriteStore):
        """Keep the store."""
        self._read = functools.cache(lambda concept, style: read_outline(store, concept, style))

    def of(self, sprite: Placed) -> Outline:
        """The outline as the sprite stands, mirrored or not."""
        found = self._read(sprite.concept, sprite.style)
        if not sprite.mirrored:
            return found
        left, top, right, bottom = found.box
        return Outline(box=(1 - right, top, 1 - left, bottom), tops=found.tops[::-1])

    def box(self, sprite: Placed) -> tuple[float, float, float, float]:
        """What a placed sprite covers, (left, top, right, bottom)."""
        left, top, right, bottom = self.of(sprite).box
        x, y = sprite.x - sprite.side / 2, sprite.y - sprite.side / 2
        return (x + left * sprite.side, y + top * sprite.side, x + right * sprite.side, y + bottom * sprite.side)

    def top(self, sprite: Placed, left: float, right: float) -> float:
        """The height of the first drawn pixel between two shares of what the sprite covers across."""
        outline = self.of(sprite)
        start, stop = outline.box[0], outline.box[2]
        count = len(outline.tops)
        low, high = (int((start + share * (stop - start)) * (count - 1)) for share in (left, right))
        return sprite.y - sprite.side / 2 + min(outline.tops[low : high + 1]) * sprite.side


def read_outline(store: SpriteStore, concept: int, style: int) -> Outline:
    """The outline of a drawing, from its smallest copy of `_READ` pixels at least."""
    level = next((one for one in reversed(store.levels) if one.shape[2] >= _READ), store.levels[0])
    drawn = (level[concept, style, :, :, 3] > 100).numpy()
    if not drawn.any():
        return Outline(box=(0.0, 0.0, 1.0, 1.0), tops=(0.0,) * drawn.shape[1])
    side = drawn.shape[0]
    columns, rows = drawn.any(0).nonzero()[0], drawn.any(1).nonzero()[0]
    tops = np.where(drawn.any(0), drawn.argmax(0) / side, 1.0)
    left, right, top, bottom = (int(end) for line in (columns, rows) for end in (line[0], line[-1] + 1))
    return Outline(box=(left / side, top / side, right / side, bottom / side), tops=tuple(tops.tolist()))


def _fitted(outlines: Outlines, sprite: Placed, *, width: float) -> Placed:
    """The sprite at a size at which it covers so much across."""
    left, _, right, _ = outlines.of(sprite).box
    return replace(sprite, side=width / max(right - left, 0.1))


def _at(outlines: Outlines, sprite: Placed, *, middle: float, bottom: float) -> Placed:
    """The sprite moved so that what it covers has this middle and this lower edge."""
    left, _, right, low = outlines.box(sprite)
    return replace(sprite, x=sprite.x + middle - (left + right) / 2, y=sprite.y + bottom - low)


def head_of(outlines: Outlines, actor: Placed, facing: int) -> tuple[float, float, float]:
    """Middle, top and width of an actor's head: on the side that it faces, or in the middle."""
    left, _, right, _ = outlines.box(actor)
    width = right - left
    low, high = {-1: (0.0, 0.42), 1: (0.58, 1.0)}.get(facing, (0.28, 0.72))
    top = outlines.top(actor, low, high)
    share = (low + high) / 2
    return left + share * width, top, width * (0.42 if facing else 0.66)


def wear_hat(
    outlines: Outlines, actor: Placed, hat: Placed, facing: int, rng: np.random.Generator, *, lift: float = 0.0
) -> Placed:
    """The hat on the actor's head; `lift` heights of it above, it hovers."""
    middle, top, width = head_of(outlines, actor, facing)
    hat = _fitted(outlines, hat, width=width * rng.uniform(0.85, 1.25))
    _, high, _, low = outlines.box(hat)
    sink = rng.uniform(0.2, 0.4) - lift
    return _at(outlines, hat, middle=middle + rng.uniform(-0.06, 0.06) * width, bottom=top + sink * (low - high))


def wear_glasses(outlines: Outlines, actor: Placed, glasses: Placed, rng: np.random.Generator) -> Placed:
    """The glasses before the eyes of an actor that faces out of the picture."""
    left, top, right, bottom = outlines.box(actor)
    glasses = _fitted(outlines, glasses, width=(right - left) * rng.uniform(0.6, 0.85))
    height = top + (bottom - top) * rng.uniform(0.38, 0.52)
    _, high, _, low = outlines.box(glasses)
    return _at(outlines, glasses, middle=(left + right) / 2, bottom=height + (low - high) / 2)


def ride(outlines: Outlines, rider: Placed, mount: Placed, rng: np.random.Generator, *, lift: float = 0.0) -> Placed:
    """The rider in the mount's seat; `lift` heights of it above, it hovers."""
    left, _, right, _ = outlines.box(mount)
    seat = outlines.top(mount, 0.38, 0.62)
    rider = replace(rider, side=mount.side * rng.uniform(0.5, 0.85))
    _, high, _, low = outlines.box(rider)
    sink = rng.uniform(0.12, 0.3) - lift
    middle = (left + right) / 2 + rng.uniform(-0.1, 0.1) * (right - left)
    return _at(outlines, rider, middle=middle, bottom=seat + sink * (low - high))


def hold(
    outlines: Outlines, actor: Placed, thing: Placed, facing: int, rng: np.random.Generator, *, gap: float = 0.0
) -> Placed:
    """The thing at the actor's hands or mouth; with a gap, in shares of the actor's width, beside it."""
    left, top, right, bottom = outlines.box(actor)
    side = facing or int(rng.choice((-1, 1)))
    thing = replace(thing, side=actor.side * rng.uniform(0.32, 0.55))
    edge = left if side < 0 else right
    inward = rng.uniform(-0.02, 0.14) * (right - left)
    covers = outlines.box(thing)
    half = (covers[2] - covers[0]) / 2
    out = (gap * (right - left) + half) if gap else -inward
    height = top + rng.uniform(0.5, 0.8) * (bottom - top)
    return _at(outlines, thing, middle=edge + side * out, bottom=height + (covers[3] - covers[1]) / 2)


def stand_on(
    outlines: Outlines, thing: Placed, support: Placed, rng: np.random.Generator, *, lift: float = 0.0
) -> Placed:
    """The thing on the support's top; `lift` heights of it above, it hovers, and below 0 it lies before it."""
    left, _, right, _ = outlines.box(support)
    thing = replace(thing, side=support.side * rng.uniform(0.35, 0.8))
    share = rng.uniform(0.35, 0.65)
    covers = outlines.box(thing)
    half = min(0.25, (covers[2] - covers[0]) / (right - left) / 4)
    top = outlines.top(support, max(0.0, share - half), min(1.0, share + half))
    sink = rng.uniform(0.0, 0.05) - lift
    return _at(outlines, thing, middle=left + share * (right - left), bottom=top + sink * (covers[3] - covers[1]))


def lie_in(outlines: Outlines, thing: Placed, container: Placed, rng: np.random.Generator) -> Placed:
    """The thing in the middle of the container."""
    left, top, right, bottom = outlines.box(container)
    short = min(right - left, bottom - top)
    thing = replace(thing, side=short * rng.uniform(0.3, 0.5))
    covers = outlines.box(thing)
    height = (top + bottom) / 2 + rng.uniform(-0.08, 0.08) * short
    middle = (left + right) / 2 + rng.uniform(-0.08, 0.08) * short
    return _at(outlines, thing, middle=middle, bottom=height + (covers[3] - covers[1]) / 2)
