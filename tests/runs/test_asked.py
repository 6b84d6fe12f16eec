"""What a host says before it is opened."""

import shutil
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import pytest

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import CheckpointError, PairingError
from gencontrol.models.location import Location
from gencontrol.pipelines.hosts.registry import HOSTS
from gencontrol.runs.asked import ask_host, with_default_focus
from gencontrol.runs.settings import VariationSettings

PLAIN = Path(str(files("gencontrol.models"))) / "tiny" / "clip"
BOTH = [{"name": "zoom", "margin": 0.1}, {"name": "zoom", "margin": 0.7}]


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


def test_an_encoders_own_look_is_written_out_where_none_is_asked_for() -> None:
    asked = ask_host("tiny", None, revision=None, offline=True)
    assert asked.default_focus == BOTH
    settings = VariationSettings(images=("photo.png",))
    assert with_default_focus(settings, asked).focus == "zoom:margin=0.1+zoom:margin=0.7"
    one = replace(asked, default_focus={"name": "zoom", "outside": "blank"})
    assert with_default_focus(settings, one).focus == "zoom:outside=blank"
    assert with_default_focus(replace(settings, focus="alpha"), asked).focus == "alpha"
    assert with_default_focus(replace(settings, embeds_in="rows.safetensors"), asked).focus is None
    assert with_default_focus(settings, replace(asked, default_focus=None)).focus is None
    assert ask_host("tiny", str(PLAIN), revision=None, offline=True).default_focus is None


def test_the_embedded_models_look_is_its_encoders_too() -> None:
    assert AlphaCLIP.from_pretrained("tiny").default_focus == BOTH


def test_networks_without_weights_are_refused_before_others_are_loaded(tiny_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_folder, tmp_path / "model")
    (tmp_path / "model" / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"the component vae has no weights: .*Fetch the whole model\."):
        ask_host(str(tmp_path / "model"), None, revision=None, offline=True)


def test_a_host_needs_no_encoder_of_its_own_beside_another(tiny_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_folder, tmp_path / "model")
    (tmp_path / "model" / "image_encoder" / "model.safetensors").unlink()
    ask_host(str(tmp_path / "model"), str(tiny_folder / "alpha_clip"), revision=None, offline=True)
    shutil.rmtree(tmp_path / "model" / "alpha_clip")
    with pytest.raises(CheckpointError, match="the component image_encoder has no weights"):
        ask_host(str(tmp_path / "model"), None, revision=None, offline=True)
