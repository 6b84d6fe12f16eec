"""The things that an English caption names, by a small grammar: word lists and a few rules, nothing learned.

A noun phrase is a run of words without function words and verbs: determiners, adjectives, nouns. What a word in -ing or
-ed is, a verb or an adjective, its neighbours say: behind a noun it is a verb ("a man riding a horse"), before one an
adjective ("a sleeping dog"). Phrases without a thing in them ("the background", "a photo") are left out.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gencontrol.kinds import check_fields, checked
from gencontrol.proposals.lexicon import (
    ADJECTIVES,
    BREAKS,
    COLLECTIONS,
    DETERMINERS,
    INTENSIFIERS,
    IRREGULAR,
    LY_WORDS,
    MEDIA,
    NOT_THINGS,
    NOUNS_TOO,
    PLURALS,
    SINGULAR,
    THINGS_IN_ING,
    THINGS_TOO,
    VERBS,
)

_WORD = re.compile(r"[^\W_]+(?:['\u2019\-&][^\W_]+)*['\u2019]?|[^\w\s]")


@dataclass(frozen=True, kw_only=True)
class NounPhrase:
    """One of a caption's noun phrases."""

    text: str
    """As it stands in the caption, "a brown horse"."""
    start: int
    """Its first character's place in the caption."""
    end: int
    """The place behind its last character."""
    head: str
    """Its last word, in small letters: what it is about."""

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, kw_only=True)
class _Token:
    word: str
    start: int
    end: int


@checked
def noun_phrases(caption: str) -> list[NounPhrase]:
    """The noun phrases of an English caption that name something that can be seen, in their order.

    Args:
        caption: Any text; a sentence or a few of them, or words alone.
    """
    tokens = [
        _Token(word=m[0].lower().replace("\u2019", "'"), start=m.start(), end=m.end()) for m in _WORD.finditer(caption)
    ]
    found: list[NounPhrase] = []
    run: list[int] = []
    for place in range(len(tokens) + 1):
        if place < len(tokens) and _belongs(tokens, place, run):
            run.append(place)
            continue
        found += _phrase(caption, tokens, run)
        run = []
        # A determiner ends one phrase and begins the next: "the man the dog follows".
        if place < len(tokens) and tokens[place].word in DETERMINERS:
            run = [place]
    return found


@checked
def distinct_phrases(caption: str) -> list[str]:
    """The texts of `noun_phrases`, each once."""
    texts: dict[str, str] = {}
    for phrase in noun_phrases(caption):
        texts.setdefault(phrase.text.casefold(), phrase.text)
    return list(texts.values())


def _belongs(tokens: Sequence[_Token], place: int, run: Sequence[int]) -> bool:
    """Whether the word goes on with the phrase, or begins one."""
    word = tokens[place].word
    has_noun = any(_is_noun(tokens[p].word) for p in run)
    if not re.match(r"\w", word) or word == "and":
        return word in (",", "and") and not has_noun and _joins_adjectives(tokens, place, run)
    if word in DETERMINERS or word.isdecimal():
        return not has_noun
    if word in INTENSIFIERS or (word.endswith("ly") and word not in LY_WORDS):
        return bool(run) and not has_noun and _is_content(tokens, place + 1)
    if word in BREAKS:
        return False
    return not _is_verb(tokens, place, run, has_noun=has_noun)


def _joins_adjectives(tokens: Sequence[_Token], place: int, run: Sequence[int]) -> bool:
    """ "black and white cat", "a small, brown dog": an adjective on either side, and a noun behind."""
    after = [t.word for t in tokens[place + 1 : place + 3]]
    return (
        bool(run)
        and tokens[run[-1]].word in ADJECTIVES
        and len(after) == 2
        and after[0] in ADJECTIVES
        and _is_content(tokens, place + 2)
    )


def _is_content(tokens: Sequence[_Token], place: int) -> bool:
    """Whether there is a word of its own meaning at the place."""
    if place >= len(tokens):
        return False
    word = tokens[place].word
    return bool(re.match(r"\w", word)) and word not in BREAKS and word not in DETERMINERS


