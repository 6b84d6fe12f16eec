"""Captions, questions and answers about scenes made by hand."""

from dataclasses import replace
from random import Random

import pytest

from gencontrol.training.language.captions import caption_of, place_of
from gencontrol.training.language.questions import KINDS, TOO_NEAR, ask, caption_asked
from gencontrol.training.language.shown import Look, Shown, Thing

NAMES = ("cat", "moon", "ant", "red apple", "owl", "boat")
CAT = Thing(name="cat", place=(0.2, 0.8), area=0.2, colour="orange", seen=0.8, behind=2, covered=0.2)
MOON = Thing(name="moon", place=(0.5, 0.45), area=0.06, colour="blue", recoloured=True)
ANT = Thing(name="ant", place=(0.9, 0.5), area=0.02, colour="", recoloured=True)
SCENE = (CAT, MOON, ANT)


def shown(*marked: int, look: Look = "alpha", things: tuple[Thing, ...] = SCENE) -> Shown:
    return Shown(things=things, marked=marked, look=look)


@pytest.mark.parametrize(
    ("picture", "wanted"),
    [
        (shown(0), "a big cat at the bottom left behind an ant"),
        (shown(1), "a blue moon in the middle"),
        (shown(2), "a small ant on the right"),
        (shown(0, look="zoom"), "a cat behind an ant"),
        (shown(1, look="zoom"), "a blue moon"),
        (shown(1, look="crop"), "a blue moon"),
        (shown(0, look="blank"), "a cat"),
        (shown(2, 0), "a cat and an ant"),
        (shown(1, 0, look="zoom"), "a cat and a moon"),
        (shown(), "nothing is marked"),
        (shown(look="whole"), "three things"),
        (shown(look="whole", things=(MOON,)), "a blue moon"),
        (shown(0, things=(Thing(name="red apple", place=(0.5, 0.2), area=0.1, colour="blue", recoloured=True),)),
         "a red apple at the top"),
    ],
)  # fmt: skip
def test_captions(picture: Shown, wanted: str) -> None:
    asked = caption_asked(picture)
    assert caption_of(picture) == wanted == asked.answer
    assert (asked.kind, asked.question) == ("caption", "describe it")


@pytest.mark.parametrize(
    ("place", "wanted"),
    [
        ((0.5, 0.5), "in the middle"),
        ((0.35, 0.5), "on the left"),
        ((0.65, 0.37), "on the right"),
        ((0.5, 0.35), "at the top"),
        ((0.37, 0.65), "at the bottom"),
        ((0.1, 0.1), "at the top left"),
        ((0.9, 0.9), "at the bottom right"),
    ],
)
def test_places(place: tuple[float, float], wanted: str) -> None:
    assert place_of(replace(MOON, place=place)) == wanted


def asked(picture: Shown, kind: str) -> dict[str, str]:
    """Question -> answer, over many draws."""
    found = [ask(picture, kind, names=NAMES, random=Random(seed)) for seed in range(120)]
    answers: dict[str, str] = {}
    for one in found:
        if one is not None:
            assert one.kind == kind and answers.setdefault(one.question, one.answer) == one.answer
    return answers


def test_what_it_is() -> None:
    ways = ("what is it?", "what is this?", "what is marked?")
    for picture, answer in (
        (shown(2), "an ant"),
        (shown(2, 0), "a cat and an ant"),
        (shown(), "nothing is marked"),
        (shown(look="whole"), "three things"),
        (shown(look="whole", things=(CAT,)), "a cat"),
    ):
        assert asked(picture, "what") == dict.fromkeys(ways, answer)
    names = asked(shown(1), "is")
    assert names["is it a moon?"] == "yes" and names["is it a cat?"] == "no" and names["is it an owl?"] == "no"
    assert not asked(shown(), "is") and not asked(shown(0, 1), "is")


