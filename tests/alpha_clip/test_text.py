from types import ModuleType

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import CLIPTextConfig, PreTrainedTokenizerFast

from gencontrol.alpha_clip.text import (
    check_end_token,
    check_texts,
    check_words,
    is_byte_pair,
    shortened,
    tokenize,
    word_list,
)
from gencontrol.errors import InputError, PairingError


def test_tokens_are_padded_to_the_longest(tiny: ModuleType) -> None:
    tokens = tokenize(tiny.tokenizer(), ["a cat", "a red cat"], length=16)
    assert tokens["attention_mask"].sum(1).tolist() == [4, 5]
    words = 4 + torch.tensor([tiny.WORDS.index(w) for w in ("a", "red", "cat")])
    assert tokens["input_ids"][1].tolist() == [1, *words.tolist(), 3]


def test_unknown_words_are_named_with_the_nearest(tiny: ModuleType) -> None:
    with pytest.raises(
        InputError, match=r"'a catt and zzzz': 'catt' \(nearest: cat\); 'zzzz' \(nothing near it among \d+ words"
    ):
        tokenize(tiny.tokenizer(), ["a cat", "a catt and zzzz"], length=16)


def test_unknown_words_are_told_in_a_line_that_can_be_read(tiny: ModuleType) -> None:
    with pytest.raises(InputError, match=r": 'z{57}\.\.\.' \(nothing near it among \d+ words\)\.$"):
        tokenize(tiny.tokenizer(), ["z" * 100_000], length=16)
    many = " ".join(f"qq{number}" for number in range(100))
    with pytest.raises(InputError, match=r"'qq0' \(.*'qq5' \(nothing[^;]*\); and 94 more\.$") as said:
        tokenize(tiny.tokenizer(), [many], length=16)
    assert len(str(said.value)) < 500


def test_only_strings_are_texts() -> None:
    """By itself: where types are checked, as in these tests, `tokenize` is not reached with anything else."""
    check_texts(["a cat", ""])
    with pytest.raises(InputError, match=r"Text 2 of 3 is of type int \(7\); expected a string"):
        check_texts(["a cat", 7, None])
    with pytest.raises(InputError, match="No text to encode"):
        check_texts([])


def test_bytes_that_are_no_text_are_said_to_be() -> None:
    # What Python makes of an argument that is not UTF-8.
    with pytest.raises(
        InputError, match=r"Text 2 of 2 \(pump\\udcffkin\) is not UTF-8: .* at place 5\. Write it in UTF"
    ):
        check_texts(["crown", "pump\udcffkin"])


def test_words_are_normalised_before_they_are_looked_up() -> None:
    backend = Tokenizer(models.WordLevel({"cat": 0, "<unknown>": 1}, unk_token="<unknown>"))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unknown>")
    assert word_list(tokenizer) == {"cat"}
    check_words(tokenizer, "Cat CAT")
    with pytest.raises(InputError, match="'dog'"):
        check_words(tokenizer, "Dog")


