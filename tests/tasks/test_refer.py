"""Which region a phrase means; and candidates from a grounder's boxes. With the embedded encoder, on the example."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import InputError
from gencontrol.images.picture import Picture
from gencontrol.images.reading import read_image
from gencontrol.proposals.grounder import Grounding
from gencontrol.proposals.segmenter import BoxSegmenter, Segmentation
from gencontrol.regions import Scene, from_box, from_mask, from_points
from gencontrol.regions.region import Region
from gencontrol.relations import find_phrase
from gencontrol.runs.notation import parse_focus
from gencontrol.tasks.refer import SAME, Referral, propose, refer

EXAMPLES = Path(__file__).parents[2] / "examples"
CLOSE = parse_focus("zoom:margin=0.1")


@pytest.fixture(scope="module")
def encoder() -> AlphaCLIP:
    return AlphaCLIP.from_pretrained("tiny")


@pytest.fixture(scope="module")
def things() -> Scene:
    """The example's pumpkin (left), crown (right) and note (below)."""
    picture = read_image(EXAMPLES / "scene.png")
    pumpkin = from_mask(EXAMPLES / "scene-mask.png", size=picture.size, label="first")
    crown = from_box((148, 44, 232, 116), size=picture.size, label="second")
    note = from_points([(175, 200)], size=picture.size, radius=40, label="second")
    return Scene(picture=picture, regions=(pumpkin, crown, note))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("the pumpkin", 0),
        ("a crown", 1),
        ("the lowest thing", 2),
        ("the thing left of the crown", 0),
        ("the crown below the pumpkin", None),
    ],
)
def test_names_places_and_relations(encoder: AlphaCLIP, things: Scene, text: str, meant: int | None) -> None:
    found = refer(encoder, things, text, focus=CLOSE)
    assert found.best == meant and found.labels == ("first", "second 1", "second 2")
    assert float(found.probabilities.sum()) + found.none == pytest.approx(1, abs=1e-5)
    answer = find_phrase(encoder, things, text, focus=CLOSE)
    torch.testing.assert_close(found.probabilities, answer.subjects)
    assert found.none == pytest.approx(answer.none)
    if meant is not None:
        assert found.region is things.regions[meant]


def test_the_box_of_what_is_meant(encoder: AlphaCLIP, things: Scene) -> None:
    assert refer(encoder, things, "the crown", focus=CLOSE).box == (148, 44, 232, 116)
    nothing = refer(encoder, things, "the crown below the pumpkin", focus=CLOSE)
    with pytest.raises(
        InputError, match=r'"the crown below the pumpkin" means none of the candidates .*say it otherwise'
    ):
        _ = nothing.region
    with pytest.raises(InputError, match="means none of the candidates"):
        _ = nothing.box


def test_one_that_is_as_likely_as_none_is_meant(things: Scene) -> None:
    how = {"text": "x", "scene": things, "labels": ("a", "b", "c")}
    assert Referral(probabilities=torch.tensor([0.0, 0.5, 0.0]), none=0.5, **how).best == 1
    assert Referral(probabilities=torch.tensor([0.0, 0.4375, 0.0]), none=0.5625, **how).best is None


@pytest.mark.parametrize(
    ("text", "likely"),
    [
        ("the crown", True),
        ("the leftmost crown", True),
        ("the second crown from the left", False),
        ("the pumpkin", False),
        ("the crown left of the pumpkin", False),
    ],
)
def test_a_candidate_alone(encoder: AlphaCLIP, things: Scene, text: str, likely: bool) -> None:
    alone = Scene(picture=things.picture, regions=things.regions[1:2])
    found = refer(encoder, alone, text, focus=CLOSE)
    assert (found.best == 0) is likely and found.labels == ("second",)
    assert float(found.probabilities.sum()) + found.none == pytest.approx(1)
    if "from" in text or "left of" in text:
        assert found.none == 1


def test_no_candidate(encoder: AlphaCLIP, things: Scene) -> None:
    with pytest.raises(InputError, match="There is no candidate: show regions, or let a grounder propose them"):
        refer(encoder, Scene(picture=things.picture), "the crown")


