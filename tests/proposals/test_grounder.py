"""What is kept of many boxes."""

import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.proposals.grounder import Grounding, best_of_each, box_regions, select


def _select(boxes: list[list[float]], scores: list[float], names: list[str], **more: float | int) -> Grounding:
    return select(
        torch.tensor(boxes),
        torch.tensor(scores),
        names,
        size=(20, 30),
        **({"threshold": 0.1} | more),  # pyright: ignore[reportArgumentType]
    )


BOXES = [[0.0, 0, 10, 10], [1, 0, 11, 10], [5, 5, 40, 25], [-4, -4, 2, 2], [30, 0, 35, 5], [8, 8, 8, 12]]


def test_the_best_first_cut_at_the_edges() -> None:
    found = _select(BOXES, [0.5, 0.6, 0.9, 0.2, 0.8, 0.7], ["a", "b", "c", "d", "e", "f"])
    assert found.phrases == ("c", "b", "a", "d") and found.size == (20, 30)
    assert found.boxes.tolist() == [[5, 5, 30, 20], [1, 0, 11, 10], [0, 0, 10, 10], [0, 0, 2, 2]]
    assert found.scores.tolist() == pytest.approx([0.9, 0.6, 0.5, 0.2])


def test_doubles_of_one_phrase_go() -> None:
    """The first two have 90 of 110 pixels in common."""
    scores = [0.5, 0.6]
    assert len(_select(BOXES[:2], scores, ["a", "b"]).boxes) == 2
    assert _select(BOXES[:2], scores, ["a", "a"]).boxes.tolist() == [BOXES[1]]
    assert len(_select(BOXES[:2], scores, ["a", "a"], overlap=0.82).boxes) == 2
    assert len(_select(BOXES[:2], scores, ["a", "a"], overlap=0.81).boxes) == 1


def test_threshold_and_number() -> None:
    scores = [0.5, 0.25, 0.125]
    assert len(_select(BOXES[:3], scores, ["a", "b", "c"], threshold=0.25).boxes) == 2
    assert _select(BOXES[:3], scores, ["a", "b", "c"], most=1).phrases == ("a",)
    nothing = _select(BOXES[:3], scores, ["a", "b", "c"], threshold=0.9)
    assert nothing.boxes.shape == (0, 4) and nothing.phrases == ()


def _found() -> Grounding:
    return _select([BOXES[2], BOXES[0], [12.0, 12, 20, 20]], [0.9, 0.6, 0.5], ["cat", "dog", "cat"])


def test_the_best_of_each_phrase() -> None:
    best = best_of_each(_found())
    assert best.phrases == ("cat", "dog") and best.scores.tolist() == pytest.approx([0.9, 0.6])
    assert best.boxes.tolist() == [[5, 5, 30, 20], [0, 0, 10, 10]] and best.size == (20, 30)
    nothing = _select([BOXES[0]], [0.05], ["cat"])
    assert best_of_each(nothing).boxes.shape == (0, 4)


def test_boxes_as_regions() -> None:
    cat, dog, other = box_regions(_found())
    assert (cat.label, dog.label, other.label) == ("cat", "dog", "cat")
    assert cat.size == (20, 30) and cat.alpha.sum() == 25 * 15 and cat.alpha[5:, 5:].min() == 1
    assert dog.alpha[:10, :10].min() == 1 and dog.alpha.sum() == 100


def test_what_was_found_is_of_one_number() -> None:
    with pytest.raises(InputError, match=r"expected boxes \(k, 4\), and a score and a phrase for each, got \(1, 4\)"):
        Grounding(boxes=torch.ones(1, 4), scores=torch.ones(1), phrases=("a", "b"), size=(9, 9))
