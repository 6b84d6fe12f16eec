"""Files of adapters: in a folder, by name, or on the hub; never pickles."""

from pathlib import Path

import pytest

from gencontrol.errors import CheckpointError
from gencontrol.pipelines.stock.adapter_files import adapter_file, is_on_hub

LIKE = "sdxl_models/ip-adapter-plus_sdxl_vit-h.safetensors"


def test_a_folder_as_published_or_with_one_file(tmp_path: Path) -> None:
    (tmp_path / "other.safetensors").touch()
    assert adapter_file(str(tmp_path), like=LIKE) == (str(tmp_path), "other.safetensors")
    (tmp_path / Path(LIKE).name).touch()
    assert adapter_file(str(tmp_path), like=LIKE) == (str(tmp_path), Path(LIKE).name)
    (tmp_path / "sdxl_models").mkdir()
    (tmp_path / LIKE).touch()
    assert adapter_file(str(tmp_path), like=LIKE) == (str(tmp_path), LIKE)


def test_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.safetensors").touch()
    assert adapter_file(str(tmp_path / "a.safetensors"), like=LIKE) == (str(tmp_path), "a.safetensors")
    monkeypatch.chdir(tmp_path)
    assert adapter_file("a.safetensors", like=LIKE) == (".", "a.safetensors")


@pytest.mark.parametrize("name", ["a.bin", "a/b/c.pt", "/a/b.ckpt", "a/b/c.PTH", "x.pkl"])
def test_pickles(name: str) -> None:
    with pytest.raises(CheckpointError, match=r"is a pickle, which can run programs .* Take a revision of"):
        adapter_file(name, like=LIKE)


def test_a_folder_of_pickles_of_several_or_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"holds no \.safetensors file; the published one is called sdxl_mod"):
        adapter_file(str(tmp_path), like=LIKE)
    (tmp_path / "ip_adapter.bin").touch()
    with pytest.raises(CheckpointError, match=r"ip_adapter\.bin is a pickle"):
        adapter_file(str(tmp_path), like=LIKE)
    for name in ("b", "a"):
        (tmp_path / f"{name}.safetensors").touch()
    with pytest.raises(CheckpointError, match=r"holds a\.safetensors, b\.safetensors: name one of the files"):
        adapter_file(str(tmp_path), like=LIKE)


@pytest.mark.parametrize("name", ["no.safetensors", "./a/b/no.safetensors", "/a/b/c.safetensors", "a/no.safetensors"])
def test_no_such_file(name: str) -> None:
    with pytest.raises(CheckpointError, match=f"`adapter`: no file at {name}"):
        adapter_file(name, like=LIKE)


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    with pytest.raises(CheckpointError, match=r"a\.txt: expected a \.safetensors file, a folder with one, or a hub"):
        adapter_file(str(tmp_path / "a.txt"), like=LIKE)


def test_names_that_can_be_on_a_hub_only(tmp_path: Path) -> None:
    assert is_on_hub("owner/name")
    assert not any(is_on_hub(name) for name in (str(tmp_path), "/no/where", "./a/b", "../a", "~/a"))
