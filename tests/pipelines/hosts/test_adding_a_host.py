"""A host is added by its own file, `_through_text.py` beside this one, and one line of a registry."""

import json
import shutil
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline

from gencontrol.errors import PairingError
from gencontrol.models.location import Location
from gencontrol.pipelines import check_pairing, open_pipeline, region_embeds
from gencontrol.pipelines.hosts.registry import HOSTS, REGISTRY, Registry, hosts_in
from gencontrol.regions.geometry import Geometry
from gencontrol.regions.region import Region


@pytest.fixture(scope="module")
def added() -> Iterator[ModuleType]:
    """The host's file, under a name that can be imported."""
    path = Path(__file__).with_name("_through_text.py")
    spec = spec_from_file_location("through_text", path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["through_text"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["through_text"]


@pytest.fixture(scope="module")
def registry(added: ModuleType) -> Registry:
    return (*REGISTRY, added.ENTRY)


@pytest.fixture(scope="module")
def folder(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What stock diffusers saves, with a plain CLIP."""
    components = tiny.image_variation_components() | {"text_encoder": None, "tokenizer": None}
    made = tmp_path_factory.mktemp("models") / "through_text"
    StableDiffusionPipeline(**components).save_pretrained(made)
    return made


def test_the_folder_is_recognised(folder: Path, registry: Registry, tiny_folder: Path) -> None:
    host = check_pairing(Location(name=str(folder)), registry=registry)
    assert host is hosts_in(registry)["through-text"] and host.guidance_scale == 4.0
    assert check_pairing(Location(name=str(tiny_folder)), registry=registry) is HOSTS["tiny"]
    assert set(hosts_in(registry)) == {*HOSTS, "through-text"}


def test_it_draws_the_region(folder: Path, registry: Registry, tiny: ModuleType) -> None:
    pipeline = open_pipeline(folder, registry=registry)
    assert isinstance(pipeline, StableDiffusionPipeline) and pipeline.host.name == "through-text"
    pipeline.set_progress_bar_config(disable=True)
    image, mask = tiny.photo(64, 96), tiny.half_mask(64, 96)

    def draw(**arguments: Any) -> np.ndarray:
        noise = torch.Generator().manual_seed(0)
        drawn: Any = pipeline(**arguments, num_inference_steps=2, generator=noise, output_type="np")
        return drawn.images[0]

    drawn = draw(image=image, mask_image=mask)
    assert drawn.shape == (128, 128, 3) and np.isfinite(drawn).all()
    assert np.abs(drawn - draw(image=image)).max() > 1e-3
    # The host's own geometry, and nothing else, is what the seam uses.
    assert pipeline.encoder.processor.geometry == Geometry(size=64, fit="squash")
    with torch.no_grad():
        made = region_embeds(pipeline.host, pipeline.encoder, image, [Region(alpha=mask)]).image_embeds
    expected = pipeline.encode_regions(image, mask)[0].image_embeds
    assert torch.equal(made, expected)


def test_another_folder_of_its_class_is_refused(folder: Path, registry: Registry, tmp_path: Path) -> None:
    other = shutil.copytree(folder, tmp_path / "other")
    index = json.loads((other / "model_index.json").read_text())
    text = {"text_encoder": ["transformers", "CLIPTextModel"]}
    (other / "model_index.json").write_text(json.dumps(index | text))
    with pytest.raises(PairingError, match="is a StableDiffusionPipeline, which takes no image embedding here"):
        open_pipeline(other, registry=registry)


def test_nobody_else_knows_it(folder: Path) -> None:
    with pytest.raises(PairingError, match=r"is a StableDiffusionPipeline, .*expected one of StableDiffusionImage"):
        open_pipeline(folder)


def test_its_shapes_are_compared(folder: Path, registry: Registry, tmp_path: Path) -> None:
    other = shutil.copytree(folder, tmp_path / "other")
    config = other / "unet" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"cross_attention_dim": 40}))
    with pytest.raises(PairingError, match="takes embeddings of width 40"):
        check_pairing(Location(name=str(other)), registry=registry)
