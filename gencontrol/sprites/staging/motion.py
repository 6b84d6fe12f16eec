"""How things move over a clip: paths of middles on a canvas from 0 to 1, and what the movers do to each other."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gencontrol.sprites.staging.acts import Fact

Path = NDArray[np.float64]
"""Places (t, 2) of a middle, (x, y)."""

BORDER = 0.1
"""No middle comes nearer to the canvas's edge."""
STILL = 0.02
"""What moves less than this from its mean place is still."""


@dataclass(frozen=True, kw_only=True)
class Move:
    """The paths of a pair, and what the first does to the second, or the second to the first."""

    first: Path
    second: Path
    facts: tuple[Fact, ...]


Plan = Callable[[int, float, np.random.Generator], Move]
"""From a number of frames and the distance at which the two touch."""


def _unit(angle: float) -> Path:
    return np.array([math.cos(angle), math.sin(angle)])


def _draw(rng: np.random.Generator) -> tuple[Path, Path]:
    """A place, and a direction."""
    return rng.uniform(0.2, 0.8, 2), _unit(rng.uniform(0, 2 * math.pi))


def _line(start: Path, way: Path, frames: int) -> Path:
    return start + np.linspace(0, 1, frames)[:, None] * way


def _wander(start: Path, length: float, frames: int, rng: np.random.Generator, *, bend: float = 1.5) -> Path:
    """A smooth path of a length, bending to one side."""
    angles = rng.uniform(0, 2 * math.pi) + np.linspace(0, rng.uniform(-bend, bend), frames - 1)
    steps = np.stack([np.cos(angles), np.sin(angles)], -1) * length / (frames - 1)
    return np.concatenate([start[None], start + steps.cumsum(0)])


def approaching(frames: int, touch: float, rng: np.random.Generator) -> Move:
    """Straight towards what stays where it is."""
    goal, way = _draw(rng)
    far = touch + rng.uniform(0.3, 0.55)
    path = _line(goal + way * far, -way * (far - touch) * rng.uniform(0.6, 1.0), frames)
    return Move(first=path, second=_line(goal, 0 * way, frames), facts=((0, 1, "approaching", True),))


def moving_away(frames: int, touch: float, rng: np.random.Generator) -> Move:
    """Straight away from what stays where it is."""
    found = approaching(frames, touch, rng)
    return Move(
        first=found.first[::-1].copy(),
        second=found.second,
        facts=((0, 1, "moving away from", True), (0, 1, "fleeing from", False)),
    )


def chasing(frames: int, touch: float, rng: np.random.Generator) -> Move:
    """One makes for where the other is at the time, and is faster; the other turns away from it."""
    start, way = _draw(rng)
    hunter, prey = [start], [start + way * (touch + rng.uniform(0.12, 0.3))]
    speed = rng.uniform(0.45, 0.8) / (frames - 1)
    turn = rng.uniform(-0.9, 0.9)
    for _ in range(frames - 1):
        between = prey[-1] - hunter[-1]
        angle = math.atan2(between[1], between[0])
        distance = float(np.linalg.norm(between))
        # It dodges to one side the more, the nearer the other is.
        prey.append(prey[-1] + _unit(angle + turn * touch / max(distance, touch)) * speed)
        hunter.append(hunter[-1] + _unit(angle) * min(speed * 1.25, max(0.0, distance - 0.7 * touch)))
    facts = ((0, 1, "chasing", True), (1, 0, "fleeing from", True), (0, 1, "following", False))
    return Move(first=np.stack(hunter), second=np.stack(prey), facts=facts)


def fleeing(frames: int, touch: float, rng: np.random.Generator) -> Move:
    """One turns away from the other, which goes its own way past it."""
    place, way = _draw(rng)
    aside = np.array([-way[1], way[0]]) * rng.choice((-1, 1)) * rng.uniform(0.3, 0.9) * touch
    other = _line(place - way * (touch + 0.2) + aside, way * rng.uniform(0.4, 0.7), frames)
    path, speed = [place], rng.uniform(0.35, 0.6) / (frames - 1)
    for step in range(frames - 1):
        between = path[-1] - other[step]
        path.append(path[-1] + between / max(float(np.linalg.norm(between)), 1e-6) * speed)
    return Move(
        first=np.stack(path),
        second=other,
        facts=((0, 1, "fleeing from", True), (1, 0, "chasing", None), (1, 0, "following", False)),
    )


