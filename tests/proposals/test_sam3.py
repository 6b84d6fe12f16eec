"""SAM 3 as a grounder: boxes and masks are the model's own, and phrases are looked for one by one."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.proposals import Grounder
from gencontrol.proposals.defaults import SAM3_THRESHOLD
from gencontrol.proposals.opening import open_grounder
from gencontrol.proposals.sam3 import Sam3Grounder


@pytest.fixture(scope="module")
def grounder(grounder_folder: Callable[[str], Path]) -> Any:
    return open_grounder(str(grounder_folder("sam3")))


@torch.no_grad()
def test_boxes_masks_and_scores_are_the_models_own(grounder: Any, tiny: ModuleType) -> None:
    assert isinstance(grounder, Sam3Grounder) and isinstance(grounder, Grounder)
    picture = tiny.photo(60, 100)
    inputs = grounder.processor(images=picture, return_tensors="pt")
    text = grounder.processor.tokenizer("a red cup", padding="max_length", max_length=8, return_tensors="pt")
    output = grounder.model(
        pixel_values=inputs["pixel_values"], **{k: text[k] for k in ("input_ids", "attention_mask")}
    )
    image_processor = grounder.processor.image_processor
    (theirs,) = image_processor.post_process_instance_segmentation(output, threshold=0.0, target_sizes=[(60, 100)])
    found = grounder.ground(picture, ["a red cup"], threshold=0.0)
    assert found.masks is not None and found.masks.shape == (len(found.boxes), 60, 100) and len(found.boxes) > 1
    best = int(theirs["scores"].argmax())
    clipped = theirs["boxes"][best].clamp(min=0).minimum(torch.tensor([100.0, 60, 100, 60]))
    torch.testing.assert_close(found.boxes[0], clipped, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(found.scores[0], theirs["scores"][best], atol=1e-5, rtol=1e-4)
    assert (found.masks[0] != theirs["masks"][best].bool()).float().mean() < 1e-3
    assert 0.0 < float(found.masks.float().mean()) < 1.0


def test_each_phrase_has_its_own_look(grounder: Any, tiny: ModuleType) -> None:
    both = grounder.ground(tiny.photo(60, 100), ["a red cup", "the dog"], threshold=0.0, most=100)
    assert set(both.phrases) == {"a red cup", "the dog"}
    alone = grounder.ground(tiny.photo(60, 100), ["the dog"], threshold=0.0, most=100)
    places = [place for place, phrase in enumerate(both.phrases) if phrase == "the dog"]
    torch.testing.assert_close(both.scores[places], alone.scores, atol=1e-5, rtol=1e-4)
    few = grounder.ground(tiny.photo(60, 100), ["a red cup", "the dog"], threshold=0.0, most=2)
    assert len(few.boxes) == 2 and few.masks is not None and len(few.masks) == 2
    nothing = grounder.ground(tiny.photo(60, 100), ["the dog"], threshold=1.0)
    assert nothing.masks is not None and nothing.masks.shape == (0, 60, 100) and SAM3_THRESHOLD == 0.3


def test_a_phrase_that_is_too_long(grounder: Any, tiny: ModuleType) -> None:
    with pytest.raises(InputError, match="'dog dog dog dog dog dog dog' has 9 tokens, and SAM 3 reads 8"):
        grounder.ground(tiny.photo(), [" ".join(["dog"] * 7)])
