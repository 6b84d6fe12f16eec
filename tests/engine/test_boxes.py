"""From captions to boxes, by hand and by a small grounder with random weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from gencontrol.engine.boxes import given, grounded, sifted
from gencontrol.engine.candidates import (
    BROKEN_ROW,
    LARGE_BOX,
    MORE_OF_PHRASE,
    MORE_OF_PICTURE,
    NO_CAPTION,
    NO_PHRASE,
    NOT_FOUND,
    NOTHING_GIVEN,
    OVERLAP,
    REFUSED,
    SMALL_BOX,
    UNSURE,
    Candidate,
)
from gencontrol.engine.rows import Part, Row
from gencontrol.engine.rules import Rules
from gencontrol.errors import InputError
from gencontrol.images.picture import Picture
from gencontrol.images.reading import ImageSource, read_image
from gencontrol.proposals.grounder import Grounding
from gencontrol.proposals.opening import open_grounder

SIZE = (40, 48)


class Told:
    """A grounder that finds cats, and does not read gnus."""

    def __init__(self, masks: torch.Tensor | None = None):
        self.asked: list[Any] = []
        self.masks = masks

    def ground(
        self, image: ImageSource, phrases: Sequence[str], *, threshold: float | int | None = None, most: int = 100
    ) -> Grounding:
        self.asked.append((list(phrases), threshold, most))
        if any("gnu" in phrase for phrase in phrases):
            raise InputError("no gnus")
        cats = [phrase for phrase in phrases if "cat" in phrase]
        return Grounding(
            boxes=torch.tensor([[1.0, 2.0, 11.0, 12.0]] * len(cats)).reshape(-1, 4),
            scores=torch.tensor([0.75] * len(cats)),
            phrases=tuple(cats),
            size=read_image(image).size,
            masks=self.masks,
        )


def reasons(candidates: Sequence[Candidate]) -> list[tuple[str, str]]:
    return [(one.phrase, one.rejected_because) for one in candidates]


def picture() -> Picture:
    return Picture(rgb=torch.rand(3, *SIZE, generator=torch.Generator().manual_seed(0)))


def test_phrases_are_found_or_said_not_to_be() -> None:
    grounder = Told()
    found = grounded(grounder, picture(), "a cat beside a red dog", Rules(score=0.5, most=7))
    assert reasons(found) == [("a cat", ""), ("a red dog", NOT_FOUND)]
    assert found[0].box == (1.0, 2.0, 11.0, 12.0) and found[0].score == 0.75 and found[0].mask is None
    assert grounder.asked == [(["a cat", "a red dog"], 0.5, 7)]


def test_masks_of_a_grounder_are_kept() -> None:
    plane = torch.rand(1, *SIZE) > 0.5
    found = grounded(Told(plane), picture(), "a cat", Rules())
    assert found[0].mask is not None and torch.equal(found[0].mask, plane[0])


def test_one_phrase_that_is_not_read_leaves_the_others() -> None:
    found = grounded(Told(), picture(), "a gnu beside a cat", Rules())
    assert reasons(found) == [("a gnu", REFUSED), ("a cat", "")] and found[0].detail == "no gnus"


class Ranks:
    """Finds letters where each has its place in the alphabet, the later ones surer; reads no gnu."""

    def ground(self, image: Any, phrases: Sequence[str], **how: Any) -> Grounding:
        if "a gnu" in phrases:
            raise InputError("no gnus")
        places = [ord(phrase[-1]) - ord("a") for phrase in phrases]
        boxes = torch.tensor([[float(place), 0.0, place + 9.0, 9.0] for place in places])
        return Grounding(boxes=boxes, scores=torch.tensor(places) / 26, phrases=tuple(phrases), size=SIZE)


def test_phrases_that_are_looked_for_one_by_one_are_ranked_as_together() -> None:
    found = grounded(Ranks(), picture(), "a gnu, the letter b, the letter d and the letter c", Rules(most=2))
    assert reasons(found) == [
        ("a gnu", REFUSED),
        ("the letter d", ""),
        ("the letter c", ""),
        ("the letter b", MORE_OF_PICTURE),
    ]


def test_captions_without_words_or_things() -> None:
    assert reasons(grounded(Told(), picture(), "", Rules())) == [("", NO_CAPTION)]
    assert reasons(grounded(Told(), picture(), "it is raining", Rules())) == [("it is raining", NO_PHRASE)]


@pytest.mark.parametrize("kind", ["owl", "dino", "glip"])
def test_real_classes_with_random_weights(grounders: Any, kind: str) -> None:
    grounder = open_grounder(str(grounders(kind)))
    found = grounded(grounder, picture(), "a red cat and a dog", Rules(score=0, most=5))
    assert {one.phrase for one in found} <= {"a red cat", "a dog"}
    boxes = [one.box for one in found if one.box is not None]
    assert 0 < len(boxes) <= 5
    assert all(0 <= x0 < x1 <= SIZE[1] and 0 <= y0 < y1 <= SIZE[0] for x0, y0, x1, y1 in boxes)


def test_what_a_data_set_points_at() -> None:
    parts = (
        Part(phrase="low", box=(0.5, 0.5, 2, 1.5), is_share=True, score=0.2),
        Part(phrase="bare", box=(-3, 1, 9, 99)),
        Part(phrase="high", box=(1, 2, 3, 4), score=1, outline=[[1, 2, 3, 2, 3, 4, 1, 4]]),
        Part(phrase="odd", box=(1, 2, 3, 4), score=0.9, outline={"size": [3, 3], "counts": [9]}),
        Part(phrase="odder", box=(1, 2, 3, 4), score=0.8, outline=[["x"] * 6]),
    )
    found = given(Row(name="a", parts=parts), SIZE, Rules(score=0.3))
    assert reasons(found) == [("high", ""), ("odd", BROKEN_ROW), ("odder", BROKEN_ROW), ("low", UNSURE), ("bare", "")]
    # Shares become pixels, and what sticks out is cut.
    assert found[3].box == (24.0, 20.0, 48.0, 40.0) and found[4].box == (0.0, 1.0, 9.0, 40.0)
    mask = found[0].mask
    assert mask is not None and int(mask.sum()) == 4 and bool(mask[2:4, 1:3].all())
    assert "masks" not in found[1].detail and "of other pictures" in found[1].detail
    few = given(Row(name="a", parts=parts), SIZE, Rules(most=2))
    assert [reason for _, reason in reasons(few)] == ["", BROKEN_ROW, *[MORE_OF_PICTURE] * 3]
    assert reasons(given(Row(name="a", caption="a cat"), SIZE, Rules())) == [("a cat", NOTHING_GIVEN)]


def box(phrase: str, *sides: float) -> Candidate:
    x0, y0, x1, y1 = map(float, sides)
    return Candidate(phrase=phrase, box=(x0, y0, x1, y1))


def test_boxes_are_sifted_the_best_first() -> None:
    found = sifted(
        [
            box("cat", 0, 0, 10, 10),
            box("dog", 0, 0, 10, 9),
            box("Cat", 20, 20, 30, 30),
            box("cat", 30, 30, 40, 40),
            box("line", 5, 5, 5.3, 40),
            box("outside", 50, 5, 48, 9),
            box("dot", 5, 5, 6, 6),
            box("all", 0, 0, 48, 39),
            box("bird", 5, 0, 15, 10),
            Candidate(phrase="gone").rejected(NOT_FOUND),
        ],
        SIZE,
        Rules(each=2, overlap=0.8, least_area=0.001, most_area=0.9),
    )
    assert reasons(found) == [
        ("cat", ""),
        ("dog", OVERLAP),
        ("Cat", ""),
        ("cat", MORE_OF_PHRASE),
        ("line", SMALL_BOX),
        ("outside", SMALL_BOX),
        ("dot", SMALL_BOX),
        ("all", LARGE_BOX),
        ("bird", ""),
        ("gone", NOT_FOUND),
    ]
    # A dropped box drops no other.
    again = sifted([box("all", 0, 0, 48, 39), box("most", 0, 0, 48, 35)], SIZE, Rules(most_area=0.9))
    assert reasons(again) == [("all", LARGE_BOX), ("most", "")]
    assert reasons(sifted([box("a", 0, 0, 10, 10), box("b", 0, 0, 10, 8)], SIZE, Rules(overlap=0.8)))[1][1] == ""


@pytest.fixture(scope="module")
def grounders(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A function that gives the folder of a small owl, dino or glip."""
    from importlib.util import module_from_spec, spec_from_file_location

    path = Path(__file__).parents[1] / "proposals" / "_detectors.py"
    spec = spec_from_file_location("engine_detectors", path)
    assert spec is not None and spec.loader is not None
    builders = module_from_spec(spec)
    spec.loader.exec_module(builders)
    root = tmp_path_factory.mktemp("grounders")
    saves = {
        "owl": builders.save_owl,
        "dino": lambda folder: builders.save_dino(folder, mm=False),
        "glip": builders.save_small_glip,
    }
    return lambda kind: saves[kind](root / kind)