def _is_verb(tokens: Sequence[_Token], place: int, run: Sequence[int], *, has_noun: bool) -> bool:
    word = tokens[place].word
    before_noun = _is_content(tokens, place + 1)
    if word in THINGS_IN_ING:
        # "his father building a castle"
        return has_noun and place + 1 < len(tokens) and tokens[place + 1].word in DETERMINERS
    if _is_participle(word):
        if has_noun:
            return True
        # "a smiling man", but "holding flowers" and "parked on".
        return not before_noun or (not run and _stem(word) in VERBS)
    if not _is_finite(word):
        return False
    if not has_noun:
        # "an orange lies", but "an orange bus"
        is_thing = bool(run) and tokens[run[-1]].word in THINGS_TOO and word not in VERBS | NOUNS_TOO
        return is_thing or (not run and word not in NOUNS_TOO)
    last = tokens[run[-1]].word
    if word in VERBS:
        # A base form behind a singular is one noun with it, "a bus stop"; behind a plural it is a verb, "men ride".
        return last in PLURALS or bool(re.search(r"[^su']s$", last))
    # No plural comes behind "a": in "a zebra watches" the last word is a verb.
    return word not in NOUNS_TOO or tokens[run[0]].word in SINGULAR or not _ends_phrase(tokens, place)


def _ends_phrase(tokens: Sequence[_Token], place: int) -> bool:
    """Whether nothing follows that a verb would have behind it, only a break or another verb."""
    if place + 1 >= len(tokens):
        return True
    after = tokens[place + 1].word
    return after in BREAKS or not re.match(r"\w", after) or _is_participle(after)


def _is_participle(word: str) -> bool:
    if word in IRREGULAR and word not in NOUNS_TOO:
        return True
    if word.endswith("ing"):
        return len(word) > 4 and word not in THINGS_IN_ING
    return word.endswith("ed") and _stem(word) in VERBS


def _is_finite(word: str) -> bool:
    return _stem(word) in VERBS


def _stem(word: str) -> str:
    """A verb's base form, if its endings are regular."""
    for ending in ("ing", "ed", "es", "s"):
        base = word.removesuffix(ending)
        if base == word or len(base) < 2:
            continue
        doubled = base[:-1] if base[-1] == base[-2] else base
        for form in (base, base + "e", doubled, base[:-1] + "y" if base.endswith("i") else base):
            if form in VERBS:
                return form
    return word


def _is_noun(word: str) -> bool:
    """Whether a word of a phrase may be what the phrase is about."""
    if not word[0].isalpha() or word in DETERMINERS | INTENSIFIERS | ADJECTIVES | BREAKS:
        return False
    if word.endswith(("'s", "s'")):
        return False
    return not _is_participle(word) and not (word.endswith("ly") and word not in LY_WORDS)


def _is_thing_too(tokens: Sequence[_Token], run: Sequence[int]) -> bool:
    """Whether an adjective at a phrase's end is the thing: "an orange", but not what "it is orange" ends with."""
    return tokens[run[-1]].word in THINGS_TOO and tokens[run[0]].word in DETERMINERS


def _phrase(caption: str, tokens: Sequence[_Token], run: Sequence[int]) -> list[NounPhrase]:
    """The phrase of a run of words, if there is a thing in it."""
    while run and not _is_noun(tokens[run[-1]].word) and not _is_thing_too(tokens, run):
        run = run[:-1]
    if not run:
        return []
    head = tokens[run[-1]].word
    follows = tokens[run[-1] + 1].word if run[-1] + 1 < len(tokens) else ""
    is_medium = head in MEDIA and run[0] == 0
    if head in NOT_THINGS or (follows == "of" and (is_medium or head in COLLECTIONS)):
        return []
    start, end = tokens[run[0]].start, tokens[run[-1]].end
    return [NounPhrase(text=caption[start:end], start=start, end=end, head=head)]
