"""Scenes written as ImageNet-S is, read back by the reader of ImageNet-S."""

from pathlib import Path

import pytest
import torch

from gencontrol.errors import ConfigError, GencontrolError
from gencontrol.images.reading import read_image
from gencontrol.sprites.compose import SceneConfig
from gencontrol.sprites.exports.imagenet_s import class_ids, export_imagenet_s, synset
from gencontrol.sprites.store import SpriteStore
from gencontrol.tasks.protocols.imagenet_s import IGNORED, read_folder, read_ids, read_names


def test_ids_of_things_edges_and_nothing() -> None:
    alpha = torch.tensor([[[1.0, 0.8, 0.5, 0.1, 0.0]], [[0.0, 0.1, 0.2, 0.9, 0.0]], [[0.0, 0.0, 0.0, 0.0, 1.0]]])
    assert class_ids(alpha, torch.tensor([4, 0, -1])).tolist() == [[5, 5, IGNORED, 1, 0]]


def test_what_is_written_is_read(sprite_store: SpriteStore, tmp_path: Path) -> None:
    config = SceneConfig(size=48, counts=(1.0, 1.0, 1.0))
    done = export_imagenet_s(sprite_store, tmp_path / "world", config=config, count=24, seed=3)
    data = read_folder(tmp_path / "world")
    assert done.pictures == len(data.samples) == 24
    assert done.classes == len({sample.category for sample in data.samples}) > 1
    assert data.synsets == tuple(synset(index) for index in range(len(sprite_store.concepts)))
    names = read_names(tmp_path / "world" / "LOC_synset_mapping.txt", data.synsets)
    assert names == tuple(concept.name for concept in sprite_store.concepts)
    for sample in data.samples:
        ids = read_ids(sample.mask)
        assert tuple(ids.shape) == read_image(sample.picture).size == (48, 48)
        assert (ids == sample.category).any() and set(ids.unique().tolist()) <= {0, IGNORED, *range(1, 61)}
        assert sample.picture.parent.name == data.synsets[sample.category - 1]
    assert any((read_ids(sample.mask) == IGNORED).any() for sample in data.samples)


def test_the_same_seed_is_the_same_world_and_nothing_is_written_over(sprite_store: SpriteStore, tmp_path: Path) -> None:
    config = SceneConfig(size=32)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        export_imagenet_s(sprite_store, tmp_path / name, config=config, count=4, seed=seed)
    files = {
        name: {str(p.relative_to(tmp_path / name)): p.read_bytes() for p in (tmp_path / name).rglob("*.png")}
        for name in "abc"
    }
    assert files["a"] == files["b"] != files["c"] and len(files["a"]) == 8
    with pytest.raises(GencontrolError):
        export_imagenet_s(sprite_store, tmp_path / "a", config=config, count=4)


def test_what_cannot_be_written(sprite_store: SpriteStore, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="count: expected 1 or more pictures, got 0"):
        export_imagenet_s(sprite_store, tmp_path / "world", config=SceneConfig(), count=0)
    assert not (tmp_path / "world").exists()
