"""Scores of captions against what pycocoevalcap 1.2 printed, and by hand."""

import pytest

from gencontrol.errors import InputError
from gencontrol.tasks.protocols.caption_scores import bleu, caption_scores, cider_d, rouge_l, words

SAID = [
    "a red cup on a table",
    "the dog sits beside a cup on the table",
    "two apples apples apples",
    "a woman",
]
WRITTEN = [
    ["a red cup on the table", "the cup left of the dog"],
    ["a black dog", "the dog that sits on the table beside a cup"],
    ["two green apples in a bowl", "green apples"],
    ["man in the white shirt"],
]
# pycocoevalcap 1.2 (PyPI): Bleu(4), Cider() and Rouge().compute_score of these, as they stand.
BLEU = (0.6926906230781918, 0.5443891959099025, 0.43603841425966916, 0.2946478109185475)
CIDER = (3.3373673466422056, 1.9586957094658433, 0.6253385903956117, 0.0)
ROUGE = (0.8333333333333334, 0.6256410256410255, 0.5, 0.0)


def split(texts: list[str]) -> list[list[str]]:
    return [text.split() for text in texts]


def test_scores_are_those_of_pycocoevalcap() -> None:
    scores = caption_scores(SAID, WRITTEN)
    # Its BLEU divides by counts with 1e-9 added.
    assert scores.bleu == pytest.approx(BLEU, rel=1e-8)
    assert scores.cider_d == pytest.approx(1.4803504116259152, rel=1e-12)
    assert scores.rouge_l == pytest.approx(0.4897435897435897, rel=1e-12)
    written = [split(texts) for texts in WRITTEN]
    assert cider_d(split(SAID), written) == pytest.approx(CIDER, rel=1e-12)
    assert [rouge_l(one, texts) for one, texts in zip(split(SAID), written, strict=True)] == pytest.approx(ROUGE)


def test_bleu_by_hand() -> None:
    # Four of five words and two of four pairs are right, and the closest text has six words.
    said, written = [["a", "b", "c", "x", "c"]], [[["a", "b", "c", "d", "e", "c"], ["x"]]]
    short = 2.718281828459045 ** (1 - 6 / 5)
    # c comes twice in one text, x once in another: all five words are right.
    assert bleu(said, written)[:2] == pytest.approx((short, short * (1 * 2 / 4) ** 0.5))
    assert bleu(said, written)[3] == 0
    # Of two that are as close, the shorter one counts.
    assert bleu([["a", "b"]], [[["a"], ["a", "b", "c"]]])[0] == pytest.approx(1)
    assert bleu([[]], [[["a"]]]) == (0, 0, 0, 0)


def test_rouge_takes_the_best_text_for_each() -> None:
    # Precision 2 of 2 by the first, recall 1 of 1 by the second.
    assert rouge_l(["a", "b"], [["a", "x", "b", "y"], ["b"]]) == pytest.approx(1)
    # Precision 1, recall 1/2: (1 + 1.44) / 2 / (0.5 + 1.44).
    assert rouge_l(["a", "b"], [["a", "x", "b", "y"]]) == pytest.approx(2.44 * 0.5 / 1.94)
    assert rouge_l([], [["a"]]) == rouge_l(["a"], [[]]) == rouge_l(["a"], [["b"]]) == 0


def test_what_all_wrote_says_nothing_of_one_thing() -> None:
    assert cider_d([["a"], ["a"]], [[["a"]], [["a"]]]) == [0, 0]
    # Four words, as rare as can be, all right: each of the four lengths is 1.
    assert cider_d([list("abcd"), ["z"]], [[list("abcd")], [["y"]]]) == pytest.approx([10, 0])
    # A word more is a penalty of a Gaussian with a deviation of six words.
    longer = cider_d([list("abcd"), ["z"]], [[list("abcdc")], [["y"]]])[0]
    assert 0 < longer < 10
    assert cider_d([], []) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    # edu.stanford.nlp.process.PTBTokenizer of pycocoevalcap 1.2 with -lowerCase, less its punctuation.
    [
        ("The Man's shirt isn't red, but (dark) blue!", "the man 's shirt is n't red but -lrb- dark -rrb- blue"),
        ('a left-hand cup... it\'s "the big one"; no: 3.5 m', "a left-hand cup it 's the big one no 3.5 m"),
        ("they're at the U.S. bank & cafe", "they 're at the u.s. bank & cafe"),
        ("woman-with 2 dogs' tails / cannot", "woman-with 2 dogs tails / can not"),
        ("I'll gonna don't stop?", "i 'll gon na do n't stop"),
        ("cups , plates -- and forks", "cups plates and forks"),
        ("the 1,000 $5 things 50% off at 10:30", "the 1,000 $ 5 things 50 % off at 10:30"),
        ("Mr. Smith sat there.", "mr. smith sat there"),
    ],
)
def test_words_are_cut_as_by_the_tokenizer_of_pycocoevalcap(text: str, expected: str) -> None:
    assert " ".join(words(text)) == expected


def test_words_by_hand() -> None:
    assert words("She wouldn\u2019t, we'd gotta") == ("she", "would", "n't", "we", "'d", "got", "ta")
    assert words("  ") == () and words("cats\tand\n2nd {x}") == ("cats", "and", "2nd", "-lcb-", "x", "-rcb-")


@pytest.mark.parametrize(
    ("said", "written"), [([], []), (["a"], []), (["a"], [[]]), (["a", "b"], [["a"], []]), (["a"], [["a"], ["b"]])]
)
def test_captions_that_cannot_be_scored(said: list[str], written: list[list[str]]) -> None:
    with pytest.raises(InputError, match="Expected a caption for each thing"):
        caption_scores(said, written)