class Finder:
    """A grounder with its answers written down."""

    def __init__(self, *found: tuple[str, float, tuple[float, float, float, float]]):
        self.found, self.asked = found, {}

    def ground(self, image: object, phrases: Sequence[str], **how: object) -> Grounding:
        self.asked = {"phrases": list(phrases), **how}
        return Grounding(
            boxes=torch.tensor([box for _, _, box in self.found]).reshape(-1, 4),
            scores=torch.tensor([score for _, score, _ in self.found]),
            phrases=tuple(name for name, _, _ in self.found),
            size=(20, 30),
        )


class Blind:
    """A segmenter that sees the first box's thing alone."""

    def segment(self, image: object, boxes: torch.Tensor) -> Segmentation:
        masks = torch.zeros(len(boxes), 20, 30, dtype=torch.bool)
        masks[:1, 2:4, 3:9] = True
        return Segmentation(masks=masks[: len(boxes)], scores=None)


PICTURE = Picture(rgb=torch.zeros(3, 20, 30))
CUP, DOG = (2.0, 3.0, 8.0, 9.0), (10.0, 3.0, 22.0, 18.0)


def test_candidates_are_what_the_phrases_names_are_found_for() -> None:
    grounder = Finder(("cup", 0.9, CUP), ("red mug", 0.8, (2.0, 3.0, 8.0, 8.9)), ("dog", 0.4, DOG))
    found = propose(
        PICTURE, "the red mug left of the dog", grounder=grounder, segmenter=BoxSegmenter(), threshold=0.3, most=7
    )
    assert grounder.asked == {"phrases": ["red mug", "dog"], "threshold": 0.3, "most": 7}
    # The cup and the mug are one thing, under the better name.
    assert [region.label for region in found.regions] == ["cup", "dog"]
    first = found.regions[0].alpha
    assert first[3:9, 2:8].all() and first.sum() == 36 and found.picture is PICTURE
    kept = Finder(("cup", 0.9, CUP), ("mug", 0.8, (2.0, 3.0, 8.0, 3.0 + 6 * (SAME - 0.1))))
    assert len(propose(PICTURE, "the mug", grounder=kept, segmenter=BoxSegmenter()).regions) == 2
    assert kept.asked["threshold"] is None


def test_things_that_the_segmenter_does_not_find_are_none() -> None:
    both = Finder(("cup", 0.9, CUP), ("dog", 0.4, DOG))
    (region,) = propose(PICTURE, "the cup by the dog", grounder=both, segmenter=Blind()).regions
    assert region == Region(alpha=region.alpha, label="cup") and region.alpha.sum() == 12


@pytest.mark.parametrize(
    ("text", "found", "message"),
    [
        ("the leftmost one", (), "names nothing that a grounder could find: name the thing"),
        ("the cup", (), "Nothing is found for cup: lower the threshold"),
    ],
)
def test_nothing_to_propose(text: str, found: tuple, message: str) -> None:
    with pytest.raises(InputError, match=message):
        propose(PICTURE, text, grounder=Finder(*found), segmenter=BoxSegmenter())


def test_no_mask_at_all() -> None:
    class Nothing:
        def segment(self, image: object, boxes: torch.Tensor) -> Segmentation:
            return Segmentation(masks=torch.zeros(len(boxes), 20, 30, dtype=torch.bool), scores=None)

    with pytest.raises(InputError, match="The segmenter finds nothing in the boxes of cup: take another one"):
        propose(PICTURE, "the cup", grounder=Finder(("cup", 0.9, CUP)), segmenter=Nothing())


def test_masks_of_the_grounder_itself_need_no_segmenter() -> None:
    """Of two boxes that are one thing the better one's mask stays."""

    class Masks(Finder):
        def ground(self, image: object, phrases: Sequence[str], **how: object) -> Grounding:
            found = super().ground(image, phrases, **how)
            masks = torch.zeros(3, 20, 30, dtype=torch.bool)
            masks[0, 4, 4], masks[1, 5, 5], masks[2, 6, 12:14] = True, True, True
            return replace(found, masks=masks)

    grounder = Masks(("cup", 0.9, CUP), ("red mug", 0.8, (2.0, 3.0, 8.0, 8.9)), ("dog", 0.4, DOG))
    found = propose(PICTURE, "the red mug left of the dog", grounder=grounder, segmenter=Blind())
    assert [region.label for region in found.regions] == ["cup", "dog"]
    assert [region.alpha.nonzero().tolist() for region in found.regions] == [[[4, 4]], [[6, 12], [6, 13]]]