def circling(frames: int, touch: float, rng: np.random.Generator) -> Move:
    """Around the other, which stays or drifts."""
    middle, way = _draw(rng)
    centre = _line(middle, way * rng.uniform(0, 0.12), frames)
    sweep = rng.choice((-1, 1)) * rng.uniform(1.1, 2.0) * math.pi
    angles = rng.uniform(0, 2 * math.pi) + np.linspace(0, sweep, frames)
    radius = touch * rng.uniform(1.0, 1.5)
    path = centre + radius * np.stack([np.cos(angles), np.sin(angles)], -1)
    return Move(first=path, second=centre, facts=((0, 1, "circling", True), (1, 0, "circling", False)))


def following(frames: int, touch: float, rng: np.random.Generator) -> Move:
    """In the other's track, always as far behind, at its speed."""
    lag = max(2, round(frames * rng.uniform(0.3, 0.45)))
    start, _ = _draw(rng)
    length = max(rng.uniform(0.5, 0.8), 1.15 * touch * (frames + lag) / lag)
    whole = _wander(start, length, frames + lag, rng)
    facts = ((0, 1, "following", True), (0, 1, "chasing", False), (1, 0, "fleeing from", False))
    return Move(first=whole[:frames], second=whole[lag:], facts=facts)


def carrying(frames: int, touch: float, rng: np.random.Generator) -> Move:
    """Both as one; the second is small and lies on the first."""
    start, _ = _draw(rng)
    path = _wander(start, rng.uniform(0.3, 0.6), frames, rng)
    offset = _unit(rng.uniform(-math.pi, 0) if rng.random() < 0.7 else rng.uniform(0, math.pi)) * touch * 0.55
    return Move(first=path, second=path + offset, facts=((0, 1, "carrying", True), (1, 0, "carrying", False)))


def passing(frames: int, touch: float, rng: np.random.Generator) -> Move:
    """Straight past the other, which stays."""
    place, way = _draw(rng)
    aside = np.array([-way[1], way[0]]) * rng.choice((-1, 1)) * touch * rng.uniform(0.6, 1.1)
    length = 2 * touch + rng.uniform(0.2, 0.4)
    path = _line(place + aside - way * length * rng.uniform(0.4, 0.6), way * length, frames)
    return Move(first=path, second=_line(place, 0 * way, frames), facts=((0, 1, "passing", True),))


def abreast(frames: int, touch: float, rng: np.random.Generator) -> Move:
    """Side by side and apart: neither follows, and neither carries."""
    start, _ = _draw(rng)
    path = _wander(start, rng.uniform(0.3, 0.6), frames, rng, bend=0.3)
    way = path[-1] - path[0]
    aside = np.array([-way[1], way[0]]) / max(float(np.linalg.norm(way)), 1e-6)
    facts = tuple((i, 1 - i, name, False) for i in (0, 1) for name in ("following", "carrying", "chasing"))
    return Move(first=path, second=path + aside * touch * rng.uniform(1.1, 1.6), facts=facts)


PLANS: dict[str, Plan] = {
    "approaching": approaching,
    "moving away from": moving_away,
    "chasing": chasing,
    "fleeing from": fleeing,
    "circling": circling,
    "following": following,
    "carrying": carrying,
    "passing": passing,
    "abreast": abreast,
}
"""What a pair can do."""
MOVED = tuple(name for name in PLANS if name != "abreast")
"""The relations of clips."""
_LIKELY = 0.6
"""Mean cosine of a heading and the way to the other from which a pair looks as if it meant it."""