def test_colours() -> None:
    assert set(asked(shown(0), "colour").values()) == {"orange"}
    assert not asked(shown(2), "colour")
    assert set(asked(shown(), "colour").values()) == {"nothing is marked"}
    named = Thing(name="red apple", place=(0.5, 0.5), area=0.1, colour="red")
    assert not asked(shown(0, things=(named,)), "colour")


def test_sizes_leave_out_what_is_alike() -> None:
    assert asked(shown(1), "size") == {
        "is it bigger than the cat?": "no",
        "is it smaller than the cat?": "yes",
        "is it bigger than the ant?": "yes",
        "is it smaller than the ant?": "no",
    }
    alike = (replace(CAT, area=0.07), MOON)
    assert not asked(shown(1, things=alike), "size")
    assert set(asked(shown(1, look="zoom"), "size").values()) == {TOO_NEAR}


def test_sides_leave_out_what_is_level() -> None:
    assert asked(shown(1), "side") == {
        "is it left of the cat?": "no",
        "is it right of the cat?": "yes",
        "is it above the cat?": "yes",
        "is it below the cat?": "no",
        "is it left of the ant?": "yes",
        "is it right of the ant?": "no",
    }
    # A thing that is all but hidden is not spoken of.
    hidden = (replace(CAT, seen=0.3), MOON)
    assert not asked(shown(1, things=hidden), "side") and not asked(shown(1, things=hidden), "size")


def test_where_it_stands_and_what_covers_it() -> None:
    assert set(asked(shown(0), "where").values()) == {"at the bottom left"}
    assert set(asked(shown(0, look="zoom"), "where").values()) == {TOO_NEAR}
    assert set(asked(shown(0), "cover").values()) == {"an ant"}
    assert set(asked(shown(0, look="zoom"), "cover").values()) == {"an ant"}
    assert set(asked(shown(1), "cover").values()) == {"nothing"}
    assert not asked(shown(0, things=(replace(CAT, covered=0.03), MOON, ANT)), "cover")
    assert set(asked(shown(), "cover").values()) == {"nothing is marked"}


def test_where_something_named_stands() -> None:
    places = {"cat": "at the bottom left", "moon": "in the middle", "ant": "on the right"}
    wanted = {f"where is the {name}?": place for name, place in places.items()}
    assert asked(shown(0), "find") == asked(shown(), "find") == asked(shown(look="whole"), "find") == wanted
    assert set(asked(shown(1, look="zoom"), "find").values()) == {TOO_NEAR}
    assert set(asked(shown(1, things=(replace(CAT, seen=0.2), MOON)), "find")) == {"where is the moon?"}


def test_numbers() -> None:
    assert set(asked(shown(0), "count").values()) == {"three"}
    assert set(asked(shown(look="whole", things=(CAT,)), "count").values()) == {"one"}
    assert not asked(shown(0, things=(replace(CAT, seen=0.2), MOON)), "count")
    for picture, answer in ((shown(), "none"), (shown(1), "one"), (shown(0, 2), "two")):
        assert set(asked(picture, "marked").values()) == {answer}
    assert not asked(shown(look="whole"), "marked")


def test_what_is_there() -> None:
    found = asked(shown(0), "there")
    assert {q for q, a in found.items() if a == "yes"} == {"is there a cat?", "is there a moon?", "is there an ant?"}
    assert {q for q, a in found.items() if a == "no"} == {
        "is there a red apple?",
        "is there an owl?",
        "is there a boat?",
    }
    assert set(asked(shown(0, look="zoom"), "there").values()) == {TOO_NEAR}
    # What is all but hidden is neither there nor not.
    hidden = asked(shown(1, things=(replace(CAT, seen=0.2), MOON)), "there")
    assert "is there a cat?" not in hidden


def test_cut_outs_are_asked_about_themselves_alone() -> None:
    kinds = {kind for kind in KINDS if asked(shown(1, look="crop"), kind)}
    assert kinds == {"what", "is", "colour"}
