"""Segmenters by name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gencontrol.errors import CheckpointError
from gencontrol.proposals.grabcut import GrabCutSegmenter
from gencontrol.proposals.sam import SamSegmenter
from gencontrol.proposals.segmenter import BoxSegmenter
from gencontrol.proposals.segmenter_opening import open_segmenter

Folder = Callable[[str], Path]


def test_those_without_weights() -> None:
    assert isinstance(open_segmenter(), GrabCutSegmenter) and isinstance(open_segmenter("box"), BoxSegmenter)


@pytest.mark.parametrize(
    ("kind", "model"),
    [("sam", "SamModel"), ("sam_hq", "SamHQModel"), ("sam2", "Sam2Model"), ("sam2_video", "Sam2Model")],
)
def test_a_folder_says_what_it_is(kind: str, model: str, segmenter_folder: Folder) -> None:
    opened: Any = open_segmenter(str(segmenter_folder(kind)), dtype=torch.float64)
    assert type(opened) is SamSegmenter and type(opened.model).__name__ == model
    assert next(opened.model.parameters()).dtype == torch.float64 and not opened.model.training


def test_what_is_no_segmenter(tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(
        CheckpointError,
        match=r"type 'clip', and no segmenter; expected sam, sam_hq, sam2, sam2_video, sam3_tracker, "
        r"sam3_video\.",
    ):
        open_segmenter(str(tiny_folder / "clip"))
    with pytest.raises(CheckpointError, match=r"there is no config\.json\. Expected grabcut, box, or a folder"):
        open_segmenter(str(tmp_path))
    with pytest.raises(CheckpointError, match=r"No segmenter at 'nobody/nothing': .* in this machine's cache"):
        open_segmenter("nobody/nothing", local_files_only=True)


def test_a_folder_without_its_processor(segmenter_folder: Folder, tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((segmenter_folder("sam") / name).read_bytes())
    with pytest.raises(CheckpointError, match="does not say how pictures are prepared"):
        open_segmenter(str(tmp_path))
