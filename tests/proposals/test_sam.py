"""The SAMs as segmenters, against the models' own answers."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from PIL import Image

from gencontrol.errors import InputError
from gencontrol.proposals import sam
from gencontrol.proposals.segmenter_opening import open_segmenter

BOXES = torch.tensor([[10.0, 5, 60, 50], [0, 0, 100, 60], [70, 20, 95, 55]])


@pytest.fixture(scope="module", params=["sam", "sam_hq", "sam2", "sam3_tracker", "sam3_video"])
def segmenter(request: pytest.FixtureRequest, segmenter_folder: Callable[[str], Path]) -> Any:
    return open_segmenter(str(segmenter_folder(request.param)))


@torch.no_grad()
def test_masks_are_the_models_own(segmenter: Any, tiny: ModuleType) -> None:
    picture = tiny.photo(60, 100)
    inputs = segmenter.processor(images=picture, input_boxes=[BOXES.tolist()], return_tensors="pt")
    output = segmenter.model(
        pixel_values=inputs["pixel_values"], input_boxes=inputs["input_boxes"].float(), multimask_output=False
    )
    sizes = [inputs[name] for name in ("original_sizes", "reshaped_input_sizes") if name in inputs]
    (theirs,) = segmenter.processor.post_process_masks(output.pred_masks, *sizes)
    found = segmenter.segment(picture, BOXES)
    assert found.masks.shape == (3, 60, 100) and found.masks.dtype == torch.bool
    # At the borders of a mask logits are 0, and rounding decides.
    assert (found.masks != theirs[:, 0]).float().mean() < 1e-3
    assert 0.01 < found.masks.float().mean() < 0.99
    assert torch.allclose(found.scores, output.iou_scores[0, :, 0], atol=1e-4)
    assert len({mask.sum().item() for mask in found.masks}) == 3


def test_boxes_go_in_batches(segmenter: Any, tiny: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    together = segmenter.segment(tiny.photo(60, 100), BOXES)
    monkeypatch.setattr(sam, "BATCH", 2)
    apart = segmenter.segment(tiny.photo(60, 100), BOXES)
    assert (together.masks != apart.masks).float().mean() < 1e-3
    assert torch.allclose(together.scores, apart.scores, atol=1e-4)


def test_no_box_gives_no_mask(segmenter: Any, tiny: ModuleType) -> None:
    found = segmenter.segment(tiny.photo(60, 100), torch.zeros(0, 4))
    assert found.masks.shape == (0, 60, 100) and found.scores.shape == (0,)


def test_alpha_plays_no_part(segmenter: Any, tiny: ModuleType) -> None:
    seen_through = tiny.photo(60, 100)
    seen_through.putalpha(Image.linear_gradient("L").resize((100, 60)))
    plain, other = (segmenter.segment(picture, BOXES) for picture in (tiny.photo(60, 100), seen_through))
    assert torch.equal(plain.masks, other.masks)


def test_a_box_that_is_none(segmenter: Any, tiny: ModuleType) -> None:
    with pytest.raises(InputError, match=r"boxes\[0\] is \(5, 5, 5, 9\)"):
        segmenter.segment(tiny.photo(60, 100), torch.tensor([[5.0, 5, 5, 9]]))
