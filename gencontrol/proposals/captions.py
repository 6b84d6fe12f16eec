"""Phrases joined to a caption, and which of the caption's tokens are whose: what GLIP and Grounding DINO read."""

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from gencontrol.alpha_clip.text import shortened
from gencontrol.errors import InputError
from gencontrol.kinds import checked
from gencontrol.numbers import check_number

_SEPARATOR = ". "


@dataclass(frozen=True, kw_only=True)
class Caption:
    """Phrases as one text, as tokens."""

    phrases: tuple[str, ...]
    """As they were given."""
    text: str
    """What the tokenizer saw."""
    ids: tuple[int, ...]
    """Its tokens, the first and the last one included."""
    places: tuple[tuple[int, ...], ...]
    """Where each phrase's tokens are among them."""


def check_query(phrases: Sequence[str], threshold: float, most: int) -> None:
    """Refuse what no grounder can look for.

    Raises:
        InputError: No phrase, one without a word, or one that is given twice.
        ConfigError: A threshold outside [0, 1], or less than one box.
    """
    if isinstance(phrases, str):
        raise InputError(f"phrases: expected a list of phrases, got the text {phrases!r}: give [{phrases!r}].")
    if not phrases:
        raise InputError("phrases: expected at least one phrase to look for, got none.")
    empty = next((phrase for phrase in phrases if not re.search(r"\w", plain(phrase))), None)
    if empty is not None:
        raise InputError(f"The phrase {quoted(empty)} has no word in it: leave it out.")
    counts = Counter(plain(phrase).casefold() for phrase in phrases)
    twice = next((phrase for phrase in phrases if counts[plain(phrase).casefold()] > 1), None)
    if twice is not None:
        raise InputError(f"The phrase {quoted(twice)} is given twice: give each phrase once.")
    check_number(threshold, name="`threshold`", at_least=0, at_most=1)
    check_number(most, name="`most`", at_least=1)


def quoted(phrase: str) -> str:
    """A phrase for a message, in quotes."""
    return repr(shortened(phrase))


def plain(phrase: str) -> str:
    """A phrase as a caption has it: class names lose their underscores and what stands in brackets, as in GLIP."""
    without = re.sub(r"\(.*\)", "", phrase.replace("_", " "))
    return " ".join(without.split()).strip(" .")


@checked
def split_phrases(text: str) -> list[str]:
    """The phrases of a text such as "a cup. a table.", which full stops and line breaks part.

    A full stop within a word, or between figures, parts nothing.
    """
    found = (" ".join(part.split()).strip(" .") for part in re.split(r"\.(?=\s|$)|\n", text))
    return [part for part in found if part]


def captions(
    tokenizer: PreTrainedTokenizerBase,
    phrases: Sequence[str],
    *,
    room: int,
    most: int | None = None,
    end: str = "",
    lower: bool = False,
) -> Iterator[Caption]:
    """As few captions as hold all phrases, in their order.

    Args:
        tokenizer: A fast one: of BERT, as a rule.
        phrases: What to look for; see `check_query`.
        room: Tokens of a caption, the first and the last one included.
        most: Phrases of a caption; None is as many as have room.
        end: What stands behind the last phrase.
        lower: Whether the caption is written in small letters.

    Raises:
        InputError: A phrase that no caption holds, or of which no token is left.
    """
    texts = [plain(phrase).lower() if lower else plain(phrase) for phrase in phrases]
    frame = len(_ids(tokenizer, "", frame=True))
    # Each phrase comes with a full stop; the last one's may be left out.
    lengths = [len(_ids(tokenizer, text + _SEPARATOR)) for text in texts]
    start, used = 0, frame
    for place, length in enumerate(lengths):
        if frame + length > room:
            raise InputError(
                f"The phrase {quoted(phrases[place])} has {length} tokens, and a caption holds {room - frame}."
            )
        if used + length > room or place - start == most:
            yield _caption(tokenizer, phrases[start:place], texts[start:place], end)
            start, used = place, frame
        used += length
    yield _caption(tokenizer, phrases[start:], texts[start:], end)


def _ids(tokenizer: PreTrainedTokenizerBase, text: str, *, frame: bool = False) -> list[int]:
    return tokenizer(text, add_special_tokens=frame)["input_ids"]  # pyright: ignore[reportReturnType]


def _caption(tokenizer: PreTrainedTokenizerBase, phrases: Sequence[str], texts: Sequence[str], end: str) -> Caption:
    text = _SEPARATOR.join(texts) + end
    starts = itertools.accumulate((len(part) + len(_SEPARATOR) for part in texts[:-1]), initial=0)
    spans = [(start, start + len(part)) for start, part in zip(starts, texts, strict=True)]
    read = tokenizer(text, return_offsets_mapping=True)
    offsets: Sequence[tuple[int, int]] = read["offset_mapping"]  # pyright: ignore[reportAssignmentType]
    places = [token_places(offsets, span) for span in spans]
    lost = next((phrase for phrase, found in zip(phrases, places, strict=True) if not found), None)
    if lost is not None:
        raise InputError(f"The phrase {quoted(lost)} has no word that the grounder's tokenizer reads.")
    ids: Sequence[int] = read["input_ids"]  # pyright: ignore[reportAssignmentType]
    return Caption(phrases=tuple(phrases), text=text, ids=tuple(ids), places=tuple(places))


def token_places(offsets: Sequence[tuple[int, int]], span: tuple[int, int]) -> tuple[int, ...]:
    """The tokens that have a character in common with a span of a text.

    Args:
        offsets: Each token's first character, and the one behind its last.
        span: The same of the text's part.
    """
    start, end = span
    return tuple(place for place, (a, b) in enumerate(offsets) if a < b and a < end and b > start)
