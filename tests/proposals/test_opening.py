"""Grounders by name."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Sam3Processor

from gencontrol.errors import CheckpointError
from gencontrol.models.location import Location
from gencontrol.proposals.detectors import DinoGrounder, OwlGrounder
from gencontrol.proposals.florence import FlorenceGrounder
from gencontrol.proposals.glip import opening
from gencontrol.proposals.glip.grounder import GlipGrounder
from gencontrol.proposals.opening import open_grounder, open_processor
from gencontrol.proposals.sam3 import Sam3Grounder

Folder = Callable[[str], Path]


@pytest.mark.parametrize(
    ("kind", "grounder", "model"),
    [
        ("glip", GlipGrounder, "Glip"),
        ("dino", DinoGrounder, "GroundingDinoForObjectDetection"),
        ("mm", DinoGrounder, "MMGroundingDinoForObjectDetection"),
        ("owl", OwlGrounder, "Owlv2ForObjectDetection"),
        ("florence", FlorenceGrounder, "Florence2ForConditionalGeneration"),
        ("sam3", Sam3Grounder, "Sam3Model"),
        ("sam3_video", Sam3Grounder, "Sam3Model"),
    ],
)
def test_a_folder_says_what_it_is(kind: str, grounder: type, model: str, grounder_folder: Folder) -> None:
    opened: Any = open_grounder(str(grounder_folder(kind)), dtype=torch.float64)
    assert type(opened) is grounder and type(opened.model).__name__ == model
    assert next(opened.model.parameters()).dtype == torch.float64 and not opened.model.training


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kind", ["glip", "dino", "mm", "owl"])
def test_half_precision(kind: str, dtype: torch.dtype, grounder_folder: Folder, tiny: ModuleType) -> None:
    folder = str(grounder_folder(kind))
    half, whole = (
        open_grounder(folder, dtype=d).ground(tiny.photo(60, 100), ["a red cat", "cup"], threshold=0.0)
        for d in (dtype, torch.float32)
    )
    assert half.scores.dtype == half.boxes.dtype == torch.float32
    # Random detectors may choose other places then; the best one is as good.
    assert torch.allclose(half.scores[:1], whole.scores[:1], atol=0.05)


def test_a_published_file_reads_with_bert(
    grounder_folder: Folder, detectors: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: ModuleType
) -> None:
    """The narrow model's weights, which the file's names are not asked for: what is tested is the way to a grounder."""
    (tmp_path / "glip.pth").write_bytes(b"")
    model = detectors.glip()
    monkeypatch.setattr("gencontrol.proposals.opening.open_glip_file", lambda path, dtype: model)
    words = grounder_folder("glip") / opening.TOKENIZER
    opened = open_grounder(str(tmp_path / "glip.pth"), tokenizer=str(words))
    assert isinstance(opened, GlipGrounder) and len(opened.ground(tiny.photo(), ["cat"], threshold=0.0).boxes)


def test_what_is_no_grounder(tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"type 'clip', and no grounder; expected one of glip, grounding-dino, mm"
    ):
        open_grounder(str(tiny_folder / "clip"))
    with pytest.raises(CheckpointError, match="No file at"):
        open_grounder(str(tmp_path / "none.pth"))
    with pytest.raises(CheckpointError, match="No model at"):
        open_grounder(str(tmp_path / "none"))
    with pytest.raises(
        CheckpointError, match=r"config\.json\. Expected a folder or hub id, such as IDEA-Research/ground"
    ):
        open_grounder(str(tmp_path))
    with pytest.raises(CheckpointError, match=r"No grounder at 'nobody/nothing': there is no config\.json in this"):
        open_grounder("nobody/nothing", local_files_only=True)
    with pytest.raises(CheckpointError, match=r"^tiny is a preset of image variation, and another kind of model is"):
        open_grounder("tiny")
    with pytest.raises(CheckpointError) as caught:
        open_grounder("tinny", local_files_only=True)
    assert "did you mean" not in str(caught.value) and "known are" not in str(caught.value)


def test_parts_that_are_missing(grounder_folder: Folder, tmp_path: Path) -> None:
    folder = tmp_path / "owl"
    shutil.copytree(grounder_folder("owl"), folder)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match="has no tokenizer: a grounder needs one to read phrases"):
        open_grounder(str(folder))
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(CheckpointError, match="does not say how pictures are prepared"):
        open_grounder(str(folder))


def test_no_weight_is_left_to_chance(grounder_folder: Folder, tmp_path: Path) -> None:
    folder = tmp_path / "owl"
    shutil.copytree(grounder_folder("owl"), folder)
    weights = load_file(folder / "model.safetensors")
    gone = next(iter(name for name in weights if "class_head" in name))
    del weights[gone]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=f"1 missing: {gone}"):
        open_grounder(str(folder))
    (folder / "config.json").write_text(json.dumps({"model_type": "owlv2", "projection_dim": 1}))
    with pytest.raises(CheckpointError, match="owl"):
        open_grounder(str(folder))


def test_a_folder_that_does_not_say_how_texts_are_prepared(grounder_folder: Folder, tmp_path: Path) -> None:
    shutil.copytree(grounder_folder("sam3"), tmp_path / "sam3")
    for file in ("tokenizer.json", "tokenizer_config.json", "processor_config.json"):
        (tmp_path / "sam3" / file).unlink(missing_ok=True)
    with pytest.raises(CheckpointError, match="sam3 does not say how pictures and texts are prepared"):
        open_grounder(str(tmp_path / "sam3"))
    with pytest.raises(CheckpointError, match="does not say how"):
        open_processor(Sam3Processor, Location(name=str(tmp_path), names=()))
