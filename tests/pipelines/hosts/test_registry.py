"""Who is asked whether a saved pipeline is a host, and what reading that costs."""

import subprocess
import sys
from pathlib import Path

import diffusers
import pytest
from transformers import CLIPVisionConfig

import gencontrol.pipelines
from gencontrol.alpha_clip.architectures import ARCHITECTURES, vision_config
from gencontrol.errors import PairingError
from gencontrol.models.location import Location
from gencontrol.pipelines.hosts.host import SavedPipeline
from gencontrol.pipelines.hosts.registry import HOSTS, REGISTRY, host_of, hosts_in, is_host, recognise

PUBLISHED = ["sd-image-variation", "stable-unclip-small", "stable-unclip-large"]


@pytest.mark.parametrize("name", HOSTS)
def test_records_name_classes_that_exist_here_and_there(name: str) -> None:
    host = HOSTS[name]
    ours, stock = getattr(gencontrol.pipelines, host.pipeline), getattr(diffusers, host.pipeline)
    assert issubclass(ours, stock) and ours.__name__ == stock.__name__
    assert is_host(host.pipeline)


def test_each_line_names_the_class_of_its_family() -> None:
    for entry in REGISTRY:
        found = entry.pipeline_class()
        assert found is getattr(gencontrol.pipelines, entry.family.pipeline)
        assert found.family is entry.family
        assert {host.pipeline for host in entry.family.hosts} == {entry.family.pipeline}


@pytest.mark.parametrize("name", PUBLISHED)
def test_records_agree_with_their_encoders(name: str) -> None:
    host, shape = HOSTS[name], ARCHITECTURES[HOSTS[name].encoder]
    assert (host.embed_dim, host.geometry.size) == (shape.embed, shape.image)


def test_names_are_told_apart() -> None:
    assert list(HOSTS) == [host.name for entry in REGISTRY for host in entry.family.hosts]
    assert dict(hosts_in(REGISTRY[:1])) == {host.name: host for host in REGISTRY[0].family.hosts}
    with pytest.raises(TypeError):
        HOSTS["another"] = HOSTS["tiny"]  # type: ignore[index]


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("channels", [3, 4])
def test_a_published_pipeline_gets_its_record(name: str, channels: int) -> None:
    host = HOSTS[name]
    assert host_of(host.pipeline, vision_config(host.encoder, channels=channels)) is host


def test_a_64_px_image_variation_is_tiny() -> None:
    config = CLIPVisionConfig(image_size=64, patch_size=8, hidden_size=192)
    assert host_of("StableDiffusionImageVariationPipeline", config) is HOSTS["tiny"]


def test_other_pipelines_are_no_hosts() -> None:
    assert not is_host("StableDiffusionPipeline")


def test_each_is_asked_for_its_own() -> None:
    for entry in REGISTRY:
        saved = SavedPipeline(location=Location(name="here"), index={"_class_name": entry.family.pipeline})
        assert recognise(saved) is entry
    with pytest.raises(
        PairingError,
        match=r"^here is a FluxPipeline, which takes no image embedding here; expected one of "
        r"StableDiffusionImageVariationPipeline, StableUnCLIPImg2ImgPipeline\.$",
    ):
        recognise(SavedPipeline(location=Location(name="here"), index={"_class_name": "FluxPipeline"}))
    last = SavedPipeline(location=Location(name="here"), index={"_class_name": REGISTRY[-1].family.pipeline})
    with pytest.raises(PairingError, match=r"expected one of StableDiffusionImageVariationPipeline\.$"):
        recognise(last, REGISTRY[:1])


def test_reading_it_loads_no_pipeline(tmp_path: Path) -> None:
    """Nor does comparing a host with an encoder; pipelines are loaded once one is to be opened."""
    modules = ("hosts.registry", "pairing", "embedding", "opening")
    code = "import sys\n" + "".join(f"import gencontrol.pipelines.{name}\n" for name in modules)
    command = [sys.executable, "-P", "-c", f"{code}print(*(name for name in sys.modules if name == 'diffusers'))"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == ""
