"""Hosts and encoders are compared by configuration files alone: the folders here hold no weights."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import CheckpointError, PairingError
from gencontrol.models.location import Location
from gencontrol.pipelines import StableDiffusionImageVariationPipeline
from gencontrol.pipelines.hosts.registry import HOSTS, REGISTRY
from gencontrol.pipelines.pairing import check_pairing


@pytest.fixture
def bare(tiny_folder: Path, tmp_path: Path) -> Path:
    """The tiny folder without any weights."""
    return without_weights(tiny_folder, tmp_path / "bare")


def without_weights(source: Path, target: Path) -> Path:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.safetensors"))
    return target


def change(file: Path, **values: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def pair(host: Path, encoder: Path | None = None) -> Any:
    return check_pairing(Location(name=str(host)), Location(name=str(encoder)) if encoder else None)


def test_a_pair_that_fits_gives_the_host(bare: Path) -> None:
    assert pair(bare) is HOSTS["tiny"]
    # Three channels in `clip`, four in `alpha_clip`: the number may differ.
    assert pair(bare, bare / "clip") is pair(bare, bare / "alpha_clip") is HOSTS["tiny"]


def test_an_encoder_in_memory(bare: Path, tiny_folder: Path) -> None:
    encoder = AlphaCLIP.from_pretrained(tiny_folder / "alpha_clip")
    assert check_pairing(Location(name=str(bare)), encoder) is HOSTS["tiny"]


@pytest.mark.parametrize(
    ("key", "value"), [("hidden_size", 48), ("num_hidden_layers", 3), ("image_size", 96), ("hidden_act", "gelu")]
)
def test_an_encoder_of_another_shape(bare: Path, tmp_path: Path, key: str, value: Any) -> None:
    config = bare / "alpha_clip" / "config.json"
    vision = json.loads(config.read_text())["vision_config"]
    change(config, vision_config=vision | {key: value})
    with pytest.raises(PairingError, match=rf"was trained with .*{key} is {value}, not .* Choose an encoder of that"):
        pair(bare, bare / "alpha_clip")


def test_an_encoder_of_another_width(bare: Path) -> None:
    change(bare / "alpha_clip" / "config.json", projection_dim=40)
    with pytest.raises(PairingError, match="projection_dim is 40, not 24"):
        pair(bare, bare / "alpha_clip")


def test_a_published_mismatch_is_named(bare: Path) -> None:
    for folder, size in (("image_encoder", 224), ("alpha_clip", 336)):
        shape = {"hidden_size": 1024, "num_hidden_layers": 24, "patch_size": 14, "image_size": size}
        config = bare / folder / "config.json"
        inner = json.loads(config.read_text()).get("vision_config", {})
        change(config, **shape, vision_config=inner | shape)
    with pytest.raises(
        PairingError, match=r"is a ViT-L/14@336, but .* was trained with a ViT-L/14 \(image_size is 336"
    ):
        pair(bare, bare / "alpha_clip")


def test_from_pretrained_refuses_before_it_loads_a_weight(bare: Path) -> None:
    change(bare / "alpha_clip" / "config.json", projection_dim=40)
    with pytest.raises(PairingError, match="projection_dim is 40, not 24"):
        StableDiffusionImageVariationPipeline.from_pretrained(bare, alpha_clip=bare / "alpha_clip")


def test_a_denoiser_of_another_width(bare: Path) -> None:
    change(bare / "unet" / "config.json", cross_attention_dim=40)
    with pytest.raises(PairingError, match=r"takes embeddings of width 40, but its encoder, .*, gives 24"):
        pair(bare)


def test_a_class_label_denoiser_of_another_width(unclip_folder: Path, tmp_path: Path) -> None:
    bare = without_weights(unclip_folder, tmp_path / "unclip")
    assert pair(bare).enters == "class_labels"
    change(bare / "unet" / "config.json", projection_class_embeddings_input_dim=96)
    with pytest.raises(PairingError, match="takes embeddings of width 48"):
        pair(bare)


def test_another_kind_of_pipeline(bare: Path) -> None:
    change(bare / "model_index.json", _class_name="StableDiffusionPipeline")
    with pytest.raises(
        PairingError, match="is a StableDiffusionPipeline, which takes no image embedding here; expected one of Stable"
    ):
        pair(bare)


def test_nothing_there(bare: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"has no model_index\.json: expected a pipeline saved by diffusers"):
        pair(bare / "clip")
    with pytest.raises(CheckpointError, match=r"nothing has no model_index\.json in this machine's cache"):
        check_pairing(Location(name="nobody/nothing", local_files_only=True))
    with pytest.raises(CheckpointError, match=r"has no config.json: expected a saved CLIP there. It is no saved model"):
        pair(bare, tmp_path)
    with pytest.raises(
        CheckpointError, match="It is a diffusers pipeline, with encoders in its subfolders: alpha_clip"
    ):
        pair(bare, bare)


def test_broken_json(bare: Path) -> None:
    (bare / "model_index.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"model_index\.json is not valid JSON"):
        pair(bare)
    (bare / "model_index.json").write_text("[]")
    with pytest.raises(CheckpointError, match=r"model_index\.json: expected a mapping of settings, got list"):
        pair(bare)


def test_a_misspelt_preset_is_told_apart_from_a_hub_id() -> None:
    with pytest.raises(CheckpointError, match=r"tinny has no .* in this machine's cache \(did you mean 'tiny'\?\)"):
        check_pairing(Location(name="tinny", local_files_only=True))


def test_a_text_tower_is_no_encoder(bare: Path) -> None:
    change(bare / "clip" / "config.json", model_type="clip_text_model")
    with pytest.raises(CheckpointError, match="describes a 'clip_text_model'; expected a CLIP with a vision tower"):
        pair(bare, bare / "clip")


def test_a_published_file_is_compared_by_its_keys(bare: Path, tmp_path: Path) -> None:
    torch.save({"module.proj": torch.zeros(32, 40)}, tmp_path / "clip_tiny.pth")
    with pytest.raises(CheckpointError, match=r"clip_tiny\.pth.*proj \(32, 40\) instead of \(32, 24\)"):
        check_pairing(Location(name=str(bare)), Location(name=str(tmp_path / "clip_tiny.pth")))


def test_only_hosts_of_the_registry_count(bare: Path) -> None:
    assert check_pairing(Location(name=str(bare)), registry=REGISTRY[:1]) is HOSTS["tiny"]
    with pytest.raises(PairingError, match=r"expected one of StableUnCLIPImg2ImgPipeline\.$"):
        check_pairing(Location(name=str(bare)), registry=REGISTRY[1:])
