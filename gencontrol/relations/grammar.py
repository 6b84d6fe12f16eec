"""Sentences about parts, read by a small grammar: subject, relation, object. Nothing is learned.

    thing    = [article] [superlative] name [side] [clause]
    clause   = relation thing | "between" thing "and" thing

A clause's thing may have a clause of its own, once: "the cup left of the dog behind the box" is the cup left of that
dog which is behind the box. What is not understood is refused, with the words.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

from gencontrol.configuration import shown
from gencontrol.errors import InputError
from gencontrol.kinds import checked
from gencontrol.proposals.lexicon import BREAKS, DETERMINERS
from gencontrol.relations.vocabulary import (
    ANSWERED,
    ANYTHING,
    ARTICLES,
    BETWEEN,
    FILLERS,
    MEASURES,
    OPENINGS,
    ORDINALS,
    SIDES,
    SPOKEN,
    SUPERLATIVES,
    SYMMETRIC,
    UNANSWERED,
)

_WORD = re.compile(r"[^\W_]+(?:['\u2019\-&][^\W_]+)*")
ANY = "thing"
"""The name of what is not named, as in "the second from the left"."""
FACING, MUTUAL = "facing", "looking at each other"
"""Who faces whom, and what two do that face each other."""
_DEEPEST = 2
"""Clauses one inside the other."""
_KNOWN = f"known relations: {', '.join(ANSWERED)}, {BETWEEN}, and the likes of {', '.join(UNANSWERED[:3])}"


@dataclass(frozen=True, kw_only=True)
class Superlative:
    """Which one of several things."""

    kind: str
    """An end of the row: left, right, top, bottom, biggest or smallest."""
    place: int = 1
    """Counted from that end."""


@dataclass(frozen=True, kw_only=True)
class Thing:
    """What a phrase is about."""

    name: str
    """Without article and superlative, "red cup"."""
    superlative: Superlative | None = None
    """Which one of those that fit, if it is said."""
    clause: "Clause | None" = None
    """How it stands to other things, if it is said."""


@dataclass(frozen=True, kw_only=True)
class Clause:
    """A relation, and the thing or the two things at its other end."""

    relation: str
    """One of `vocabulary.SPOKEN`."""
    objects: tuple[Thing, ...]
    """One thing; two for "between"."""

    @property
    def is_answered(self) -> bool:
        """Whether anything here answers the relation, or the language alone knows it."""
        return self.relation not in UNANSWERED


@checked
def parse_phrase(text: str, *, names: Collection[str] = ()) -> Thing:
    """Read a phrase such as "the red cup left of the second dog from the left".

    Args:
        text: The phrase.
        names: Names that are known, such as regions': one like "meat on bone" is then no meat that stands on a bone.

    Raises:
        InputError: No thing, words that are not understood, or clauses too deep: the message has the words.
    """
    words = _words(text, names)
    for opening in OPENINGS:
        first = tuple(opening.split())
        words = words[len(first) :] if words[: len(first)] == first else words
    return _thing(_one_after_the_other(words), text=text, depth=0)


@checked
def is_relational(text: str, *, names: Collection[str] = ()) -> bool:
    """Whether a text says how things stand to each other, or which one of several is meant, in words known here.

    Args:
        text: Any.
        names: See `parse_phrase`.
    """
    words = _words(text, names)
    if any(_relation_at(words, place) for place in range(1, len(words))):
        return True
    try:
        return parse_phrase(text, names=names).superlative is not None
    except InputError:
        return False


@checked
def names_in(thing: Thing) -> tuple[str, ...]:
    """The names of a thing and of all things that its clauses name, each once, in their order."""
    objects = thing.clause.objects if thing.clause is not None else ()
    return tuple(dict.fromkeys((thing.name, *(name for other in objects for name in names_in(other)))))


def _words(text: str, names: Collection[str]) -> tuple[str, ...]:
    """Words; a name of several that holds a relation's, and a measure of something, are one."""
    words = _plain_words(text)
    whole = sorted((_plain_words(name) for name in names), key=len, reverse=True)
    found, place = [], 0
    while place < len(words):
        length = next((len(name) for name in whole if len(name) > 1 and words[place : place + len(name)] == name), 1)
        if (
            length == 1
            and words[place] in MEASURES
            and words[place + 1 : place + 2] == ("of",)
            and place + 2 < len(words)
        ):
            length = 1 if words[place + 2] in ARTICLES else 3
        found.append(" ".join(words[place : place + length]))
        place += length
    return tuple(found)


def _plain_words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.casefold().replace("\u2019", "'")))


@cache
def _spoken() -> dict[tuple[str, ...], str]:
    """Words -> relation, the longest first."""
    said = {tuple(form.split()): relation for relation, forms in SPOKEN.items() for form in forms}
    return dict(sorted(said.items(), key=lambda entry: -len(entry[0])))


def _relation_at(words: tuple[str, ...], place: int) -> tuple[str, int] | None:
    """The relation that begins at a place, and where it ends; a side, as "on the left", is none."""
    if _side_at(words, place) is not None:
        return None
    for form, relation in _spoken().items():
        if words[place : place + len(form)] == form:
            return relation, place + len(form)
    return None


def _side_at(words: tuple[str, ...], place: int) -> tuple[Superlative, int] | None:
    """A superlative behind the name, "on the left", "from the left", where no "of" or "side of" follows."""
    for kind, forms in SIDES.items():
        for form in (*forms, f"from the {kind}"):
            parts = tuple(form.split())
            stop = place + len(parts)
            if words[place:stop] == parts and words[stop : stop + 1] not in (("of",), ("side",)):
                return Superlative(kind=kind), stop
    return None


