"""Opening a host without knowing its class."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from gencontrol.errors import CheckpointError, PairingError
from gencontrol.pipelines import StableDiffusionImageVariationPipeline, StableUnCLIPImg2ImgPipeline, open_pipeline


def test_open_pipeline_finds_the_class(tiny_folder: Path, unclip_folder: Path) -> None:
    assert type(open_pipeline(tiny_folder)) is StableDiffusionImageVariationPipeline
    assert type(open_pipeline(str(unclip_folder), dtype=torch.float32)) is StableUnCLIPImg2ImgPipeline


def test_arguments_are_passed_on(tiny_folder: Path) -> None:
    pipeline = open_pipeline(tiny_folder, alpha_clip=None, dtype=torch.bfloat16)
    assert not pipeline.encoder.has_alpha and pipeline.unet.dtype == torch.bfloat16


def test_what_is_no_host(tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"has no model_index\.json"):
        open_pipeline(tiny_folder / "clip")
    other = shutil.copytree(tiny_folder, tmp_path / "other")
    index = json.loads((other / "model_index.json").read_text())
    (other / "model_index.json").write_text(json.dumps(index | {"_class_name": "FluxPipeline"}))
    with pytest.raises(PairingError, match="is a FluxPipeline, which takes no image embedding here"):
        open_pipeline(other)