def by_accident(first: Path, second: Path) -> frozenset[str]:
    """What one may seem to do to another though nobody planned it: such is neither true nor false.

    Args:
        first: Path of the one who may do it.
        second: Path of the other.
    """
    way, steps, others = second - first, np.diff(first, axis=0), np.diff(second, axis=0)
    distance = np.linalg.norm(way, axis=-1)
    length, speed = np.linalg.norm(steps, axis=-1), np.linalg.norm(others, axis=-1)
    if length.sum() < STILL:
        return frozenset()
    ahead = float(((steps * way[:-1]).sum(-1) / np.maximum(length * distance[:-1], 1e-6)).mean())
    away = float((-(others * way[:-1]).sum(-1) / np.maximum(speed * distance[:-1], 1e-6)).mean())
    moves = bool(speed.sum() > STILL)
    angles = np.unwrap(np.arctan2(way[:, 1], way[:, 0]))
    swept = abs(float(angles[-1] - angles[0]))
    seems = {
        "approaching": ahead > _LIKELY and distance[-1] < 0.9 * distance[0],
        "moving away from": ahead < -_LIKELY and distance[-1] > 1.1 * distance[0],
        "chasing": moves and ahead > _LIKELY,
        "following": moves and ahead > _LIKELY,
        "fleeing from": ahead < -_LIKELY or (moves and away > _LIKELY and ahead < 0),
        "circling": swept > math.pi / 2,
        "passing": 0 < int(distance.argmin()) < len(distance) - 1 and distance.min() < 0.6 * distance[[0, -1]].max(),
        "carrying": moves and bool(np.ptp(way, axis=0).max() < 0.05),
    }
    return frozenset(name for name, likely in seems.items() if likely)


@dataclass(frozen=True, kw_only=True)
class Motion:
    """How all things of a clip move."""

    paths: NDArray[np.float64]
    """(t, k, 2)."""
    facts: tuple[Fact, ...]
    """What they do to each other; whatever is not named is false."""

    @property
    def still(self) -> NDArray[np.bool_]:
        """Which of them stay where they are, (k)."""
        return np.linalg.norm(self.paths - self.paths.mean(0), axis=-1).max(0) < STILL


def move(
    sides: list[float], *, frames: int, pairs: int, rng: np.random.Generator, plans: tuple[str, ...] = tuple(PLANS)
) -> Motion:
    """Draw the motion of a clip: some pairs do something, the others stay or wander.

    Args:
        sides: Of the things' squares; the first two, the next two and so on may be pairs.
        frames: At least 3.
        pairs: How many of them do something, no more than half the things.
        rng: The source of all randomness.
        plans: Of `PLANS`, what pairs may do.
    """
    paths: list[Path] = []
    facts: list[Fact] = []
    for pair in range(pairs):
        touch = 0.45 * (sides[2 * pair] + sides[2 * pair + 1])
        # Drawn once: of plans that are drawn anew until one fits, those that need much room would hardly ever be left.
        plan = PLANS[str(rng.choice(plans))]
        found = _kept(lambda plan=plan, touch=touch: plan(frames, touch, rng))
        start = len(paths)
        paths += [found.first, found.second]
        facts += [(start + i, start + j, relation, true) for i, j, relation, true in found.facts]
    while len(paths) < len(sides):
        place, _ = _draw(rng)
        length = 0.0 if rng.random() < 0.5 else rng.uniform(0.2, 0.5)
        found = _kept(lambda place=place, length=length: _alone(_wander(place, length, frames, rng)))
        paths.append(found.first)
    together = np.stack(paths, axis=1)
    said = {(i, j, relation) for i, j, relation, _ in facts}
    for i in range(len(paths)):
        for j in range(len(paths)):
            seeming = by_accident(together[:, i], together[:, j]) if i != j else ()
            facts += [(i, j, name, None) for name in sorted(seeming) if (i, j, name) not in said]
    return Motion(paths=together, facts=tuple(facts))


def _alone(path: Path) -> Move:
    return Move(first=path, second=path, facts=())


def _kept(draw: Callable[[], Move]) -> Move:
    """A move that stays on the canvas: drawn again, and at last squeezed into it."""
    found = draw()
    for _ in range(60):
        both = np.concatenate([found.first, found.second])
        if both.min() >= BORDER and both.max() <= 1 - BORDER:
            return found
        found = draw()
    both = np.concatenate([found.first, found.second])
    low, high = both.min(0), both.max(0)
    scale = min(1.0, float((1 - 2 * BORDER) / max(high - low)))
    shift = np.clip((low + high) / 2, BORDER + scale * (high - low) / 2, 1 - BORDER - scale * (high - low) / 2)
    first, second = ((path - (low + high) / 2) * scale + shift for path in (found.first, found.second))
    return Move(first=first, second=second, facts=found.facts)
