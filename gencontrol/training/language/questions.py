"""Questions about a picture and what is marked in it, with exact answers; what is in between is not asked."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from gencontrol.sprites.captions import with_article
from gencontrol.training.language.captions import (
    NOTHING,
    NUMBERS,
    can_colour,
    caption_of,
    is_hidden,
    named,
    place_of,
    things,
)
from gencontrol.training.language.shown import Shown, Thing

CAPTION = "describe it"
"""What is asked for a caption."""
TOO_NEAR = "that takes the whole picture"
"""What is said where a close-up is asked about the whole."""
KINDS = ("what", "is", "colour", "size", "side", "where", "find", "cover", "count", "marked", "there")
"""What questions are about; `caption` is the further kind."""
CLEAR_SEEN = 0.35
"""Visible share from which another thing is asked about."""
LARGER = 1.4
"""Ratio of areas from which one thing is bigger than the other."""
APART = 0.1
"""Share of the picture by which middles differ where one thing is beside or above the other."""
BARELY = 0.005
"""Share of a thing up to which nothing covers it."""
_WAYS = {
    "what": ("what is it?", "what is this?", "what is marked?"),
    "colour": ("which colour is it?", "what colour is it?", "which colour does it have?"),
    "where": ("where is it?", "where does it stand?"),
    "cover": ("what covers it?", "what is in front of it?"),
    "count": ("how many things are there?", "how many things are in the picture?"),
    "marked": ("how many things are marked?",),
}
_SIDES = {"left of": (0, -1), "right of": (0, 1), "above": (1, -1), "below": (1, 1)}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question and its answer."""

    kind: str
    """Of `KINDS`, or `caption`."""
    question: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class _Asking:
    """What a question is made of."""

    shown: Shown
    names: Sequence[str]
    random: Random

    def way(self, kind: str) -> str:
        return self.random.choice(_WAYS[kind])

    @property
    def one(self) -> Thing | None:
        """The marked thing, where it is one; without a mark the only one of the picture."""
        shown = self.shown
        if shown.look == "whole" and len(shown.things) == 1:
            return shown.things[0]
        return shown.things[shown.marked[0]] if len(shown.marked) == 1 else None

    @property
    def others(self) -> list[Thing]:
        """The other things that are seen well enough to be spoken of."""
        return [thing for thing in self.shown.things if thing is not self.one and thing.seen >= CLEAR_SEEN]


def caption_asked(shown: Shown) -> Asked:
    """The request for a caption, and the caption."""
    return Asked(kind="caption", question=CAPTION, answer=caption_of(shown))


def ask(shown: Shown, kind: str, *, names: Sequence[str], random: Random) -> Asked | None:
    """One question of a kind, with its answer; None where it cannot be asked, or has no clear answer.

    Args:
        shown: The picture, its mark and the look.
        kind: Of `KINDS`.
        names: All that there are, for questions about what is not there.
        random: The source of all randomness.
    """
    asking = _Asking(shown=shown, names=names, random=random)
    found = next(iter(_KINDS[kind](asking)), None)
    return None if found is None else Asked(kind=kind, question=found[0], answer=found[1])


def _is_far(shown: Shown) -> bool:
    """Whether the whole picture is seen with its mark in it."""
    return shown.look == "alpha"


def _no_mark(shown: Shown) -> bool:
    return shown.look == "alpha" and not shown.marked


def _yes(true: bool) -> str:
    return "yes" if true else "no"


_Found = Iterator[tuple[str, str]]


def _what(a: _Asking) -> _Found:
    if _no_mark(a.shown):
        yield a.way("what"), NOTHING
    elif a.one is not None:
        yield a.way("what"), with_article(a.one.name)
    elif a.shown.marked:
        yield a.way("what"), named(a.shown)
    else:
        yield a.way("what"), things(len(a.shown.things))


def _is(a: _Asking) -> _Found:
    """Whether it is a thing of that name: itself, another thing of the picture, or one that is not there."""
    if a.one is None:
        return
    draw = a.random.random()
    here = [thing.name for thing in a.others]
    name = a.one.name if draw < 0.5 else a.random.choice(here if here and draw < 0.8 else a.names)
    yield f"is it {with_article(name)}?", _yes(name == a.one.name)


