"""RefCOCO measured: which box a sentence means, by an encoder whose answers are known."""

from pathlib import Path

import pytest
import torch

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.one_pass.regions import ApproximateWarning
from gencontrol.errors import InputError
from gencontrol.focus import focus_strategy
from gencontrol.images.picture import Picture
from gencontrol.proposals.grabcut import GrabCutSegmenter
from gencontrol.proposals.segmenter import BoxSegmenter
from gencontrol.runs.evaluation.refcoco import candidates, chosen_boxes, summed

ONE = {"right": [2, 3, 0, 1], "sentences": 4, "understood": 3, "reachable": True}
OTHER = {"right": [0, 0, 0, 0], "sentences": 1, "understood": 0, "reachable": False}


def test_a_table_by_hand() -> None:
    found = summed([ONE, OTHER], looks=["zoom", "crop"], architecture="ViT-L/14", split=("refcoco", "val"))
    assert [(row.focus, row.way, row.accuracy) for row in found.rows] == [
        ("zoom", "one text", 0.4),
        ("zoom", "taken apart", 0.6),
        ("crop", "one text", 0.0),
        ("crop", "taken apart", 0.2),
    ]
    assert (found.references, found.sentences, found.understood, found.reachable) == (2, 5, 3, 0.8)
    assert found.published["Alpha-CLIP"] == 55.7
    with pytest.raises(InputError, match="None of the references has a sentence"):
        summed([OTHER | {"sentences": 0}], looks=["zoom", "crop"], architecture="", split=("refcoco", "val"))


def test_boxes_become_regions_even_where_nothing_is_in_them() -> None:
    picture = Picture(rgb=torch.zeros(3, 20, 30))
    boxes = ((2.0, 3.0, 10.0, 9.0), (-5.0, 15.0, 4.0, 40.0), (40.0, 5.0, 50.0, 9.0))
    scene = candidates(picture, boxes, BoxSegmenter())
    assert [int(region.alpha.sum()) for region in scene.regions] == [48, 20, 4]
    assert bool(scene.regions[0].alpha[3:9, 2:10].all()) and bool(scene.regions[1].alpha[15:, :4].all())
    # GrabCut finds nothing in a picture of one colour.
    assert len(candidates(picture, boxes[:2], GrabCutSegmenter()).regions) == 2


def test_places_are_answered_by_boxes_and_names_by_the_encoder(tiny_folder: Path) -> None:
    encoder = AlphaCLIP.from_pretrained(tiny_folder / "alpha_clip")
    picture = Picture(rgb=torch.rand(3, 40, 80, generator=torch.Generator().manual_seed(0)))
    boxes = ((50.0, 5.0, 70.0, 30.0), (5.0, 5.0, 25.0, 30.0))
    scene = candidates(picture, boxes, BoxSegmenter())
    said = ("the leftmost thing", "the rightmost thing", "cat and a dog")
    one, apart, understood = chosen_boxes(encoder, scene, said, focus_strategy("crop"))
    # Its text tower does not know "leftmost".
    assert apart[:2] == [1, 0] and understood == 2 and one[:2] == [None, None]
    # What is not understood is read as one text.
    assert apart[2] == one[2] in (0, 1)
    lone = candidates(picture, boxes[:1], BoxSegmenter())
    assert chosen_boxes(encoder, lone, ("a cat", "a gnu"), focus_strategy("crop")) == ([0, None], [0, None], 0)


def test_one_pass_is_one_pass_here_too(tiny_folder: Path) -> None:
    encoder = AlphaCLIP.from_pretrained(tiny_folder / "alpha_clip")
    picture = Picture(rgb=torch.rand(3, 40, 80, generator=torch.Generator().manual_seed(0)))
    scene = candidates(picture, ((50.0, 5.0, 70.0, 30.0), (5.0, 5.0, 25.0, 30.0)), BoxSegmenter())
    with pytest.warns(ApproximateWarning, match="was not trained for several in one pass"):
        chosen_boxes(encoder, scene, ("a cat",), focus_strategy("one-pass"))
