"""Descriptions are true of their scenes, and their opposites false."""

import dataclasses
import re

import pytest
import torch

from gencontrol.sprites.captions import CONTEXT_LENGTH, build_tokenizer
from gencontrol.sprites.compose import SceneConfig, Scenes, compose, render
from gencontrol.sprites.descriptions import COLOURS, Description, colour_word, colour_words, describe


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
