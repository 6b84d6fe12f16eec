"""Scenes that somebody sends."""

from pathlib import Path

import pytest

from gencontrol.errors import CheckpointError, InputError
from gencontrol.studio.spatial import scenes as module
from gencontrol.studio.spatial.scenes import SentScenes


@pytest.fixture
def served(tmp_path: Path, scene_file: Path) -> Path:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "my scene.safetensors").write_bytes(scene_file.read_bytes())
    return folder


@pytest.fixture
def scenes(tmp_path: Path, served: Path) -> SentScenes:
    return SentScenes(tmp_path / "scenes", served=served)


def test_a_scene_is_kept_for_its_sender_alone(scenes: SentScenes, served: Path, tmp_path: Path) -> None:
    name = scenes.take("ann", served / "my scene.safetensors")
    sent = scenes.find("ann", name)
    assert sent is not None and sent.label == "my-scene" and sent.path.is_relative_to(tmp_path / "scenes")
    assert sent.path.read_bytes() == (served / "my scene.safetensors").read_bytes()
    assert scenes.of("ann") == {name: sent} and scenes.of("bob") == {}
    assert scenes.find("bob", name) is None and scenes.find("ann", "other") is None


def test_no_other_file_of_the_server_is_taken(scenes: SentScenes, served: Path, scene_file: Path) -> None:
    (served / "link.safetensors").symlink_to(scene_file)
    for file in (scene_file, served / ".." / "x.safetensors", served / "link.safetensors", served):
        with pytest.raises(InputError, match="Expected a scene that is sent from the page"):
            scenes.take("", file)


def test_what_is_no_scene_is_refused_and_not_kept(scenes: SentScenes, served: Path, tmp_path: Path) -> None:
    (served / "bad.safetensors").write_bytes(b"x")
    (served / "a.png").write_bytes(b"x")
    with pytest.raises(CheckpointError, match=r"^bad.safetensors cannot be read as safetensors"):
        scenes.take("", served / "bad.safetensors")
    with pytest.raises(InputError, match=r"^a.png: expected a scene.safetensors"):
        scenes.take("", served / "a.png")
    assert not (tmp_path / "scenes").exists()


def test_they_are_bounded(scenes: SentScenes, served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = served / "my scene.safetensors"
    monkeypatch.setattr(module, "MOST_SCENES", 1)
    scenes.take("ann", file)
    with pytest.raises(InputError, match="More than 1 scenes were sent"):
        scenes.take("ann", file)
    monkeypatch.setattr(module, "LARGEST_UPLOAD", file.stat().st_size)
    assert scenes.take("bob", file)
    monkeypatch.setattr(module, "LARGEST_UPLOAD", file.stat().st_size - 1)
    with pytest.raises(InputError, match="is larger than"):
        scenes.take("eve", file)
