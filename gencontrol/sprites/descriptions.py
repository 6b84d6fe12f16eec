"""Texts that say more of a scene than names: where things are, how large, which colour, what lies in front.

Each comes with its opposite, the same words turned so that they are false of the scene: a text tower that is never
shown such pairs reads "a cat left of a dog" and "a dog left of a cat" alike.
"""

import colorsys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.sprites.captions import pick_name, with_article
from gencontrol.sprites.compose import Scenes
from gencontrol.sprites.relations import MARGIN
from gencontrol.sprites.store import SpriteStore

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey")
"""Words for colours that texts use."""
_HUES = ((15, "red"), (42, "orange"), (68, "yellow"), (165, "green"), (255, "blue"), (292, "purple"), (345, "pink"))
"""Upper ends of hues in degrees."""
LEAST_VISIBLE = 0.35
"""Visible share from which a sprite is spoken of."""
_LARGER = 1.7
"""Ratio of visible areas from which one thing counts as big beside the other."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """A text about one or two sprites of a scene, and its opposite."""

    text: str
    """True of the scene."""
    opposite: str
    """False of it."""
    slots: tuple[int, ...]
    """Of whom it speaks."""


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What texts go by, of one scene: a row for each slot."""

    names: list[str]
    """With a synonym now and then; empty for slots that are not spoken of."""
    centre: list[tuple[float, float]]
    area: list[float]
    visible: list[float]
    colour: list[str]
    hides: set[tuple[int, int]]
    """(front, back) pairs of which the front one hides some of the other."""


def describe(store: SpriteStore, scenes: Scenes, generator: torch.Generator) -> list[Description | None]:
    """One random description of each scene; None where nothing can be said that is not ambiguous."""
    colours = colour_words(store, scenes)
    draws = torch.rand(len(scenes.rgb), 4, generator=generator).tolist()
    found = []
    for index, draw in enumerate(draws):
        seen = _look(store, scenes, index, colours[index], generator)
        said = [d for way in _WAYS for d in way(seen)]
        # Ways count alike, however many pairs of sprites each could speak of.
        kinds = sorted({kind for kind, _ in said})
        if not kinds:
            found.append(None)
            continue
        kind = kinds[int(draw[0] * len(kinds))]
        of_kind = [d for k, d in said if k == kind]
        found.append(of_kind[int(draw[1] * len(of_kind))])
    return found


def colour_words(store: SpriteStore, scenes: Scenes) -> list[list[str]]:
    """A word for each sprite's mean colour, scene by scene; empty where it has no one colour to speak of."""
    texture = store.levels[-1].float().div(255).mean((2, 3))
    concept = scenes.layout.concept.clamp(min=0)
    mean = texture[concept, scenes.layout.style].cpu()
    shown = (scenes.layout.colour @ mean[..., None])[..., 0]
    straight = (shown[..., :3] / shown[..., 3:].clamp(min=1e-6)).clamp(0, 1)
    return [[colour_word(rgb) for rgb in row] for row in straight]


def colour_word(rgb: Float[Tensor, "3"]) -> str:
    """The word for a colour in [0, 1]; empty for one that people would not agree on."""
    hue, saturation, value = colorsys.rgb_to_hsv(*rgb.tolist())
    if value < 0.2:
        return "black"
    if saturation < 0.12:
        return "white" if value > 0.85 else "grey"
    if saturation < 0.4:
        return ""
    word = next((name for end, name in _HUES if hue * 360 < end), "red")
    if word in ("red", "orange") and value < 0.62:
        return "brown"
    return word


def _look(store: SpriteStore, scenes: Scenes, index: int, colours: Sequence[str], generator: torch.Generator) -> _Seen:
    spoken = (scenes.visible[index] >= LEAST_VISIBLE).tolist()
    concepts = scenes.concept[index].tolist()
    draw = torch.rand(len(concepts), 2, generator=generator).tolist()
    names = [
        pick_name(store.concepts[c].names, *d, share=0.25) if c >= 0 and said else ""
        for c, said, d in zip(concepts, spoken, draw, strict=True)
    ]
    centre = [(float(x), float(y)) for x, y in scenes.layout.centre[index]]
    area = scenes.alpha[index].sum((-1, -2)).tolist()
    visible = scenes.visible[index].tolist()
    return _Seen(
        names=names,
        centre=centre,
        area=area,
        visible=visible,
        # "A red green apple" says nothing clear.
        colour=[
            word if name and not set(name.split()) & set(COLOURS) else ""
            for word, name in zip(colours, names, strict=True)
        ],
        hides=_hiding(centre, scenes.layout.side[index].tolist(), visible, names),
    )


