"""Assignments of regions to what a phrase names, against sums that are done by hand."""

import math
from itertools import product
from types import ModuleType
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.each_region import embed_each_region
from gencontrol.errors import InputError
from gencontrol.images.picture import Picture
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.relations import find_phrase, parse_phrase, relate
from gencontrol.relations.naming import log_names
from gencontrol.relations.phrases import answerable, assigned


@pytest.fixture(scope="module")
def row(boxes: Any) -> Scene:
    """Four things in a row, the third larger than the others."""
    maps = boxes((0, 10, 10, 20), (20, 10, 30, 20), (38, 6, 54, 22), (66, 10, 76, 20))
    rgb = torch.rand(3, 40, 80, generator=torch.Generator().manual_seed(0))
    return Scene(picture=Picture(rgb=rgb), regions=tuple(Region(alpha=a) for a in maps))


def answer(scene: Scene, text: str, **names: tuple[float, ...]) -> Any:
    """What a phrase means where regions have names with these probabilities; `_` stands for a blank."""
    found = relate(None, scene)
    columns = [torch.tensor(p).log() for p in names.values()]
    return assigned(parse_phrase(text), found, torch.stack(columns, dim=-1))


CUPS, DOGS = (0.9, 0.02, 0.02, 0.9), (0.02, 0.9, 0.02, 0.02)


def test_names_relation_and_none_by_hand(row: Scene) -> None:
    found = answer(row, "the cup left of the dog", cup=CUPS, dog=DOGS)
    left = relate(None, row).of("left of")
    fits = {(i, j): CUPS[i] * float(left[i, j]) * DOGS[j] for i, j in product(range(4), repeat=2) if i != j}
    total = 1 + sum(p / (1 - p) for p in fits.values())
    for pair, log_fit, share in zip(found.assignments, found.log_fits, found.probabilities, strict=True):
        assert log_fit.exp().item() == pytest.approx(fits[pair], abs=1e-4)
        assert share.item() == pytest.approx(fits[pair] / (1 - fits[pair]) / total, abs=1e-3)
    assert found.none == pytest.approx(1 / total, abs=1e-3)
    assert float(found.probabilities.sum()) + found.none == pytest.approx(1, abs=1e-5)
    assert found.fits == pytest.approx(1 - math.prod(1 - p for p in fits.values()), abs=1e-3)
    assert_close(found.subjects.sum() + found.none, torch.tensor(1.0))


@pytest.mark.parametrize(
    ("text", "subject"), [("the cup left of the dog", 0), ("the cup right of the dog", 3), ("the leftmost cup", 0)]
)
def test_of_two_cups_the_one_that_stands_so(row: Scene, text: str, subject: int) -> None:
    names = {"cup": CUPS} | ({"dog": DOGS} if "dog" in text else {})
    found = answer(row, text, **names)
    assert found.subjects.argmax() == subject and found.subjects[subject] > 0.7


def test_a_relation_that_does_not_hold_means_none_of_them(row: Scene) -> None:
    assert answer(row, "the cup above the dog", cup=CUPS, dog=DOGS).none > 0.9
    assert answer(row, "the cup left of the dog", cup=(0.01,) * 4, dog=DOGS).none > 0.9
    # Two that fit equally well share.
    both = answer(row, "the cup left of the dog", cup=(0.9, 0.02, 0.02, 0.02), dog=(0.02, 0.9, 0.02, 0.9))
    assert both.probabilities.max() < 0.6 and both.subjects[0] > 0.85


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("the second cup from the left", 2),
        ("the second from the right", 2),
        ("the third cup from the left", 3),
        ("the rightmost cup", 3),
        ("the biggest cup", 2),
        ("the biggest", 2),
    ],
)
def test_superlatives_count_what_fits_the_name(row: Scene, text: str, subject: int) -> None:
    names = {"cup": (0.95, 0.02, 0.95, 0.95)} if "cup" in text else {"thing": (1.0,) * 4}
    found = answer(row, text, **names)
    assert found.subjects.argmax() == subject and found.subjects[subject] > 0.75, found.subjects


def test_the_smallest_and_places_in_height(boxes: Any) -> None:
    maps = boxes((0, 0, 12, 12), (20, 14, 30, 24), (40, 28, 46, 34))
    scene = Scene(picture=Picture(rgb=torch.rand(3, 40, 80)), regions=tuple(Region(alpha=a) for a in maps))
    for text, subject in {"the smallest": 2, "the top cup": 0, "the bottom cup": 2, "the second biggest": 1}.items():
        assert answer(scene, text, thing=(0.99,) * 3).subjects.argmax() == subject, text


def test_between_two_and_nested_once(row: Scene) -> None:
    moon = (0.02, 0.02, 0.02, 0.9)
    found = answer(row, "the thing between the dog and the moon", thing=(1.0,) * 4, dog=DOGS, moon=moon)
    assert found.assignments[found.probabilities.argmax()] == (2, 1, 3)
    # The dog that is right of the crown is the last thing.
    two, crown = (0.02, 0.9, 0.02, 0.9), (0.02, 0.02, 0.9, 0.02)
    cup = (0.9, 0.02, 0.02, 0.02)
    found = answer(row, "the cup left of the dog right of the crown", cup=cup, dog=two, crown=crown)
    assert found.assignments[found.probabilities.argmax()] == (0, 3) and found.probabilities.max() > 0.6


def test_nobody_stands_to_itself(row: Scene) -> None:
    one = (0.9, 0.01, 0.01, 0.01)
    found = answer(row, "the cup nearest to the dog", cup=one, dog=one)
    assert all(len({*who}) == 2 for who in found.assignments)


def test_with_an_encoder_names_are_read_by_its_text_tower(tiny: ModuleType, row: Scene) -> None:
    encoder = AlphaCLIP.from_clip(tiny.alpha_clip_model(), tokenizer=tiny.tokenizer()).requires_grad_(False)
    found = find_phrase(encoder, row, "a crown left of a pumpkin")
    names = log_names(encoder, embed_each_region(encoder, row), ("crown", "pumpkin"))
    expected = assigned(parse_phrase("a crown left of a pumpkin"), relate(encoder, row), names)
    assert found.assignments == expected.assignments and found.none == pytest.approx(expected.none, abs=1e-4)
    assert found.regions == ("region 0", "region 1", "region 2", "region 3")
    with pytest.raises(InputError, match="'zebra'"):
        find_phrase(encoder, row, "a zebra left of a pumpkin")
    with pytest.raises(InputError, match="need at least two regions"):
        find_phrase(encoder, Scene(picture=row.picture, regions=row.regions[:1]), "a crown left of a pumpkin")
    long = "a crown left of a red " + "red " * 30 + "pumpkin"
    with pytest.raises(InputError, match="tokens long"):
        find_phrase(encoder, row, long)
    assert find_phrase(encoder, row, long, truncate=True).none > 0


def test_relations_that_nothing_answers_are_said() -> None:
    for text in ("a dog chasing a cat", "a cup left of a dog riding a cat"):
        with pytest.raises(InputError, match="trained module would have to answer"):
            answerable(text)
    with pytest.raises(InputError, match="'of the dog' is not understood"):
        answerable("the cup of the dog")
