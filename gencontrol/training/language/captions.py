"""Captions of what is marked, in a small closed language."""

from gencontrol.sprites.captions import with_article
from gencontrol.sprites.descriptions import COLOURS
from gencontrol.training.language.shown import Shown, Thing

NOTHING = "nothing is marked"
"""What is said of a mark with nothing in it."""
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
"""Words for how many."""
BIG, SMALL = 0.12, 0.035
"""Share of the picture from which a thing is called big, and up to which it is called small."""
ASIDE = 0.14
"""How far from the middle, as a share of the picture, a thing is on a side."""
HIDDEN = 0.05
"""Share of a thing from which what covers it is told."""


def caption_of(shown: Shown) -> str:
    """What is marked, in a sentence: in the whole frame with its size and place."""
    if shown.look == "whole":
        return _whole(shown)
    marked = [shown.things[slot] for slot in shown.marked]
    if not marked:
        return NOTHING
    if len(marked) > 1:
        return named(shown)
    thing = marked[0]
    if shown.look in ("crop", "blank"):
        return with_article(" ".join(_coloured(thing)))
    words = _coloured(thing)
    if shown.look == "zoom":
        return with_article(" ".join(words)) + _behind(shown, thing)
    return with_article(" ".join([*_sized(thing), *words])) + f" {place_of(thing)}" + _behind(shown, thing)


def named(shown: Shown) -> str:
    """The names of what is marked, from the left to the right."""
    marked = sorted((shown.things[slot] for slot in shown.marked), key=lambda thing: thing.place[0])
    return " and ".join(with_article(thing.name) for thing in marked)


def place_of(thing: Thing) -> str:
    """Where a thing stands: "on the left", "at the top right", "in the middle"."""
    across, down = (value - 0.5 for value in thing.place)
    side = "left" if across < -ASIDE else "right" if across > ASIDE else ""
    height = "top" if down < -ASIDE else "bottom" if down > ASIDE else ""
    if height:
        return " ".join(word for word in ("at the", height, side) if word)
    return f"on the {side}" if side else "in the middle"


def things(count: int) -> str:
    """How many things: "one thing", "three things"."""
    return f"{NUMBERS[count]} thing{'' if count == 1 else 's'}"


def can_colour(thing: Thing) -> bool:
    """Whether one word says a thing's colour, and none in its name says one already."""
    return bool(thing.colour) and not set(thing.name.split()) & set(COLOURS)


def is_hidden(thing: Thing) -> bool:
    """Whether some other thing covers so much of it that this is told."""
    return thing.behind >= 0 and thing.covered >= HIDDEN


def _whole(shown: Shown) -> str:
    """Without a mark a picture of one thing is of that thing, and one of several is told by their number."""
    first, *others = shown.things
    if others:
        return things(1 + len(others))
    return with_article(" ".join(_coloured(first)))


def _coloured(thing: Thing) -> list[str]:
    return [thing.colour, thing.name] if thing.recoloured and can_colour(thing) else [thing.name]


def _sized(thing: Thing) -> list[str]:
    return ["big"] if thing.area >= BIG else ["small"] if thing.area <= SMALL else []


def _behind(shown: Shown, thing: Thing) -> str:
    return f" behind {with_article(shown.things[thing.behind].name)}" if is_hidden(thing) else ""
