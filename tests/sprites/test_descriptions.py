"""Descriptions are true of their scenes, and their opposites false."""

import colorsys
import dataclasses
import re
from typing import Any

import pytest
import torch

from gencontrol.sprites.captions import CONTEXT_LENGTH, build_tokenizer
from gencontrol.sprites.compose import SceneConfig, Scenes, compose, render
from gencontrol.sprites.descriptions import (
    COLOURS,
    LEAST_VISIBLE,
    Description,
    _beside,
    _coloured,
    _hiding,
    _in_front,
    _placed,
    _Seen,
    _sized,
    colour_word,
    colour_words,
    describe,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def pair(sprite_store) -> Scenes:
    """One scene: a small red disc at the left, a large blue block at the lower right; nothing hidden."""
    names = [c.name for c in sprite_store.concepts]
    scenes = compose(sprite_store, SceneConfig(size=64, counts=(0.0, 1.0), jitter=0.0), batch=1, seed=0)
    layout = dataclasses.replace(
        scenes.layout,
        concept=torch.tensor([[names.index("red disc"), names.index("blue block")]]),
        centre=torch.tensor([[[0.25, 0.45], [0.65, 0.7]]]),
        side=torch.tensor([[0.2, 0.5]]),
        softness=torch.zeros(1),
    )
    return render(sprite_store, layout, torch.full((1, 3, 64, 64), 0.5))


def said_of(store, scenes: Scenes, count: int = 400) -> dict[str, Description]:
    generator = seeded()
    drawn = [describe(store, scenes, generator)[0] for _ in range(count)]
    return {d.text: d for d in drawn if d is not None}


def plainly(text: str) -> str:
    """With one name for each thing."""
    return text.replace("red ball", "red disc")


def test_what_is_said_of_two_things_is_true(sprite_store, pair) -> None:
    said = {plainly(text) for text in said_of(sprite_store, pair)}
    # Names that hold a colour get none, so nothing is said of colours here.
    assert said == {
        "a red disc left of a blue block",
        "a blue block right of a red disc",
        "a red disc above a blue block",
        "a blue block below a red disc",
        "a red disc on the left",
        "a blue block at the bottom",
        "a big blue block and a small red disc",
        "a blue block bigger than a red disc",
    }


def test_opposites_are_false(sprite_store, pair) -> None:
    said = said_of(sprite_store, pair)
    true = {plainly(text) for text in said}
    for description in said.values():
        assert plainly(description.opposite) not in true
        assert sorted(re.findall("red ...c|red ...l|blue block", description.opposite)) == sorted(
            re.findall("red ...c|red ...l|blue block", description.text)
        )
    turned = {plainly(text): plainly(d.opposite) for text, d in said.items()}
    assert turned["a red disc on the left"] == "a red disc on the right"
    assert turned["a big blue block and a small red disc"] == "a small blue block and a big red disc"
    assert turned["a red disc left of a blue block"] in (
        "a blue block left of a red disc",
        "a red disc right of a blue block",
    )


def test_what_lies_in_front(sprite_store, pair) -> None:
    layout = dataclasses.replace(pair.layout, centre=torch.tensor([[[0.5, 0.5], [0.62, 0.5]]]))
    layout = dataclasses.replace(layout, side=torch.tensor([[0.5, 0.4]]))
    scenes = render(sprite_store, layout, pair.background)
    said = {plainly(text) for text in said_of(sprite_store, scenes)}
    assert {"a blue block in front of a red disc", "a red disc behind a blue block"} <= said
    assert not any("red disc in front" in text or "blue block behind" in text for text in said)


def test_nothing_is_said_of_what_is_hidden(sprite_store, pair) -> None:
    hidden = dataclasses.replace(pair, visible=torch.tensor([[0.2, 1.0]]))
    assert not any("red" in text for text in said_of(sprite_store, hidden))


def test_nothing_to_say_is_none(sprite_store, pair) -> None:
    gone = dataclasses.replace(pair, visible=torch.tensor([[0.2, 0.2]]))
    assert describe(sprite_store, gone, seeded()) == [None]


@pytest.mark.parametrize(
    ("rgb", "word"),
    [
        ((0.9, 0.1, 0.1), "red"), ((1.0, 0.5, 0.0), "orange"), ((0.95, 0.9, 0.1), "yellow"), ((0.1, 0.7, 0.2), "green"),
        ((0.1, 0.2, 0.9), "blue"), ((0.5, 0.1, 0.9), "purple"), ((0.95, 0.3, 0.7), "pink"),
        ((0.45, 0.25, 0.1), "brown"),
        ((0.1, 0.1, 0.1), "black"), ((0.95, 0.95, 0.95), "white"), ((0.5, 0.5, 0.52), "grey"), ((0.6, 0.5, 0.45), ""),
        ((0.9, 0.1, 0.15), "red"),
    ],
)  # fmt: skip
def test_words_for_colours(rgb, word) -> None:
    assert colour_word(torch.tensor(rgb)) == word
    assert word in ("", *COLOURS)


def test_the_colour_is_that_which_is_shown(sprite_store, pair) -> None:
    assert colour_words(sprite_store, pair) == [["red", "blue"]]
    swap = torch.eye(4)[[2, 1, 0, 3]].expand(1, 2, 4, 4)
    turned = dataclasses.replace(pair, layout=dataclasses.replace(pair.layout, colour=swap @ pair.layout.colour))
    assert colour_words(sprite_store, turned) == [["blue", "red"]]


def test_colours_are_said_of_things_without_a_colour_in_their_name(sprite_store, pair) -> None:
    concepts = tuple(dataclasses.replace(c, names=tuple(n.split()[1] for n in c.names)) for c in sprite_store.concepts)
    said = said_of(dataclasses.replace(sprite_store, concepts=concepts), pair)
    assert {"a red disc", "a blue block", "a red disc and a blue block"} <= {t.replace("ball", "disc") for t in said}
    both = next(d for t, d in said.items() if t.replace("ball", "disc") == "a red disc and a blue block")
    assert both.opposite.replace("ball", "disc") == "a blue disc and a red block"
    one = said["a blue block"]
    assert one.opposite.endswith(" block") and one.opposite.split()[1] in set(COLOURS) - {"blue"}


def test_every_word_is_known_and_every_text_fits(sprite_store) -> None:
    tokenizer = build_tokenizer(sprite_store.concepts)
    config = SceneConfig(size=32, counts=(0.2,) * 5, recolour=0.5, close=0.3)
    scenes = compose(sprite_store, config, batch=200, seed=1)
    found = [d for d in describe(sprite_store, scenes, seeded()) if d is not None]
    assert len(found) > 150
    for text in {t for d in found for t in (d.text, d.opposite)}:
        ids = tokenizer(text)["input_ids"]
        assert tokenizer.unk_token_id not in ids and len(ids) <= CONTEXT_LENGTH
    assert all(len({*d.slots}) == len(d.slots) and d.text != d.opposite for d in found)


def looked(**changes: Any) -> _Seen:
    """An owl and a cat, side by side and alike."""
    plain: dict[str, Any] = {
        "names": ["owl", "cat"],
        "centre": [(0.5, 0.5), (0.5, 0.5)],
        "area": [100.0, 100.0],
        "visible": [1.0, 1.0],
        "colour": ["", ""],
        "hides": set(),
    }
    return _Seen(**{**plain, **changes})


def texts(said: list[tuple[str, Description]]) -> set[str]:
    return {description.text for _, description in said}


@pytest.mark.parametrize(("gap", "said"), [(0.14, 0), (0.16, 2)])
def test_beside_needs_one_and_a_half_margins(gap: float, said: int) -> None:
    assert len(_beside(looked(centre=[(0.5, 0.5), (0.5 + gap, 0.5)]))) == said
    assert len(_beside(looked(centre=[(0.5, 0.5 + gap), (0.5, 0.5)]))) == said


def test_opposites_turn_the_names_or_the_word() -> None:
    apart = looked(names=["owl", "bear"], centre=[(0.2, 0.5), (0.8, 0.5)])
    found = {d.text: d.opposite for _, d in _beside(apart)}
    # "an owl" and "a bear" have 12 letters together, an even number: the word is turned.
    assert found["an owl left of a bear"] == "an owl right of a bear"
    found = {d.text: d.opposite for _, d in _beside(looked(centre=[(0.2, 0.5), (0.8, 0.5)]))}
    assert found["an owl left of a cat"] == "a cat left of an owl"


@pytest.mark.parametrize(
    ("place", "said"),
    [((0.34, 0.5), "on the left"), ((0.66, 0.5), "on the right"), ((0.5, 0.34), "at the top"),
     ((0.5, 0.66), "at the bottom"), ((0.36, 0.64), None)],
)  # fmt: skip
def test_a_place_is_named_beyond_the_middle(place: tuple[float, float], said: str | None) -> None:
    assert texts(_placed(looked(centre=[place, (0.5, 0.5)]))) == ({f"an owl {said}"} if said else set())


@pytest.mark.parametrize(
    ("area", "visible", "said"), [(171.0, 0.81, 2), (169.0, 1.0, 0), (171.0, 0.79, 0), (170.0, 1.0, 0), (300.0, 0.8, 0)]
)
def test_size_is_said_of_clear_differences_in_full_view(area: float, visible: float, said: int) -> None:
    assert len(_sized(looked(area=[area, 100.0], visible=[visible, 1.0]))) == said
    assert len(_sized(looked(area=[area, 100.0], visible=[1.0, visible]))) == said


@pytest.mark.parametrize(
    ("gap", "visible", "hides"),
    # Squares of 0.4 and 0.2 overlap by 0.2 at most across and 0.3 - gap along; a fifth of the smaller one is 0.008.
    [((0.0, 0.0), 0.9, True), ((0.0, 0.0), 0.91, False), ((0.27, 0.0), 0.5, True), ((0.275, 0.0), 0.5, False),
     ((0.0, 0.27), 0.5, True), ((0.0, -0.275), 0.5, False), ((0.3, 0.3), 0.5, False)],
)  # fmt: skip
def test_a_clear_overlap_with_what_is_partly_hidden_is_in_front(
    gap: tuple[float, float], visible: float, hides: bool
) -> None:
    centres = [(0.5, 0.5), (0.5 + gap[0], 0.5 + gap[1])]
    assert _hiding(centres, [0.4, 0.2], [visible, 1.0], ["owl", "cat"]) == ({(1, 0)} if hides else set())
    assert not _hiding(centres, [0.4, 0.2], [visible, 1.0], ["", "cat"])


def test_another_colour_is_three_to_seven_words_on() -> None:
    found = {d.text: d.opposite for _, d in _coloured(looked(colour=["red", "grey"]))}
    assert found["a red owl"] == "a pink owl"  # six on: three, and the three letters of its name
    assert found["a grey cat"] == "a purple cat"
    assert found["a red owl and a grey cat"] == "a grey owl and a red cat"
    assert _coloured(looked(names=["tiger", "cat"], colour=["red", ""]))[0][1].opposite == "a green tiger"
    assert len(_coloured(looked(colour=["red", "red"]))) == 2 and len(_coloured(looked(colour=["red", ""]))) == 1


def test_things_of_one_name_are_not_told_apart() -> None:
    twins = looked(names=["owl", "owl"], centre=[(0.2, 0.5), (0.8, 0.5)], area=[900.0, 1.0], hides={(1, 0)})
    assert not _beside(twins) and not _sized(twins) and not _in_front(twins)


@pytest.mark.parametrize(
    ("degrees", "below", "above"),
    [(15, "red", "orange"), (42, "orange", "yellow"), (68, "yellow", "green"), (165, "green", "blue"),
     (255, "blue", "purple"), (292, "purple", "pink"), (345, "pink", "red")],
)  # fmt: skip
def test_hues_end_where_they_should(degrees: int, below: str, above: str) -> None:
    for offset, word in ((-0.4, below), (0.4, above)):
        rgb = torch.tensor(colorsys.hsv_to_rgb((degrees + offset) / 360, 1.0, 1.0), dtype=torch.float64)
        assert colour_word(rgb) == word


@pytest.mark.parametrize(
    ("hsv", "word"),
    [((0.0, 1.0, 0.19), "black"), ((0.0, 1.0, 0.21), "brown"), ((0.0, 1.0, 0.61), "brown"), ((0.0, 1.0, 0.63), "red"),
     ((0.08, 1.0, 0.61), "brown"), ((0.5, 1.0, 0.61), "blue"), ((0.0, 0.11, 0.86), "white"),
     ((0.0, 0.11, 0.84), "grey"), ((0.0, 0.13, 0.9), ""), ((0.0, 0.39, 0.9), ""), ((0.0, 0.41, 0.9), "red"),
     ((0.0, 0.0, 0.2), "grey"), ((0.0, 0.0, 0.85), "grey")],
)  # fmt: skip
def test_dark_and_pale_colours_change_their_words_where_they_should(hsv: tuple[float, float, float], word: str) -> None:
    assert colour_word(torch.tensor(colorsys.hsv_to_rgb(*hsv), dtype=torch.float64)) == word


def test_a_scene_without_a_word_leaves_the_others_theirs(sprite_store) -> None:
    scenes = compose(sprite_store, SceneConfig(size=32), batch=12, seed=7)
    found = [d and d.text for d in describe(sprite_store, scenes, seeded())]
    assert found[3] is None and found.count(None) == 1
    assert found[:3] == [
        "a green step behind a blue gem",
        "a yellow pole left of a yellow step",
        "a yellow half at the bottom",
    ]
    assert found[-2:] == ["a green cross on the right", "a red cross above a red half"]


@pytest.mark.parametrize(("share", "said"), [(0.36, True), (0.34, False)])
def test_a_third_of_a_thing_has_to_be_seen(sprite_store, pair, share: float, said: bool) -> None:
    part = dataclasses.replace(pair, visible=torch.tensor([[share, 1.0]]))
    assert LEAST_VISIBLE == 0.35 and any("red" in text for text in said_of(sprite_store, part, 50)) == said