def test_at_the_bounds_boxes_stay() -> None:
    rules = Rules(least_area=0.1, most_area=0.5, overlap=0.5, score=0.3, most=2)
    # Of 1920 pixels 192 and 960, and 191 and 961.
    ends = [box("least", 0, 0, 12, 16), box("most", 24, 0, 48, 40)]
    assert reasons(sifted(ends, SIZE, rules)) == [("least", ""), ("most", "")]
    beyond = [box("less", 0, 0, 11.9, 16), box("more", 23.9, 0, 48, 40)]
    assert reasons(sifted(beyond, SIZE, rules)) == [("less", SMALL_BOX), ("more", LARGE_BOX)]
    thin = [box("thin", 0, 0, 0.5, 40), box("thinner", 9, 0, 9.4, 40), box("flat", 0, 20, 48, 20.5)]
    assert reasons(sifted(thin, SIZE, Rules(least_area=0))) == [("thin", ""), ("thinner", SMALL_BOX), ("flat", "")]
    # Nothing has an area by both of its sides being less than nothing.
    inside_out = [box("none", 30, 30, 10, 10)]
    assert reasons(sifted(inside_out, SIZE, Rules(least_area=0))) == [("none", SMALL_BOX)]
    twice = [box("a", 0, 0, 12, 20), box("b", 0, 0, 12, 40), box("c", 0, 0, 12, 39)]
    assert reasons(sifted(twice, SIZE, rules)) == [("a", ""), ("b", ""), ("c", OVERLAP)]
    parts = tuple(Part(phrase=str(score), box=(1, 2, 9, 9), score=score) for score in (0.3, 0.29, 0.31))
    found = given(Row(name="a", parts=parts), SIZE, rules)
    assert reasons(found) == [("0.31", ""), ("0.3", ""), ("0.29", UNSURE)]
    # Without a bound of scores none is dropped for its own.
    assert not any(one.rejected_because for one in given(Row(name="a", parts=parts), SIZE, Rules()))