def _hiding(
    centre: Sequence[tuple[float, float]], side: Sequence[float], visible: Sequence[float], names: Sequence[str]
) -> set[tuple[int, int]]:
    """Later slots lie in front; only a clear overlap with one that is partly hidden counts."""
    pairs = set()
    for back, front in permutations(range(len(names)), 2):
        if not (names[back] and names[front]) or front < back or visible[back] > 0.9:
            continue
        reach = (side[back] + side[front]) / 2
        overlap = [max(0.0, reach - abs(a - b)) for a, b in zip(centre[back], centre[front], strict=True)]
        if overlap[0] * overlap[1] > 0.2 * min(side[back], side[front]) ** 2:
            pairs.add((front, back))
    return pairs


_Said = list[tuple[str, Description]]


def _pairs(seen: _Seen) -> list[tuple[int, int]]:
    """Ordered pairs of sprites that are spoken of and whose names differ."""
    slots = [slot for slot, name in enumerate(seen.names) if name]
    return [(i, j) for i, j in permutations(slots, 2) if seen.names[i] != seen.names[j]]


def _beside(seen: _Seen) -> _Said:
    """To the left or right, above or below."""
    said: _Said = []
    for i, j in _pairs(seen):
        for axis, (less, more) in enumerate((("left of", "right of"), ("above", "below"))):
            gap = seen.centre[i][axis] - seen.centre[j][axis]
            if abs(gap) >= 1.5 * MARGIN:
                word, other = (less, more) if gap < 0 else (more, less)
                said.append(("beside", _turned(seen, i, j, word, other)))
    return said


def _in_front(seen: _Seen) -> _Said:
    said: _Said = []
    for front, back in seen.hides:
        if seen.names[front] != seen.names[back]:
            said.append(("depth", _turned(seen, front, back, "in front of", "behind")))
            said.append(("depth", _turned(seen, back, front, "behind", "in front of")))
    return sorted(said, key=lambda entry: entry[1].text)


def _turned(seen: _Seen, i: int, j: int, word: str, other: str) -> Description:
    first, second = with_article(seen.names[i]), with_article(seen.names[j])
    # Half of the opposites turn the names round, half the word, by a coin that needs no draw.
    swapped = f"{second} {word} {first}" if len(first + second) % 2 else f"{first} {other} {second}"
    return Description(text=f"{first} {word} {second}", opposite=swapped, slots=(i, j))


def _placed(seen: _Seen) -> _Said:
    """Where in the picture one thing is."""
    said: _Said = []
    for slot, name in enumerate(seen.names):
        if not name:
            continue
        x, y = seen.centre[slot]
        for value, (low, high) in ((x, ("on the left", "on the right")), (y, ("at the top", "at the bottom"))):
            if abs(value - 0.5) > 0.15:
                here, there = (low, high) if value < 0.5 else (high, low)
                thing = with_article(name)
                said.append(("place", Description(text=f"{thing} {here}", opposite=f"{thing} {there}", slots=(slot,))))
    return said


def _sized(seen: _Seen) -> _Said:
    """Which of two is big, which small."""
    said: _Said = []
    for i, j in _pairs(seen):
        if min(seen.visible[i], seen.visible[j]) > 0.8 and seen.area[i] > _LARGER * seen.area[j]:
            big, small = seen.names[i], seen.names[j]
            text, opposite = f"a big {big} and a small {small}", f"a small {big} and a big {small}"
            said.append(("size", Description(text=text, opposite=opposite, slots=(i, j))))
            text, opposite = f"a {big} bigger than a {small}", f"a {small} bigger than a {big}"
            said.append(("size", Description(text=text, opposite=opposite, slots=(i, j))))
    return said


def _coloured(seen: _Seen) -> _Said:
    """One thing's colour, the opposite with another; or two things' colours, the opposite exchanged."""
    said: _Said = []
    slots = [slot for slot, word in enumerate(seen.colour) if word]
    for slot in slots:
        name, word = seen.names[slot], seen.colour[slot]
        far = COLOURS[(COLOURS.index(word) + 3 + len(name) % 5) % len(COLOURS)]
        text, opposite = with_article(f"{word} {name}"), with_article(f"{far} {name}")
        said.append(("colour", Description(text=text, opposite=opposite, slots=(slot,))))
    for i, j in _pairs(seen):
        one, two = seen.colour[i], seen.colour[j]
        if one and two and one != two:
            text = f"{with_article(f'{one} {seen.names[i]}')} and {with_article(f'{two} {seen.names[j]}')}"
            opposite = f"{with_article(f'{two} {seen.names[i]}')} and {with_article(f'{one} {seen.names[j]}')}"
            said.append(("colours", Description(text=text, opposite=opposite, slots=(i, j))))
    return said


_WAYS: tuple[Callable[[_Seen], _Said], ...] = (_beside, _in_front, _placed, _sized, _coloured)