def test_a_whole_text_is_one_word_without_a_pre_tokenizer() -> None:
    backend = Tokenizer(models.WordLevel({"a cat": 0, "<unknown>": 1}, unk_token="<unknown>"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unknown>")
    check_words(tokenizer, "a cat")
    check_words(tokenizer, "")
    with pytest.raises(InputError, match="'a dog'"):
        check_words(tokenizer, "a dog")


def test_piecewise_tokenizers_know_every_word() -> None:
    from gencontrol.alpha_clip.weights.open_clip import byte_pair_tokenizer

    tokenizer = byte_pair_tokenizer()
    assert word_list(tokenizer) is None
    assert tokenize(tokenizer, ["zzyzx qwrt"], length=77)["input_ids"][0, -1] == 49407


def test_bad_texts(tiny: ModuleType) -> None:
    tokenizer = tiny.tokenizer()
    with pytest.raises(InputError, match="No text"):
        tokenize(tokenizer, [], length=16)
    with pytest.raises(InputError, match=r"'a a a.*\.\.\.' is 42 tokens long; the text tower takes 16: shorten it"):
        tokenize(tokenizer, ["a cat", "a " * 40], length=16)


def _config(end: int = 3) -> CLIPTextConfig:
    return CLIPTextConfig(vocab_size=40, bos_token_id=1, eos_token_id=end, pad_token_id=0)


def test_end_token_must_be_where_the_tower_reads(tiny: ModuleType) -> None:
    tokenizer = tiny.tokenizer()
    check_end_token(tokenizer, _config())
    with pytest.raises(PairingError, match="reads its end token 5, but the tokenizer writes 3"):
        check_end_token(tokenizer, _config(end=5))
    with pytest.raises(PairingError, match=r"eos_token_id is 2.*largest token id \(39\), but.*end token is 3"):
        check_end_token(tokenizer, _config(end=2))


def test_the_legacy_end_token_is_fine_where_it_is_the_largest() -> None:
    from gencontrol.alpha_clip.weights.open_clip import byte_pair_tokenizer

    check_end_token(byte_pair_tokenizer(), CLIPTextConfig(eos_token_id=2))


def test_a_text_may_fill_the_tower_and_is_shown_in_sixty_letters(tiny: ModuleType) -> None:
    tokenizer = tiny.tokenizer()
    assert tokenize(tokenizer, ["a " * 14], length=16)["input_ids"].shape == (1, 16)
    with pytest.raises(InputError, match="is 17 tokens long; the text tower takes 16"):
        tokenize(tokenizer, ["a " * 15], length=16)
    with pytest.raises(InputError, match=f"^'{'a ' * 28}a...' is 42 tokens"):
        tokenize(tokenizer, ["a " * 40], length=16)


@pytest.mark.parametrize(
    "text", ["a &amp;amp; b", "caf&eacute;", "don\u2019t  stop\n now", "schÃ¶n", "&lt;3 \u201cquoted\u201d", "plain"]
)
def test_published_models_texts_are_cleaned_as_their_own_tokenizer_does(text: str) -> None:
    import open_clip

    from gencontrol.alpha_clip.weights.open_clip import byte_pair_tokenizer

    tokenizer = byte_pair_tokenizer()
    assert is_byte_pair(tokenizer)
    ours = tokenize(tokenizer, [text], length=77)["input_ids"][0].tolist()
    theirs = [token for token in open_clip.SimpleTokenizer()([text])[0].tolist() if token]
    assert ours == theirs
    # And not as it stands, where there is anything to clean.
    assert (tokenizer(text)["input_ids"] == theirs) == (text == "plain")


def test_other_tokenizers_texts_are_left_alone(tiny: ModuleType) -> None:
    assert not is_byte_pair(tiny.tokenizer())
    with pytest.raises(InputError, match="'amp'"):
        tokenize(tiny.tokenizer(), ["a &amp; cat"], length=16)


def test_long_texts_are_cut_where_that_is_asked_for(tiny: ModuleType) -> None:
    texts = ["a red cat", "a cat"]
    with pytest.raises(InputError, match=r"is 5 tokens long; the text tower takes 4: shorten it, or give `truncate`"):
        tokenize(tiny.tokenizer(), texts, length=4)
    cut = tokenize(tiny.tokenizer(), texts, length=4, truncate=True)
    whole = tokenize(tiny.tokenizer(), texts, length=5, truncate=True)
    assert cut["input_ids"][0].tolist() == [*whole["input_ids"][0, :3].tolist(), 3]
    assert cut["input_ids"][1].tolist() == whole["input_ids"][1, :4].tolist()
    assert cut["attention_mask"].tolist() == [[1] * 4] * 2
    assert whole["attention_mask"].sum(1).tolist() == [5, 4]


def test_three_near_words_are_named_at_most() -> None:
    words = ["cart", "care", "card", "carp", "carb"]
    backend = Tokenizer(models.WordLevel({w: i for i, w in enumerate([*words, "<unknown>"])}, unk_token="<unknown>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unknown>", pad_token="<unknown>")
    with pytest.raises(InputError, match=r"'carx' \(nearest: \w+, \w+, \w+\)"):
        tokenize(tokenizer, ["carx"], length=8)


def test_a_text_for_a_message_has_sixty_characters_at_most() -> None:
    assert shortened("a" * 60) == "a" * 60
    assert shortened("a" * 61) == "a" * 57 + "..." and shortened("abcdef", 5) == "ab..."