def _colour(a: _Asking) -> _Found:
    if _no_mark(a.shown):
        yield a.way("colour"), NOTHING
    elif a.one is not None and can_colour(a.one):
        yield a.way("colour"), a.one.colour


def _beside_another(a: _Asking) -> Thing | None:
    """Another thing to compare the marked one with."""
    others = [thing for thing in a.others if thing.name != (a.one.name if a.one else "")]
    return a.random.choice(others) if a.one is not None and others and a.shown.look in ("alpha", "zoom") else None


def _size(a: _Asking) -> _Found:
    other, word = _beside_another(a), a.random.choice(("bigger", "smaller"))
    if other is None or a.one is None:
        return
    question = f"is it {word} than the {other.name}?"
    ratio = a.one.area / max(other.area, 1e-6)
    if a.shown.look == "zoom":
        yield question, TOO_NEAR
    elif ratio > LARGER or ratio < 1 / LARGER:
        yield question, _yes((ratio > 1) == (word == "bigger"))


def _side(a: _Asking) -> _Found:
    other, word = _beside_another(a), a.random.choice(tuple(_SIDES))
    if other is None or a.one is None:
        return
    question = f"is it {word} the {other.name}?"
    axis, sign = _SIDES[word]
    offset = sign * (a.one.place[axis] - other.place[axis])
    if a.shown.look == "zoom":
        yield question, TOO_NEAR
    elif abs(offset) > APART:
        yield question, _yes(offset > 0)


def _where(a: _Asking) -> _Found:
    if _no_mark(a.shown):
        yield a.way("where"), NOTHING
    elif a.one is not None and a.shown.look in ("alpha", "zoom"):
        yield a.way("where"), place_of(a.one) if _is_far(a.shown) else TOO_NEAR


def _find(a: _Asking) -> _Found:
    """Where something stands that is named, marked or not."""
    clear = [thing for thing in a.shown.things if thing.seen >= CLEAR_SEEN]
    if clear and a.shown.look in ("alpha", "whole", "zoom"):
        thing = a.random.choice(clear)
        yield f"where is the {thing.name}?", TOO_NEAR if a.shown.look == "zoom" else place_of(thing)


def _cover(a: _Asking) -> _Found:
    if _no_mark(a.shown):
        yield a.way("cover"), NOTHING
    elif a.one is None or a.shown.look not in ("alpha", "zoom"):
        return
    elif is_hidden(a.one):
        yield a.way("cover"), with_article(a.shown.things[a.one.behind].name)
    elif a.one.covered <= BARELY:
        yield a.way("cover"), "nothing"


def _count(a: _Asking) -> _Found:
    if all(thing.seen >= CLEAR_SEEN for thing in a.shown.things):
        if a.shown.look in ("alpha", "whole"):
            yield a.way("count"), NUMBERS[len(a.shown.things)]
        elif a.shown.look == "zoom":
            yield a.way("count"), TOO_NEAR


def _marked(a: _Asking) -> _Found:
    if a.shown.look in ("alpha", "zoom"):
        yield a.way("marked"), NUMBERS[len(a.shown.marked)] if a.shown.marked else "none"


def _there(a: _Asking) -> _Found:
    """Whether something is in the picture: what is, or what is not."""
    all_names = {thing.name for thing in a.shown.things}
    clear = [thing.name for thing in a.shown.things if thing.seen >= CLEAR_SEEN]
    present = a.random.random() < 0.5 and bool(clear)
    name = a.random.choice(clear if present else a.names)
    question = f"is there {with_article(name)}?"
    if a.shown.look == "zoom":
        yield question, TOO_NEAR
    elif a.shown.look in ("alpha", "whole") and (present or name not in all_names):
        yield question, _yes(present)


_KINDS: dict[str, Callable[[_Asking], _Found]] = {
    "what": _what,
    "is": _is,
    "colour": _colour,
    "size": _size,
    "side": _side,
    "where": _where,
    "find": _find,
    "cover": _cover,
    "count": _count,
    "marked": _marked,
    "there": _there,
}
