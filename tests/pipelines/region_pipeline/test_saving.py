"""Saves of pipelines: whole or not at all, and never over what is not an earlier save."""

import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gencontrol.errors import InputError, OutputError
from gencontrol.pipelines import open_pipeline


@pytest.fixture(scope="module")
def pipeline(tiny_folder: Path) -> Any:
    return open_pipeline(tiny_folder, alpha_clip=None)


@pytest.fixture
def small_files() -> Iterator[None]:
    """Files of this process may have 2000 bytes, which is what a full disk looks like."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_full_disk_leaves_nothing_half_written(pipeline: Any, tmp_path: Path, small_files: None) -> None:
    with pytest.raises(OutputError, match=r"made cannot be written: "):
        pipeline.save_pretrained(tmp_path / "made")
    assert not list(tmp_path.iterdir())


def test_an_earlier_save_is_kept_where_the_disk_is_full(pipeline: Any, tmp_path: Path) -> None:
    pipeline.save_pretrained(tmp_path / "made")
    before = names(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(OutputError, match="cannot be written"):
            pipeline.save_pretrained(tmp_path / "made")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert names(tmp_path) == before and "made/model_index.json" in before
    open_pipeline(tmp_path / "made", alpha_clip=None)


def test_nobodys_files_are_saved_over(pipeline: Any, tmp_path: Path) -> None:
    (tmp_path / "scene.png").write_text("a picture")
    with pytest.raises(InputError, match=r"scene\.png is a file; expected the name of a folder"):
        pipeline.save_pretrained(tmp_path / "scene.png")
    with pytest.raises(InputError, match=r"holds other things \(scene\.png\): name a new folder"):
        pipeline.save_pretrained(tmp_path)
    (tmp_path / "other" / "unet").mkdir(parents=True)
    with pytest.raises(InputError, match=r"holds files and no earlier save \(no model_index\.json\)"):
        pipeline.save_pretrained(tmp_path / "other")
    with pytest.raises(InputError, match=r"save_directory is empty: name the folder to write"):
        pipeline.save_pretrained("")


def test_a_save_replaces_an_earlier_one_and_a_variant_lies_beside_it(pipeline: Any, tmp_path: Path) -> None:
    pipeline.save_pretrained(tmp_path)
    whole = names(tmp_path)
    pipeline.save_pretrained(str(tmp_path), variant="fp16")
    assert names(tmp_path) > whole and "vae/diffusion_pytorch_model.fp16.safetensors" in names(tmp_path)
    pipeline.save_pretrained(tmp_path)
    assert names(tmp_path) == whole
