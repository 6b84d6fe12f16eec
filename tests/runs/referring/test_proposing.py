"""A grounder and a segmenter are opened once, and propose candidates."""

from collections.abc import Callable
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import torch

from gencontrol.errors import CheckpointError, InputError
from gencontrol.images.picture import Picture
from gencontrol.runs.referring.phrase_settings import ProposalSettings
from gencontrol.runs.referring.proposing import Proposer, open_proposer


def _owl(folder: Path) -> Path:
    spec = spec_from_file_location("detectors", Path(__file__).parents[2] / "proposals" / "_detectors.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.save_owl(folder)


def test_candidates_are_as_many_as_are_asked_for(tmp_path: Path) -> None:
    settings = ProposalSettings(segmenter="box", score=0.0, most=3)
    opened: Proposer = open_proposer(settings, str(_owl(tmp_path / "owl")), device="cpu", offline=True)
    assert isinstance(opened, Callable)
    picture = Picture(rgb=torch.rand(3, 40, 60))
    scene = opened(picture, "the red cup")
    assert 1 <= len(scene.regions) <= 3 and scene.picture is picture
    assert {region.label for region in scene.regions} == {"red cup"}
    opened = open_proposer(replace(settings, score=1.0), str(tmp_path / "owl"), device="cpu", offline=True)
    # Where these settings are said, `threshold` is another one.
    with pytest.raises(InputError, match=r"Nothing is found for red cup: lower `score`, or say it otherwise"):
        opened(picture, "the red cup")
    with pytest.raises(CheckpointError, match="nowhere"):
        open_proposer(settings, str(tmp_path / "nowhere"), device="cpu", offline=True)
