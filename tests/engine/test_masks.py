"""From boxes to masks."""

from typing import Any

import pytest
import torch

from gencontrol.engine.candidates import EMPTY_MASK, LARGE_MASK, NOT_FOUND, SMALL_MASK, Candidate
from gencontrol.engine.masks import AT_ONCE, box_grid, distinct, in_parts, masked
from gencontrol.engine.rules import Rules
from gencontrol.images.picture import Picture
from gencontrol.images.reading import read_image
from gencontrol.proposals.grabcut import GrabCutSegmenter
from gencontrol.proposals.segmenter import BoxSegmenter, Segmentation

SIZE = (40, 48)


def test_only_bare_boxes_are_segmented_and_masks_are_measured(mask: Any) -> None:
    rules, seen = Rules(least_area=0.01, most_area=0.5), []

    class Counting(BoxSegmenter):
        def segment(self, image: Any, boxes: torch.Tensor) -> Segmentation:
            seen.append(boxes.tolist())
            found = super().segment(image, boxes)
            return Segmentation(masks=found.masks, scores=torch.full((len(boxes),), 0.5))

    own = mask(0, 0, 24, 20)
    found = masked(
        Counting(),
        Picture(rgb=torch.zeros(3, *SIZE)),
        [
            Candidate(phrase="own", box=(0.0, 0.0, 9.0, 9.0), mask=own),
            Candidate(phrase="gone").rejected(NOT_FOUND),
            Candidate(phrase="bare", box=(1.0, 1.0, 13.0, 11.0)),
            Candidate(phrase="nothing", box=(0.0, 0.0, 9.0, 9.0), mask=mask(0, 0, 0, 0)),
            Candidate(phrase="little", box=(0.0, 0.0, 9.0, 9.0), mask=mask(0, 0, 4, 4)),
            Candidate(phrase="much", box=(0.0, 0.0, 9.0, 9.0), mask=mask(0, 0, 48, 21)),
        ],
        rules,
    )
    assert seen == [[[1.0, 1.0, 13.0, 11.0]]]
    assert [one.rejected_because for one in found] == ["", NOT_FOUND, "", EMPTY_MASK, SMALL_MASK, LARGE_MASK]
    assert found[0].mask is own and found[0].area == 0.25 and found[0].mask_score is None
    assert found[2].area == pytest.approx(120 / 1920) and found[2].mask_score == 0.5
    # At the bounds they stay.
    ends = [Candidate(box=(0.0, 0.0, 1.0, 1.0), mask=mask(0, 0, 48, 20)), Candidate(mask=mask(0, 0, 48, 4))]
    ruled = masked(BoxSegmenter(), Picture(rgb=torch.zeros(3, *SIZE)), ends, Rules(least_area=0.1, most_area=0.5))
    assert [one.rejected_because for one in ruled] == ["", ""]


def test_a_square_is_cut_out_without_weights(sets: Any) -> None:
    _, box = sets.SQUARES[0]
    picture = read_image(sets.picture())
    one = Candidate(phrase="cat", box=(2.0, 4.0, 22.0, 24.0))
    (found,) = masked(GrabCutSegmenter(), picture, [one], Rules())
    assert found.mask is not None and found.area == pytest.approx(256 / 1920, rel=0.1)
    x0, y0, x1, y1 = box
    assert bool(found.mask[y0 + 1 : y1 - 1, x0 + 1 : x1 - 1].all())


def test_few_at_one_time_of_a_large_picture() -> None:
    many = [Candidate()] * 40
    assert [len(part) for part in in_parts(many, (100, 100))] == [AT_ONCE, AT_ONCE, 8]
    assert [len(part) for part in in_parts(many[:3], (8192, 8192))] == [1, 1, 1]
    assert [len(part) for part in in_parts(many[:3], (8192, 4096))] == [2, 1]
    assert list(in_parts([], (8, 8))) == []


def test_boxes_all_over_a_picture() -> None:
    grid = box_grid((40, 80), shares=(0.5,))
    assert grid.shape == (9, 4) and grid[0].tolist() == [0, 0, 40, 20] and grid[-1].tolist() == [40, 20, 80, 40]
    assert grid[1].tolist() == [20, 0, 60, 20]
    assert len(box_grid((40, 80))) == 4 + 9 + 25 and len(box_grid((40, 80), shares=(1.0,))) == 4
    whole = box_grid((40, 80))
    assert bool((whole >= 0).all()) and float(whole[:, 2].max()) <= 80.001 and float(whole[:, 3].max()) <= 40.001


def test_masks_that_are_nearly_one_are_one(mask: Any) -> None:
    masks = torch.stack([mask(0, 0, 10, 10), mask(0, 0, 10, 9), mask(0, 0, 10, 5), mask(20, 20, 30, 30)])
    assert distinct(masks, 0.8) == [0, 2, 3]
    assert distinct(masks, 0.9) == [0, 1, 2, 3] and distinct(masks, 0.4) == [0, 3]
    assert distinct(torch.zeros(0, 4, 4, dtype=torch.bool), 0.5) == []
