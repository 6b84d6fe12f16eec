"""Scenes written as RefCOCO is, read back by its reader; sentences by hand."""

import json
from pathlib import Path

import pytest
import torch

from gencontrol.errors import ConfigError
from gencontrol.images.reading import read_image
from gencontrol.sprites.compose import SceneConfig, compose
from gencontrol.sprites.exports.refcoco import doubled, export_refcoco, sentences
from gencontrol.sprites.store import SpriteStore
from gencontrol.tasks.protocols.outlines import outline_alpha
from gencontrol.tasks.protocols.refcoco import read_refcoco
from gencontrol.tasks.protocols.region_captions import read_region_captions
from gencontrol.tasks.protocols.whole import read_captioned


def sides(left: list[tuple[int, int]], count: int) -> dict[str, torch.Tensor]:
    holds = torch.zeros(count, count, dtype=torch.bool)
    for i, j in left:
        holds[i, j] = True
    return {"left of": holds, "right of": holds.T}


def test_a_name_says_which_where_there_is_one_of_it() -> None:
    assert sentences(["cat", "dog"], [True, False], sides([(0, 1)], 2)) == ((0, ("the cat",)),)
    found = dict(sentences(["cat", "dog"], [True, True], sides([(0, 1)], 2)))
    assert found == {0: ("the cat", "the cat left of the dog"), 1: ("the dog", "the dog right of the cat")}


def test_of_two_of_a_name_the_other_has_to_stand_the_other_way() -> None:
    # The dog stands between two cats.
    found = dict(sentences(["cat", "cat", "dog"], [True] * 3, sides([(0, 2), (2, 1)], 3)))
    assert found[0] == ("the cat left of the dog",) and found[1] == ("the cat right of the dog",)
    assert found[2] == ("the dog",)
    # Both are left of it, or one is neither: nothing is said.
    assert 0 not in dict(sentences(["cat", "cat", "dog"], [True] * 3, sides([(0, 2), (1, 2)], 3)))
    assert 0 not in dict(sentences(["cat", "cat", "dog"], [True] * 3, sides([(0, 2)], 3)))


def test_what_is_written_is_read(sprite_store: SpriteStore, tmp_path: Path) -> None:
    config = SceneConfig(size=48, counts=(0.0, 1.0, 1.0))
    done = export_refcoco(sprite_store, tmp_path / "world", config=config, count=12, seed=3)
    found = read_refcoco(tmp_path / "world", name="refcoco")
    assert done.pictures == 12 and len({one.picture for one in found}) == 12
    assert any(len(one.boxes) == 3 for one in found)
    for one in found:
        assert one.target in one.boxes and one.sentences and one.outlines is not None
        size = read_image(one.picture).size
        assert size == (48, 48)
        for outline, box in zip(one.outlines, one.boxes, strict=True):
            alpha = outline_alpha(outline, box, size)
            rows, columns = alpha.nonzero().unbind(dim=1)
            assert box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    listed = json.loads((tmp_path / "world" / "refcoco" / "refs(unc).json").read_text())
    numbers = [number for ref in listed for number in ref["sent_ids"]]
    assert numbers == list(range(len(numbers))) and {ref["split"] for ref in listed} == {"val"}
    assert not (tmp_path / "world" / "images" / listed[0]["file_name"]).exists()
    assert len(read_region_captions(tmp_path / "world", source="refcoco")) == len(found)
    captioned = read_captioned(tmp_path / "world" / "captions.json")
    assert len(captioned) == 12 and all(" and a" in one.texts[0] for one in captioned)


def test_half_of_the_scenes_have_two_of_a_name(sprite_store: SpriteStore, tmp_path: Path) -> None:
    config = SceneConfig(size=32, counts=(0.0, 0.0, 1.0))
    export_refcoco(sprite_store, tmp_path / "world", config=config, count=20, seed=1)
    values = json.loads((tmp_path / "world" / "refcoco" / "instances.json").read_text())
    kinds: dict[int, list[int]] = {}
    for one in values["annotations"]:
        kinds.setdefault(one["image_id"], []).append(one["category_id"])
    doubled = sum(len(set(of)) < len(of) for of in kinds.values())
    assert 3 <= doubled <= 17


def test_every_second_scene_of_three_has_two_of_a_name(sprite_store: SpriteStore) -> None:
    scenes = compose(sprite_store, SceneConfig(size=32, counts=(0.0, 1.0, 1.0)), batch=16, seed=1)
    many, even = scenes.used.sum(dim=1) > 2, torch.arange(16) % 2 == 0
    found = doubled(sprite_store, scenes)
    same = found.concept[:, 0] == found.concept[:, 1]
    assert torch.equal(same, many & even) and 3 <= int(same.sum()) < int(many.sum())
    assert torch.equal(found.concept[:, 2], scenes.concept[:, 2])


def test_what_cannot_be_written(sprite_store: SpriteStore, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="count: expected 1 or more pictures, got 0"):
        export_refcoco(sprite_store, tmp_path / "world", config=SceneConfig(), count=0)
    assert not (tmp_path / "world").exists()
