"""Shapes by configuration files alone."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from transformers import CLIPVisionConfig

from gencontrol.errors import CheckpointError, PairingError
from gencontrol.models.location import Location
from gencontrol.pipelines.hosts.host import read_saved
from gencontrol.pipelines.hosts.image_variation import IMAGE_VARIATION
from gencontrol.pipelines.shapes import check_denoiser, check_encoders, compare, own_encoder, vision_config

KEYS = ("projection_dim", "hidden_size", "num_hidden_layers", "patch_size", "image_size", "hidden_act")


def test_both_layouts_give_the_same_configuration(tiny: ModuleType, tiny_folder: Path) -> None:
    whole = vision_config(Location(name=str(tiny_folder / "clip")), "config.json")
    tower = vision_config(Location(name=str(tiny_folder)), "image_encoder/config.json")
    own = own_encoder(IMAGE_VARIATION, Location(name=str(tiny_folder)))
    expected = tiny.vision_tower().config
    for key in KEYS:
        assert getattr(whole, key) == getattr(tower, key) == getattr(own, key) == getattr(expected, key)


def test_the_outer_width_is_the_projections(tmp_path: Path) -> None:
    inner = {"projection_dim": 8, "hidden_size": 48}
    config = {"model_type": "clip", "vision_config": inner}
    (tmp_path / "config.json").write_text(json.dumps(config | {"projection_dim": 24}))
    made = vision_config(Location(name=str(tmp_path)), "config.json")
    assert (made.projection_dim, made.hidden_size) == (24, 48)
    # transformers' own default, where a file leaves it out.
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert vision_config(Location(name=str(tmp_path)), "config.json").projection_dim == 512


def test_no_clip_there(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"has no config\.json: expected a saved CLIP there\. It is no saved"):
        vision_config(Location(name=str(tmp_path), local_files_only=True), "config.json")
    with pytest.raises(CheckpointError, match=r"^a/b has no config\.json in this machine's cache: .* CLIP there\.$"):
        vision_config(Location(name="a/b", local_files_only=True), "config.json")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "clip_text_model"}))
    with pytest.raises(CheckpointError, match="describes a 'clip_text_model'; expected a CLIP with a vision tower"):
        vision_config(Location(name=str(tmp_path)), "config.json")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"config\.json names no model_type; expected a CLIP with a vision tower"):
        vision_config(Location(name=str(tmp_path)), "config.json")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("projection_dim", 40),
        ("hidden_size", 48),
        ("num_hidden_layers", 3),
        ("patch_size", 8),
        ("image_size", 96),
        ("hidden_act", "gelu"),
    ],
)
def test_what_two_towers_have_to_share(tiny: ModuleType, key: str, value: Any) -> None:
    own = tiny.vision_tower().config
    other = CLIPVisionConfig(**own.to_dict() | {key: value})
    with pytest.raises(PairingError, match=rf"but the host was trained with .*\({key} is {value}, not "):
        check_encoders(own, other, host="the host")


def test_what_they_need_not_share(tiny: ModuleType) -> None:
    own = tiny.vision_tower().config
    check_encoders(own, CLIPVisionConfig(**own.to_dict() | {"num_channels": 4, "attention_dropout": 0.1}), host="it")


def test_check_denoiser(tiny: ModuleType) -> None:
    vision = tiny.vision_tower().config
    check_denoiser(None, vision, name="it")
    check_denoiser(24, vision, name="it")
    with pytest.raises(PairingError, match=r"^it: the denoiser takes embeddings of width 25, but its encoder, .* 24\."):
        check_denoiser(25, vision, name="it")


def test_compare(tiny_folder: Path) -> None:
    saved = read_saved(Location(name=str(tiny_folder)))
    host = IMAGE_VARIATION.hosts[1]
    assert compare(IMAGE_VARIATION, saved) is host
    assert compare(IMAGE_VARIATION, saved, Location(name=str(tiny_folder), subfolder="alpha_clip")) is host
    with pytest.raises(CheckpointError, match=r"has no config\.json"):
        compare(IMAGE_VARIATION, saved, Location(name=str(tiny_folder)))
