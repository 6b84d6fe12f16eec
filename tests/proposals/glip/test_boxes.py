"""From heads to boxes: against the authors' post-processing, and by hand."""

import math
from typing import Any

import pytest
import torch

from gencontrol.proposals.glip.boxes import anchor_centres, decode, detect, phrase_likelihoods
from gencontrol.proposals.glip.model import GlipOutput


@pytest.mark.parametrize(("picture", "size"), [(0, (100, 171)), (1, (90, 60))])
def test_boxes_are_the_authors(case: Any, output: GlipOutput, picture: int, size: tuple[int, int]) -> None:
    # In float64 their cut at the hundredth score is rounded, which costs them one box of the first picture.
    assert len(case.expected[f"boxes{picture}"]) == (99, 100)[picture]
    _check_boxes(case, output, picture, size)


@pytest.mark.parametrize(("picture", "size"), [(0, (128, 160)), (1, (70, 99))])
def test_boxes_without_fusion_are_the_authors(
    plain_case: Any, plain_output: GlipOutput, picture: int, size: tuple[int, int]
) -> None:
    assert len(plain_case.expected[f"boxes{picture}"]) == 100
    _check_boxes(plain_case, plain_output, picture, size)


def _check_boxes(case: Any, output: GlipOutput, picture: int, size: tuple[int, int]) -> None:
    found = detect(output, picture, case.tokens, size)
    boxes, scores, labels = (case.expected[f"{name}{picture}"] for name in ("boxes", "scores", "labels"))
    assert len(found.boxes) == 100
    assert (found.boxes[: len(boxes)] - boxes).abs().max() < 1e-4
    assert (found.scores[: len(boxes)] - scores).abs().max() < 1e-6
    assert torch.equal(found.phrases[: len(boxes)] + 1, labels.long())


def test_anchors_lie_in_the_middle_of_their_cells() -> None:
    assert anchor_centres((2, 3), 8).tolist() == [
        [3.5, 3.5],
        [11.5, 3.5],
        [19.5, 3.5],
        [3.5, 11.5],
        [11.5, 11.5],
        [19.5, 11.5],
    ]
    assert anchor_centres((1, 1), 128).tolist() == [[63.5, 63.5]]


def test_deltas_by_hand() -> None:
    centres = torch.tensor([[3.5, 3.5]] * 4)
    deltas = torch.tensor([[0.0, 0, 0, 0], [5, -10, 0, 0], [0, 0, 5 * math.log(2), 0], [0, 0, 1e9, 5 * math.log(0.5)]])
    plain, shifted, wider, widest = decode(deltas, centres, 8)
    assert plain.tolist() == [-28, -28, 35, 35]
    assert shifted.tolist() == [4, -92, 67, -29]
    assert torch.allclose(wider, torch.tensor([-60.0, -28, 67, 35]), atol=1e-4)
    width = 64 * 1000 / 16
    wanted = torch.tensor([3.5 - (width - 1) / 2, -12, 3.5 + (width - 1) / 2, 19])
    assert torch.allclose(widest, wanted, rtol=1e-4)


def test_a_phrase_is_the_mean_of_its_tokens() -> None:
    logits = torch.tensor([[0.0, math.log(3), -math.log(3), 9.0]])
    likely = phrase_likelihoods(logits, [(0,), (1, 2), (0, 1)])
    assert torch.allclose(likely, torch.tensor([[0.5, 0.5, 0.625]]))


def _output(likely: list[float], *, centerness: list[float], deltas: list[list[float]]) -> GlipOutput:
    """One row of places on the finest level, nothing on the others; one token."""
    others = [torch.full((1, 1, 1), -99.0)] * 4
    return GlipOutput(
        logits=(torch.tensor(likely).logit()[None, :, None], *others),
        deltas=(torch.tensor(deltas)[None], *[torch.zeros(1, 1, 4)] * 4),
        centerness=(torch.tensor(centerness).logit()[None], *[torch.zeros(1, 1)] * 4),
        sizes=((1, len(likely)), (1, 1), (1, 1), (1, 1), (1, 1)),
    )


def test_scores_are_roots_and_unlikely_places_fall_before_centerness_counts() -> None:
    small = [0.0, 0, 5 * math.log(4 / 64), 5 * math.log(4 / 64)]
    output = _output([0.64, 0.051, 0.049, 0.3], centerness=[0.25, 0.1, 0.999, 0.81], deltas=[small] * 4)
    found = detect(output, 0, [(0,)], (20, 40))
    assert torch.allclose(found.scores, torch.tensor([math.sqrt(0.243), 0.4, math.sqrt(0.0051)]), atol=1e-5)
    assert torch.allclose(found.boxes[1], torch.tensor([2.0, 2, 5, 5]), atol=1e-4)
    assert len(detect(output, 0, [(0,)], (20, 40), most=2).boxes) == 2


def test_boxes_end_at_the_last_pixel() -> None:
    output = _output([0.9], centerness=[0.9], deltas=[[0.0, 0, 0, 0]])
    assert detect(output, 0, [(0,)], (20, 30)).boxes.tolist() == [[0, 0, 29, 19]]


def test_doubles_count_the_last_column_in() -> None:
    """Two boxes of 4 x 4 pixels with three columns in common: 12 of 20 are shared, 0.6, which is not above 0.6."""
    size = 5 * math.log(4 / 64)
    deltas = [[0.0, 0, size, size], [-70 / 64, 0, size, size]]
    output = _output([0.9, 0.8], centerness=[0.9, 0.9], deltas=deltas)
    assert len(detect(output, 0, [(0,)], (20, 40), overlap=0.61).boxes) == 2
    assert len(detect(output, 0, [(0,)], (20, 40), overlap=0.59).boxes) == 1


def test_nothing_found() -> None:
    found = detect(_output([0.01], centerness=[0.9], deltas=[[0.0] * 4]), 0, [(0,)], (20, 30))
    assert found.boxes.shape == (0, 4) and found.scores.shape == (0,) and found.phrases.shape == (0,)
