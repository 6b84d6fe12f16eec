"""Texts of pairs."""

from collections.abc import Sequence
from typing import Any

import pytest

from gencontrol.engine.candidates import NO_WORDS, NOT_FOUND, Candidate
from gencontrol.engine.wording import CaptionerWording, PhraseWording, TemplateWording, without_article
from gencontrol.images.reading import read_image
from gencontrol.proposals.captioner import TemplateCaptioner


@pytest.fixture
def some(mask: Any) -> list[Candidate]:
    gone = Candidate(phrase="gnu").rejected(NOT_FOUND)
    return [Candidate(phrase="a cat", mask=mask(1, 1, 9, 9)), gone, Candidate(phrase="dog", mask=mask(9, 9, 20, 20))]


def texts(candidates: Sequence[Candidate]) -> list[str]:
    return [one.caption for one in candidates]


def test_the_phrase_itself(some: list[Candidate], sets: Any) -> None:
    found = PhraseWording().worded(read_image(sets.picture()), some, (0, 0))
    assert texts(found) == ["a cat", "", "dog"] and found[1] is some[1]


def test_sentences_are_drawn_by_the_seed_and_the_place(some: list[Candidate], sets: Any) -> None:
    picture, templates = read_image(sets.picture()), ("{a}", "a photo of a {}.", "the {}")
    wording = TemplateWording(templates, seed=3)
    ways = [tuple(texts(wording.worded(picture, some, (shard, number)))) for shard in range(3) for number in range(9)]
    assert ways[0] == tuple(texts(TemplateWording(templates, seed=3).worded(picture, some, (0, 0))))
    assert {way[0] for way in ways} == {"a cat", "a photo of a cat.", "the cat"} and {way[1] for way in ways} == {""}
    assert len(set(ways)) == 9 and len(set(ways[:9])) > 3
    other = TemplateWording(templates, seed=4)
    assert ways != [tuple(texts(other.worded(picture, some, (s, n)))) for s in range(3) for n in range(9)]


def test_what_a_captioner_says(some: list[Candidate], sets: Any) -> None:
    picture = read_image(sets.picture())
    assert texts(CaptionerWording(TemplateCaptioner("one {}!")).worded(picture, some, (0, 0))) == [
        "one a cat!",
        "",
        "one dog!",
    ]
    assert CaptionerWording(TemplateCaptioner()).worded(picture, some[1:2], (0, 0)) == some[1:2]

    class Silent:
        def caption(self, image: Any, regions: Sequence[Any] = ()) -> tuple[str, ...]:
            return tuple(" two\n words " if region.label == "dog" else " " for region in regions)

    found = CaptionerWording(Silent()).worded(picture, some, (0, 0))
    assert texts(found) == ["", "", "two words"]
    assert [one.rejected_because for one in found] == [NO_WORDS, NOT_FOUND, ""]


def test_articles() -> None:
    assert without_article("The red cat") == "red cat" and without_article("two dogs") == "dogs"
    assert without_article("cat") == "cat" and without_article("a") == "a" and without_article("another ") == "another "