def _one_after_the_other(words: tuple[str, ...]) -> tuple[str, ...]:
    """ "The cat and the dog touching each other" as "the cat touching the dog": of relations that hold both ways."""
    if words[-2:] != ("each", "other") or "and" not in words:
        return words
    body = words[:-2]
    for form, relation in _spoken().items():
        if body[-len(form) :] == form and (relation in SYMMETRIC or relation == FACING):
            said = tuple(SPOKEN[MUTUAL][0].split()) if relation == FACING else form
            both = _without_fillers(body[: -len(form)])
            last = len(both) - 1 - both[::-1].index("and") if "and" in both else len(both)
            return (*both[:last], *said, *both[last + 1 :])
    return words


def _thing(words: tuple[str, ...], *, text: str, depth: int) -> Thing:
    """Read all words as one thing."""
    start, superlative = _superlative(words)
    stop = start
    while stop < len(words) and not (_relation_at(words, stop) and stop > start) and not _side_at(words, stop):
        stop += 1
    name = _without_fillers(words[start:stop])
    _check_name(name, words, text)
    rest = words[stop:]
    side = _side_at(rest, 0)
    if side is not None:
        superlative, rest = _merged(superlative, side[0], rest[: side[1]], text), rest[side[1] :]
    elif superlative is not None and superlative.kind == "row":
        raise _not_understood(words[:start], text, "from which end? say it as in `the second cup from the left`")
    rest = _behind_fillers(rest)
    return Thing(name=" ".join(name) or ANY, superlative=superlative, clause=_clause(rest, text=text, depth=depth))


def _superlative(words: tuple[str, ...]) -> tuple[int, Superlative | None]:
    """Behind the article: where the name begins, and which one it is."""
    start = 0
    while start < len(words) - 1 and words[start] in ARTICLES:
        start += 1
    place = ORDINALS.get(words[start]) if start < len(words) else None
    at = start if place is None else start + 1
    for kind, forms in SUPERLATIVES.items():
        for form in sorted(forms, key=len, reverse=True):
            parts = tuple(form.split())
            if words[at : at + len(parts)] == parts and not _relation_at(words, at):
                return at + len(parts), Superlative(kind=kind, place=place or 1)
    # "the second from the left", "the second cup from the left": which row is said behind the name.
    return (start, None) if place is None else (at, Superlative(kind="row", place=place))


def _merged(before: Superlative | None, behind: Superlative, words: tuple[str, ...], text: str) -> Superlative:
    """ "the second cup" and "from the left" are one superlative; "the biggest cup on the left" are two."""
    if before is None:
        return behind
    if before.kind != "row":
        raise _not_understood(words, text, "one superlative a thing")
    return Superlative(kind=behind.kind, place=before.place)


def _without_fillers(words: tuple[str, ...]) -> tuple[str, ...]:
    while words and words[-1] in FILLERS:
        words = words[:-1]
    return words


def _behind_fillers(words: tuple[str, ...]) -> tuple[str, ...]:
    while words and words[0] in FILLERS and not _relation_at(words, 0):
        words = words[1:]
    return words


def _check_name(name: tuple[str, ...], words: tuple[str, ...], text: str) -> None:
    if not name and not _has_end(words):
        raise InputError(f"{shown(text)}: nothing is named{' before ' + repr(' '.join(words)) if words else ''}.")
    if "and" in (name[:1] + name[-1:]):
        raise _not_understood(name, text, "one relation a thing, and no other side by side with it")
    odd = [word for word in name if word in (BREAKS | DETERMINERS) - {"and"}]
    if odd and name not in {(word,) for word in ANYTHING}:
        raise _not_understood(name[name.index(odd[0]) :], text, _KNOWN)


def _has_end(words: tuple[str, ...]) -> bool:
    """Whether a superlative stands for a name: "the leftmost", "the second from the left"."""
    start, superlative = _superlative(words)
    return superlative is not None and (start == len(words) or superlative.kind != "row" or _has_side(words[start:]))


def _has_side(words: tuple[str, ...]) -> bool:
    return _side_at(words, 0) is not None


def _clause(words: tuple[str, ...], *, text: str, depth: int) -> Clause | None:
    if not words:
        return None
    found = _relation_at(words, 0)
    if found is None:
        raise _not_understood(words, text, _KNOWN)
    relation, stop = found
    rest = words[stop:]
    if depth == _DEEPEST:
        raise _not_understood(words, text, "a thing's clause may hold one more, and no third")
    if not rest:
        raise InputError(f"{shown(text)}: nothing is named behind {' '.join(words[:stop])!r}.")
    parts = _two(rest, text) if relation == BETWEEN else (rest,)
    return Clause(relation=relation, objects=tuple(_thing(part, text=text, depth=depth + 1) for part in parts))


def _two(words: tuple[str, ...], text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What stands on either side of the last "and"."""
    if "and" not in words:
        raise InputError(f"{shown(text)}: between needs two things: say `between A and B`.")
    last = len(words) - 1 - words[::-1].index("and")
    return words[:last], words[last + 1 :]


def _not_understood(words: tuple[str, ...], text: str, mend: str) -> InputError:
    return InputError(f"{shown(text)}: {' '.join(words)!r} is not understood; {mend}.")
