"""COCO's and LVIS's annotations."""

import json
from pathlib import Path
from typing import Any

import pytest

from gencontrol.engine.rows import Part
from gencontrol.engine.sources.coco import CocoAnnotations, file_of
from gencontrol.errors import InputError

IMAGES = [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "coco_url": "http://x.org/train2017/b.jpg"}, {"id": 9}]
THINGS = [
    {"id": 1, "image_id": 7, "category_id": 3, "bbox": [1, 2, 3, 4], "segmentation": [[1, 2, 4, 2, 4, 6]]},
    {"id": 2, "image_id": 7, "category_id": 3, "bbox": [1, 2, 3, 4], "iscrowd": 1},
    {"id": 3, "image_id": 8, "category_id": 4, "bbox": [0.5, 0, 1, 1], "iscrowd": 0},
]
CATEGORIES = [{"id": 3, "name": "tennis_racket"}, {"id": 4, "name": "dog"}]


def write(folder: Path, name: str = "instances.json", **changes: Any) -> Path:
    values: dict[str, Any] = {"images": IMAGES, "annotations": THINGS, "categories": CATEGORIES}
    (folder / name).write_text(json.dumps(values | changes))
    return folder / name


def test_things_with_their_outlines_and_names(tmp_path: Path) -> None:
    captions = tmp_path / "captions.json"
    said = [{"image_id": 8, "caption": " a dog "}, {"image_id": 8, "caption": "second"}]
    captions.write_text(json.dumps({"images": [], "annotations": said}))
    source = CocoAnnotations(write(tmp_path), tmp_path, shard=2, captions=captions)
    assert source.shards == 2 and source.facts["pictures"] == 3 and source.facts["kind"] == "coco"
    first, second = source.read(0)
    assert first.picture == tmp_path / "a.jpg" and first.caption == ""
    # A crowd is no thing.
    assert first.parts == (Part(phrase="tennis racket", box=(1, 2, 4, 6), outline=[[1, 2, 4, 2, 4, 6]]),)
    assert second.picture == tmp_path / "b.jpg" and second.caption == "a dog"
    assert second.parts == (Part(phrase="dog", box=(0.5, 0, 1.5, 1)),)
    (last,) = source.read(1)
    assert "expected an image with file_name or coco_url" in last.fault
    assert CocoAnnotations(tmp_path / "instances.json", tmp_path, shard=2).facts != source.facts


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bbox": [1, 2, 3]}, r"annotation 1: bbox: expected x, y, width, height, got \[1, 2, 3\]"),
        ({"bbox": [1, 2, 3, "4"]}, "annotation 1: bbox"),
        ({"category_id": 9}, "annotation 1: there is no category 9"),
        ({"category_id": [3]}, r"annotation 1: there is no category \[3\]"),
    ],
)
def test_a_broken_annotation_is_its_pictures(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    source = CocoAnnotations(write(tmp_path, annotations=[THINGS[0] | changes]), tmp_path, shard=9)
    import re

    rows = list(source.read(0))
    assert re.search(message, rows[0].fault) and not rows[1].fault


def test_what_is_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="annotations: expected a list of objects, as COCO's"):
        CocoAnnotations(write(tmp_path, annotations={}), tmp_path, shard=1)
    with pytest.raises(InputError, match="images: expected a list of objects"):
        CocoAnnotations(write(tmp_path, images=[1]), tmp_path, shard=1)
    with pytest.raises(InputError, match="lists no images"):
        CocoAnnotations(write(tmp_path, images=[]), tmp_path, shard=1)
    (tmp_path / "text.json").write_text("{")
    with pytest.raises(InputError, match=r"text\.json is not JSON"):
        CocoAnnotations(tmp_path / "text.json", tmp_path, shard=1)
    with pytest.raises(InputError, match="expected a file of annotations"):
        CocoAnnotations(tmp_path / "none.json", tmp_path, shard=1)
    with pytest.raises(InputError, match="is no folder; expected that of the pictures"):
        CocoAnnotations(write(tmp_path), tmp_path / "none", shard=1)


def test_a_pictures_file() -> None:
    assert file_of({"file_name": "a/b.jpg", "coco_url": "http://x/c.jpg"}) == "a/b.jpg"
    assert file_of({"coco_url": "http://x/v/c.jpg?d"}) == "c.jpg" and file_of({"file_name": 3}) is None
    assert file_of({"file_name": "", "coco_url": None}) is None


def test_numbers_that_are_none(tmp_path: Path) -> None:
    images = [{"id": [7], "file_name": "a.jpg"}, {"file_name": "b.jpg"}, {"id": {}, "coco_url": "http://[x/b.jpg"}]
    things = [THINGS[0] | {"image_id": odd} for odd in ([7], {}, None)]
    captions = tmp_path / "captions.json"
    captions.write_text(json.dumps({"annotations": [{"image_id": [7], "caption": "x"}, {"image_id": 7}]}))
    path = write(tmp_path, images=[*images, IMAGES[0]], annotations=things, categories=[*CATEGORIES, {"id": [1]}])
    first, second, third, last = CocoAnnotations(path, tmp_path, shard=9, captions=captions).read(0)
    assert (first.name, first.fault) == ("a.jpg", "id: expected a number, got [7]")
    assert second.fault == "id: expected a number, got None" and not second.parts
    assert third.fault == "expected an image with file_name or coco_url"
    assert not last.fault and last.parts == () and last.caption == ""


def test_nothing_is_called_none(tmp_path: Path) -> None:
    captions = tmp_path / "captions.json"
    captions.write_text(json.dumps({"annotations": [{"image_id": 7, "caption": None}]}))
    path = write(tmp_path, categories=[{"id": 3, "name": None}, CATEGORIES[1]])
    first, second, _ = CocoAnnotations(path, tmp_path, shard=9, captions=captions).read(0)
    assert first.fault == "annotation 1: there is no category 3" and not second.fault
    path = write(tmp_path)
    assert next(CocoAnnotations(path, tmp_path, shard=9, captions=captions).read(0)).caption == ""


@pytest.mark.parametrize(
    ("said", "size"),
    [
        ({"height": 20, "width": 40}, (20, 40)),
        ({"height": 20}, None),
        ({"height": "20", "width": 40}, None),
        ({"height": 0, "width": 40}, None),
    ],
)
def test_the_size_that_boxes_are_of(tmp_path: Path, said: dict[str, Any], size: tuple[int, int] | None) -> None:
    images = [{"id": 7, "file_name": "a.jpg"} | said, {"id": 9, "file_name": "b.jpg"} | said]
    first, second = CocoAnnotations(write(tmp_path, images=images), tmp_path, shard=9).read(0)
    # Of what nothing was drawn on it does not matter.
    assert first.size == size and second.size is None
