"""Phrases in captions, and whose the tokens are."""

from types import ModuleType

import pytest

from gencontrol.errors import ConfigError, InputError
from gencontrol.proposals.captions import captions, check_query, plain, split_phrases, token_places


def test_class_names_as_glip_reads_them() -> None:
    assert plain("hatter_(person)") == "hatter"
    assert plain(" musical__note. ") == "musical note"
    assert plain("st. bernard") == "st. bernard"


def test_a_text_is_parted_at_full_stops() -> None:
    assert split_phrases("a cup. a  table.") == ["a cup", "a table"]
    assert split_phrases("a cup") == ["a cup"]
    assert split_phrases("a 2.5 litre bottle. 3 cats\nno.1 . ") == ["a 2.5 litre bottle", "3 cats", "no.1"]
    assert split_phrases(" . ") == []


def test_tokens_of_the_published_caption(detectors: ModuleType) -> None:
    """The authors' map for these names, with their trailing blank and their count from 1."""
    names = ["red cat", "dog", "hatter_(person)", "musical note"]
    (caption,) = captions(detectors.bert_tokenizer(), names, room=256)
    assert caption.text == "red cat. dog. hatter. musical note" and caption.phrases == tuple(names)
    assert caption.places == ((1, 2), (4,), (6, 7), (9, 10))
    assert caption.ids == (101, 200, 203, 1012, 204, 1012, 205, 206, 1012, 211, 212, 102)


def test_a_token_is_a_phrases_if_they_share_a_character() -> None:
    offsets = [(0, 0), (0, 3), (3, 5), (5, 6), (7, 9), (0, 0)]
    assert token_places(offsets, (0, 5)) == (1, 2)
    assert token_places(offsets, (4, 8)) == (2, 3, 4)
    assert token_places(offsets, (6, 7)) == ()


def test_as_few_captions_as_hold_all(detectors: ModuleType) -> None:
    phrases = ["red cat", "blue dog", "cup", "green table", "note"]
    read = [c.phrases for c in captions(detectors.bert_tokenizer(), phrases, room=8)]
    # Two of [CLS] and [SEP], and a full stop with each phrase.
    assert read == [("red cat", "blue dog"), ("cup", "green table"), ("note",)]
    assert [len(c.ids) for c in captions(detectors.bert_tokenizer(), phrases, room=8, end=".")] == [8, 7, 4]
    assert all(len(c.ids) <= 7 for c in captions(detectors.bert_tokenizer(), phrases, room=7, end="."))
    pairs = [c.phrases for c in captions(detectors.bert_tokenizer(), phrases, room=256, most=2)]
    assert pairs == [("red cat", "blue dog"), ("cup", "green table"), ("note",)]
    assert len(list(captions(detectors.bert_tokenizer(), phrases, room=256))) == 1


def test_small_letters_and_an_end(detectors: ModuleType) -> None:
    (caption,) = captions(detectors.bert_tokenizer(), ["Red Cat", "DOG"], room=99, end=".", lower=True)
    assert caption.text == "red cat. dog." and caption.phrases == ("Red Cat", "DOG")
    assert caption.ids[-2:] == (1012, 102)


def test_phrases_that_no_caption_holds(detectors: ModuleType) -> None:
    with pytest.raises(InputError, match="'red red red red' has 5 tokens, and a caption holds 4"):
        list(captions(detectors.bert_tokenizer(), ["cat", "red red red red"], room=6))
    assert len(list(captions(detectors.bert_tokenizer(), ["cat", "red red red"], room=6))) == 2


def test_what_nobody_can_look_for() -> None:
    with pytest.raises(InputError, match=r"expected a list of phrases, got the text 'a cup': give \['a cup'\]"):
        check_query("a cup", 0.5, 10)
    with pytest.raises(InputError, match="at least one phrase to look for, got none"):
        check_query([], 0.5, 10)
    for empty in ("", " . ", "(person)", "?!"):
        with pytest.raises(InputError, match="has no word in it"):
            check_query(["cat", empty], 0.5, 10)
    with pytest.raises(InputError, match="'Red_cat' is given twice"):
        check_query(["Red_cat", "dog", "red  cat."], 0.5, 10)
    for threshold in (-0.1, 1.1, float("nan")):
        with pytest.raises(ConfigError, match="`threshold`: expected 0 or more and at most 1"):
            check_query(["cat"], threshold, 10)
    with pytest.raises(ConfigError, match="`most`: expected 1 or more, got 0"):
        check_query(["cat"], 0.5, 0)
    check_query(["cat", "cats"], 0.0, 1)
    check_query(["cat"], 1.0, 1)
