"""Pipelines on tiny random components."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gencontrol.pipelines.hosts.image_variation_pipeline import StableDiffusionImageVariationPipeline
from gencontrol.pipelines.hosts.stable_unclip_pipeline import StableUnCLIPImg2ImgPipeline


@pytest.fixture(scope="session")
def hosts() -> ModuleType:
    """The builders of references/_hosts.py."""
    return built_in("_hosts")


@pytest.fixture(scope="session")
def further_hosts() -> ModuleType:
    """The builders of references/_further_hosts.py."""
    return built_in("_further_hosts")


def built_in(name: str) -> ModuleType:
    """A file of references/."""
    spec = spec_from_file_location(f"_reference{name}", Path(__file__).with_name("references") / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def variation(tiny: ModuleType) -> StableDiffusionImageVariationPipeline:
    """An image-variation host with a trained (that is, random) alpha channel; not to be changed."""
    return quiet(StableDiffusionImageVariationPipeline(**tiny.image_variation_components(channels=4)))


@pytest.fixture(scope="session")
def unclip(tiny: ModuleType) -> StableUnCLIPImg2ImgPipeline:
    """A Stable unCLIP host with a trained (that is, random) alpha channel; not to be changed."""
    return quiet(StableUnCLIPImg2ImgPipeline(**tiny.unclip_components(channels=4)))


@pytest.fixture(params=["variation", "unclip"])
def pipeline(request: pytest.FixtureRequest) -> Any:
    """Either host; not to be changed."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["variation", "unclip"])
def folder_and_class(request: pytest.FixtureRequest, tiny_folder: Path, unclip_folder: Path) -> tuple[Path, type]:
    """A saved stock pipeline, and our class of the same name."""
    if request.param == "variation":
        return tiny_folder, StableDiffusionImageVariationPipeline
    return unclip_folder, StableUnCLIPImg2ImgPipeline


def quiet(pipeline: Any) -> Any:
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
