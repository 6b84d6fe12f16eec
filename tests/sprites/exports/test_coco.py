"""Scenes written as COCO is, read back by what reads COCO."""

import json
from pathlib import Path
from random import Random

import pytest

from gencontrol.engine.sources.coco import CocoAnnotations
from gencontrol.errors import ConfigError, InputError
from gencontrol.images.reading import read_image
from gencontrol.regions.coco_rle import decode_rle
from gencontrol.sprites.compose import SceneConfig, compose
from gencontrol.sprites.exports.coco import annotations_of, captions_of, export_coco, licences
from gencontrol.sprites.store import SpriteStore
from gencontrol.tasks.protocols.whole import read_captioned

CONFIG = SceneConfig(size=48, counts=(0.0, 1.0, 1.0), split="test")


@pytest.fixture
def world(sprite_store: SpriteStore, tmp_path: Path) -> Path:
    done = export_coco(sprite_store, tmp_path / "world", config=CONFIG, count=18, seed=3)
    assert done.pictures == 18
    return tmp_path / "world"


def test_what_is_written_is_what_was_composed(world: Path, sprite_store: SpriteStore) -> None:
    values = json.loads((world / "annotations" / "instances_val2017.json").read_text(encoding="utf-8"))
    assert [one["id"] for one in values["images"]] == list(range(18))
    assert [one["id"] for one in values["annotations"]] == list(range(len(values["annotations"])))
    # The second batch's second scene.
    scenes = compose(sprite_store, CONFIG, batch=16, seed=3, index=1)
    things = [one for one in values["annotations"] if one["image_id"] == 17]
    assert len(things) == int(scenes.used[1].sum())
    for slot, one in enumerate(things):
        mask = decode_rle(**one["segmentation"])
        assert mask.tolist() == (scenes.alpha[1, slot] > 0.5).tolist()
        assert one["area"] == mask.sum() and one["iscrowd"] == 0
        x, y, width, height = one["bbox"]
        rows, columns = mask.nonzero()
        assert (x, y, x + width, y + height) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        name = values["categories"][one["category_id"]]["name"]
        assert name == sprite_store.concepts[int(scenes.concept[1, slot])].name
    picture = read_image(world / "val2017" / values["images"][17]["file_name"])
    assert (picture.rgb - scenes.rgb[1]).abs().max() <= 0.5 / 255 + 1e-6


def test_its_readers_read_it(world: Path) -> None:
    annotations = world / "annotations"
    source = CocoAnnotations(
        annotations / "instances_val2017.json",
        world / "val2017",
        shard=8,
        captions=annotations / "captions_val2017.json",
    )
    rows = [row for shard in range(source.shards) for row in source.read(shard)]
    assert len(rows) == 18 and not any(row.fault for row in rows)
    assert all(part.phrase in row.caption for row in rows for part in row.parts)
    # COCO's captions lie in another folder than its pictures.
    captioned = read_captioned(annotations / "captions_val2017.json")
    assert len(captioned) == 18 and all(len(one.texts) == 5 and one.picture.is_file() for one in captioned)


def test_captions_name_all_things_in_any_order_and_way() -> None:
    said = [text for number in range(20) for text in captions_of(["cat", "owl"], Random(number))]
    assert len(said) == 100 and all("cat" in text and "owl" in text for text in said)
    assert {"a cat and an owl", "a picture of an owl and a cat", "the cat and owl"} <= set(said)
    assert captions_of(["cat", "owl"], Random(1)) == captions_of(["cat", "owl"], Random(1))


def test_what_is_hidden_is_no_annotation(sprite_store: SpriteStore) -> None:
    scenes = compose(sprite_store, CONFIG, batch=1, seed=3)
    scenes.alpha[0, 0] = 0
    found = annotations_of(scenes, 0, 7, 40)
    assert [one["id"] for one in found] == list(range(40, 40 + int(scenes.used[0].sum()) - 1))
    assert {one["image_id"] for one in found} == {7}


def test_training_scenes_are_called_so_and_licences_are_told(sprite_store: SpriteStore, tmp_path: Path) -> None:
    config = SceneConfig(size=32, split="train", styles=("twemoji", "noto"))
    export_coco(sprite_store, tmp_path / "world", config=config, count=1)
    assert sorted(p.name for p in tmp_path.joinpath("world").iterdir()) == ["annotations", "train2017"]
    assert [(one["id"], one["name"]) for one in licences(config)] == [(1, "Apache-2.0"), (2, "CC-BY-4.0")]
    assert "Google" in licences(config)[0]["credit"]
    with pytest.raises(ConfigError, match="expected 1 or more pictures, got 0"):
        export_coco(sprite_store, tmp_path / "none", config=config, count=0)
    with pytest.raises(InputError, match="world"):
        export_coco(sprite_store, tmp_path / "world", config=config, count=1)
