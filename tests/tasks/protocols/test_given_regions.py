"""Regions of COCO's and Visual Genome's own files."""

import json
from pathlib import Path

import pytest

from gencontrol.errors import InputError
from gencontrol.tasks.protocols.given_regions import find_regions

OUTLINE = [[2, 3, 12, 3, 12, 23]]
COCO = {
    "images": [{"id": 7, "file_name": "000000000007.jpg"}, {"id": 8, "file_name": "000000000008.jpg"}],
    "categories": [{"id": 1, "name": "Person"}, {"id": 67, "name": "dining table"}],
    "annotations": [
        {
            "image_id": 7,
            "category_id": 67,
            "bbox": [2, 3, 10, 20],
            "segmentation": [[2, 3, 12, 3, 12, 23]],
            "iscrowd": 0,
        },
        {"image_id": 7, "category_id": 1, "bbox": [0, 0, 9, 9], "segmentation": {}, "iscrowd": 1},
    ],
}


def test_regions_are_found_by_the_pictures_name(tmp_path: Path) -> None:
    assert find_regions(tmp_path) is None
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "instances_val2017.json").write_text(json.dumps(COCO))
    found = find_regions(tmp_path)
    assert found is not None and found.names == {"person", "dining table"}
    # A crowd is no thing.
    (table,) = found.of(tmp_path / "images" / "000000000007.jpg")
    assert (table.name, table.box, table.outline) == ("dining table", (2, 3, 12, 23), OUTLINE)
    assert found.of(Path("000000000008.jpg")) == () == found.of(Path("9.jpg"))
    train = COCO | {"images": [{"id": 7, "file_name": "000000000009.jpg"}]}
    (tmp_path / "instances_train2017.json").write_text(json.dumps(train))
    both = find_regions(tmp_path)
    assert both is not None and len(both.of(Path("000000000009.jpg"))) == 1 == len(both.of(Path("000000000007.jpg")))
    assert both.files == ("instances_train2017.json", "instances_val2017.json")


def test_objects_of_visual_genome(tmp_path: Path) -> None:
    thing = {"object_id": 1, "x": 4, "y": 5, "w": 6, "h": 7, "names": ["Hat", "cap"], "synsets": []}
    (tmp_path / "objects.json").write_text(json.dumps([{"image_id": 23, "objects": [thing]}]))
    found = find_regions(tmp_path)
    assert found is not None and found.names == {"hat"}
    assert [(one.name, one.box, one.outline) for one in found.of(Path("23.jpg"))] == [("hat", (4, 5, 10, 12), None)]
    (tmp_path / "objects.json").write_text(json.dumps([{"image_id": 23}]))
    with pytest.raises(InputError, match=r"objects\.json holds no regions with names: KeyError 'objects'"):
        find_regions(tmp_path)
