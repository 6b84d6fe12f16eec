"""Which of the texts that are scored are phrases about parts."""

import pytest

from gencontrol.runs.notices import RunWarning
from gencontrol.runs.relating.scoring import phrases_among, warn_of_whole


def test_texts_with_relations_are_told_from_plain_ones() -> None:
    texts = ("a cat", "a crown left of a pumpkin", "the leftmost cup", "the cup of the dog")
    assert phrases_among(texts) == ("a crown left of a pumpkin", "the leftmost cup")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a dog riding a cat", "'riding' is understood, but a trained module"),
        ("a cup left of", "nothing is named behind"),
    ],
)
def test_what_is_not_answered_is_said(text: str, why: str) -> None:
    with pytest.warns(RunWarning, match=f"{why}.*So this text is scored as a whole"):
        assert phrases_among((text,)) == ()


def test_texts_that_are_scored_as_a_whole_are_told_of() -> None:
    with pytest.warns(RunWarning) as caught:
        warn_of_whole(("a cat", "a cup left of a dog"), "It is so.")
    (text,) = [str(one.message) for one in caught]
    assert text.startswith("'a cup left of a dog' says how things stand to each other. It is so. So it is scored as a")
