"""What a host says before it is opened."""

from pathlib import Path
from types import ModuleType

import pytest

from gencontrol.errors import CheckpointError, PairingError
from gencontrol.models.location import Location
from gencontrol.pipelines.hosts.registry import HOSTS
from gencontrol.runs.asked import ask_host


def test_a_folder_with_its_encoder(tiny_folder: Path, tiny: ModuleType) -> None:
    asked = ask_host(str(tiny_folder), None, revision=None, offline=True)
    assert asked.model == Location(name=str(tiny_folder), local_files_only=True)
    assert asked.encoder == Location(name=str(tiny_folder / "alpha_clip"), local_files_only=True)
    vision = tiny.clip_config(channels=4).vision_config
    assert (asked.host, asked.image_size, asked.embed_dim) == (HOSTS["tiny"], vision.image_size, vision.projection_dim)
    assert asked.sampler["beta_end"] == tiny.scheduler().config.beta_end


def test_another_encoder_takes_the_place_of_its_own(tiny_folder: Path) -> None:
    other = str(tiny_folder / "alpha_clip")
    asked = ask_host(str(tiny_folder), other, revision=None, offline=False)
    assert asked.encoder is not None and asked.encoder.name == other


def test_what_is_no_host_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises((CheckpointError, PairingError)):
        ask_host(str(tiny_folder / "alpha_clip"), None, revision=None, offline=True)
    with pytest.raises(CheckpointError):
        ask_host(str(tmp_path), None, revision=None, offline=True)
