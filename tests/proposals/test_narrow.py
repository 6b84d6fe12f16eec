"""Pictures too narrow for models that keep proportions."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from gencontrol.errors import InputError
from gencontrol.proposals.narrow import check_proportions, is_narrow
from gencontrol.proposals.opening import open_grounder
from gencontrol.proposals.segmenter_opening import open_segmenter

SAID = r"The picture is 6000 x 16 \(width x height\), and models .* more than 100 times as long as it is wide: cut out"


def test_how_narrow() -> None:
    assert is_narrow((1601, 16)) and is_narrow((16, 1601)) and not is_narrow((1600, 16)) and not is_narrow((16, 1600))
    check_proportions((10, 1000))
    with pytest.raises(InputError, match=SAID):
        check_proportions((16, 6000))


@pytest.mark.parametrize("kind", ["owl", "dino", "mm", "glip"])
def test_grounders_say_so(grounder_folder: Callable[[str], Path], kind: str) -> None:
    grounder = open_grounder(str(grounder_folder(kind)))
    with pytest.raises(InputError, match=SAID):
        grounder.ground(Image.new("RGB", (6000, 16)), ["a cat"])
    assert grounder.ground(Image.new("RGB", (16, 1600)), ["a cat"], threshold=0.0, most=1).size == (1600, 16)


@pytest.mark.parametrize("kind", ["sam", "sam_hq", "sam2"])
def test_segmenters_say_so(segmenter_folder: Callable[[str], Path], kind: str) -> None:
    segmenter = open_segmenter(str(segmenter_folder(kind)))
    with pytest.raises(InputError, match=SAID):
        segmenter.segment(Image.new("RGB", (6000, 16)), torch.tensor([[10.0, 2, 3000, 12]]))
    found = segmenter.segment(Image.new("RGB", (1600, 16)), torch.tensor([[10.0, 2, 900, 12]]))
    assert found.masks.shape == (1, 16, 1600)
