"""The host records, and which record a pipeline gets."""

import diffusers
import pytest
from transformers import CLIPVisionConfig

import gencontrol.pipelines
from gencontrol.alpha_clip.architectures import ARCHITECTURES, vision_config
from gencontrol.pipelines.hosts.registry import HOSTS, host_of, is_host


@pytest.mark.parametrize("name", HOSTS)
def test_records_name_classes_that_exist_here_and_there(name: str) -> None:
    host = HOSTS[name]
    ours, stock = getattr(gencontrol.pipelines, host.pipeline), getattr(diffusers, host.pipeline)
    assert issubclass(ours, stock) and ours.__name__ == stock.__name__
    assert is_host(host.pipeline)


@pytest.mark.parametrize("name", ["sd-image-variation", "stable-unclip-small", "stable-unclip-large"])
def test_records_agree_with_their_encoders(name: str) -> None:
    host, shape = HOSTS[name], ARCHITECTURES[HOSTS[name].encoder]
    assert (host.embed_dim, host.geometry.size) == (shape.embed, shape.image)


def test_what_the_published_hosts_were_trained_with() -> None:
    assert HOSTS["sd-image-variation"].encoder == HOSTS["stable-unclip-small"].encoder == "ViT-L/14"
    assert HOSTS["stable-unclip-large"].encoder == "ViT-H/14"
    # lambda's model card: resized without antialiasing.
    assert [name for name, host in HOSTS.items() if not host.geometry.antialias] == ["sd-image-variation"]
    assert HOSTS["tiny"].geometry.size == 64


@pytest.mark.parametrize("name", ["sd-image-variation", "stable-unclip-small", "stable-unclip-large"])
@pytest.mark.parametrize("channels", [3, 4])
def test_a_published_pipeline_gets_its_record(name: str, channels: int) -> None:
    host = HOSTS[name]
    assert host_of(host.pipeline, vision_config(host.encoder, channels=channels)) is host


def test_a_64_px_image_variation_is_tiny() -> None:
    config = CLIPVisionConfig(image_size=64, patch_size=8, hidden_size=192)
    assert host_of("StableDiffusionImageVariationPipeline", config) is HOSTS["tiny"]


def test_an_unknown_encoder_gets_a_record_of_its_own() -> None:
    host = host_of("StableUnCLIPImg2ImgPipeline", CLIPVisionConfig(image_size=96, patch_size=16, projection_dim=40))
    assert (host.embed_dim, host.geometry.size, host.enters) == (40, 96, "class_labels")
    assert host.checkpoint is None and host.geometry.antialias


def test_other_pipelines_are_no_hosts() -> None:
    assert not is_host("StableDiffusionPipeline")
