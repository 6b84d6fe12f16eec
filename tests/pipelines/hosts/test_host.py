"""What a host is, and how a saved pipeline is read."""

import json
from pathlib import Path

import pytest
from transformers import CLIPVisionConfig

from gencontrol.errors import CheckpointError
from gencontrol.models.location import Location
from gencontrol.pipelines.hosts.host import SavedPipeline, read_saved
from gencontrol.pipelines.hosts.image_variation import IMAGE_VARIATION
from gencontrol.pipelines.hosts.stable_unclip import STABLE_UNCLIP


def test_an_unknown_encoder_gets_a_record_of_its_own() -> None:
    host = STABLE_UNCLIP.host_of(CLIPVisionConfig(image_size=96, patch_size=16, projection_dim=40))
    assert (host.embed_dim, host.geometry.size, host.enters) == (40, 96, "class_labels")
    assert host.checkpoint is None and host.geometry.antialias
    assert host.name.startswith("stable-unclip-small (") and host.encoder in host.name and host.licence == "unknown"
    assert (host.pipeline, host.guidance_scale) == (STABLE_UNCLIP.pipeline, 10.0)
    # Lambda's peculiar resizing is its checkpoint's alone.
    other = IMAGE_VARIATION.host_of(CLIPVisionConfig(image_size=96, patch_size=16, projection_dim=40))
    assert other.geometry.antialias and other.pipeline == "StableDiffusionImageVariationPipeline"


def test_a_known_width_is_no_sign_of_a_known_host() -> None:
    """An encoder of a published host's size, and of another architecture, is another encoder."""
    config = CLIPVisionConfig(image_size=224, patch_size=16, hidden_size=192, projection_dim=768)
    assert IMAGE_VARIATION.host_of(config).checkpoint is None


def test_read_saved(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "SomePipeline", "unet": ["a", "B"]}))
    saved = read_saved(Location(name=str(tmp_path)))
    assert saved.class_name == "SomePipeline" and saved.index["unet"] == ["a", "B"]
    assert saved.location.name == str(tmp_path)
    assert SavedPipeline(location=saved.location, index={}).class_name == ""


def test_read_saved_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"has no model_index\.json: expected a pipeline saved by diffusers"):
        read_saved(Location(name=str(tmp_path), local_files_only=True))
    with pytest.raises(CheckpointError, match=r"^a/b has no model_index\.json in this machine's cache: expected"):
        read_saved(Location(name="a/b", local_files_only=True))
    with pytest.raises(CheckpointError, match=r"^tinny has no .* in this machine's cache \(did you mean 'tiny'\?\): "):
        read_saved(Location(name="tinny", local_files_only=True))
