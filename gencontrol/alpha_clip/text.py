"""Texts to token ids, refusing what the text tower would silently get wrong."""

import difflib
import html
from collections.abc import Iterable, Sequence

import ftfy
from torch import Tensor
from transformers import CLIPTextConfig, PreTrainedTokenizerBase

from gencontrol.configuration import NEAR
from gencontrol.errors import InputError, PairingError

_NAMED = 6
"""Unknown words that a message names, each with what is near it."""


def tokenize(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], *, length: int, truncate: bool = False
) -> dict[str, Tensor]:
    """Token ids and padding mask of several texts; for a published model, of what its own tokenizer makes of them.

    Args:
        tokenizer: The text tower's own.
        texts: At least one.
        length: How many tokens the tower takes, start and end included.
        truncate: Cut what is too long, and end it there, instead of refusing it.

    Raises:
        InputError: No text, something else than text, words unknown to a word-level tokenizer, or too many tokens.
    """
    check_texts(texts)
    for text in texts:
        check_words(tokenizer, text)
    plain = [cleaned(text) for text in texts] if is_byte_pair(tokenizer) else list(texts)
    encoded = tokenizer(plain, padding=True, return_tensors="pt", verbose=False)
    ids, mask = encoded["input_ids"], encoded["attention_mask"]
    assert isinstance(ids, Tensor) and isinstance(mask, Tensor)
    if ids.shape[1] > length and truncate:
        end = tokenizer.eos_token_id
        assert isinstance(end, int)
        return _cut(ids, mask, length, end=end)
    if ids.shape[1] > length:
        longest = texts[int(mask.sum(1).argmax())]
        raise InputError(
            f"{shortened(longest)!r} is {ids.shape[1]} tokens long; the text tower takes {length}: shorten it, or give "
            "`truncate`."
        )
    return {"input_ids": ids, "attention_mask": mask}


def _cut(ids: Tensor, mask: Tensor, length: int, *, end: int) -> dict[str, Tensor]:
    """The first tokens of each text, whose last is the end token where some were cut off."""
    cut = ids[:, :length].clone()
    cut[mask[:, length:].any(dim=1), -1] = end
    return {"input_ids": cut, "attention_mask": mask[:, :length]}


def is_byte_pair(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether it is of the published models' kind, which splits any text into pieces."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return backend is not None and type(backend.model).__name__ == "BPE"


def cleaned(text: str) -> str:
    """A text as the tokenizer of OpenAI and the Alpha-CLIP authors has it before it is split; transformers' does not.

    Broken encodings are mended, HTML's entities resolved (twice, as the web's own texts need) and white space joined.
    Source: https://github.com/openai/CLIP, commit d05afc4, `clip/simple_tokenizer.py` (MIT).
    """
    return " ".join(html.unescape(html.unescape(ftfy.fix_text(text))).split())


def check_texts(texts: Sequence[object]) -> None:
    """Refuse what a tokenizer would fail on with a message about its own insides.

    Raises:
        InputError: No text, or something that is not a string.
    """
    if not texts:
        raise InputError("No text to encode: give one or more strings.")
    for number, text in enumerate(texts, start=1):
        if not isinstance(text, str):
            raise InputError(
                f"Text {number} of {len(texts)} is of type {type(text).__name__} ({shortened(repr(text))}); expected a "
                "string."
            )
        check_characters(text, name=f"Text {number} of {len(texts)}")


def check_characters(text: str, *, name: str) -> None:
    """Refuse what is no text: bytes that are not UTF-8, which the system hands on as halves of characters.

    Args:
        text: As given.
        name: How the error calls it.

    Raises:
        InputError: Names the text, its bytes written out.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        shown = shortened(text.encode("utf-8", "backslashreplace").decode())
        raise InputError(
            f"{name} ({shown}) is not UTF-8: expected characters, got bytes that are none at place {error.start + 1}. "
            "Write it in UTF-8."
        ) from None


def check_words(tokenizer: PreTrainedTokenizerBase, text: str) -> None:
    """Refuse words that a word-level tokenizer does not know; others split any word into known pieces.

    Raises:
        InputError: Naming each unknown word and the known ones nearest to it.
    """
    words = word_list(tokenizer)
    if words is None:
        return
    unknown = [w for w in _split(tokenizer, text) if w not in words]
    if unknown:
        each = list(dict.fromkeys(unknown))
        hints = "; ".join(_hint(w, words) for w in each[:_NAMED])
        more = f"; and {len(each) - _NAMED} more" if len(each) > _NAMED else ""
        raise InputError(f"The text tower does not know every word of {shortened(text)!r}: {hints}{more}.")


def word_list(tokenizer: PreTrainedTokenizerBase) -> frozenset[str] | None:
    """All words of a word-level tokenizer, or None for one that splits words into pieces."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or type(backend.model).__name__ != "WordLevel":
        return None
    return frozenset(tokenizer.get_vocab()) - frozenset(tokenizer.all_special_tokens)


def _split(tokenizer: PreTrainedTokenizerBase, text: str) -> Iterable[str]:
    backend = getattr(tokenizer, "backend_tokenizer")  # noqa: B009  the base class does not declare it
    if backend.normalizer is not None:
        text = backend.normalizer.normalize_str(text)
    if backend.pre_tokenizer is None:
        return [text] if text else []
    return [word for word, _ in backend.pre_tokenizer.pre_tokenize_str(text)]


def _hint(word: str, words: frozenset[str]) -> str:
    close = difflib.get_close_matches(word.lower(), sorted(words), n=3, cutoff=NEAR)
    near = f"nearest: {', '.join(close)}" if close else f"nothing near it among {len(words)} words"
    return f"{shortened(word)!r} ({near})"


def shortened(text: str, length: int = 60) -> str:
    """A text for a message, which one without an end would fill: at most so many characters."""
    return text if len(text) <= length else text[: length - 3] + "..."


def check_end_token(tokenizer: PreTrainedTokenizerBase, config: CLIPTextConfig) -> None:
    """Refuse a tokenizer whose end token is not where the tower reads the sentence off.

    transformers pools at the first `eos_token_id`, and at position 0 if there is none; the value 2 is a legacy that
    means the largest id of the sequence (it is in the published configurations, where the end token is the largest).

    Raises:
        PairingError: The tower would read the wrong position.
    """
    end, pooled = tokenizer.eos_token_id, config.eos_token_id
    largest = config.vocab_size - 1
    if pooled == 2 and end != largest:
        raise PairingError(
            "The text tower's eos_token_id is 2, which makes it read the largest token id "
            f"({largest}), but the tokenizer's end token is {end}: use another id for the end token."
        )
    if pooled != 2 and end != pooled:
        raise PairingError(f"The text tower reads its end token {pooled}, but the tokenizer writes {end}.")
