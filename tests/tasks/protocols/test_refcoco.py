"""RefCOCO by hand: five references in every form of the files, splits, boxes, and what is right."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gencontrol.errors import CheckpointError, ConfigError, InputError
from gencontrol.tasks.protocols.refcoco import (
    SPLITS,
    USUAL,
    intersection_over_union,
    is_right,
    published,
    read_detections,
    read_refcoco,
)

IMAGES = [{"id": 5, "file_name": "COCO_train2014_000000000005.jpg"}, {"id": 9, "file_name": "nine.jpg"}]
ANNOTATIONS = [
    {"id": 50, "image_id": 5, "bbox": [10, 20, 30, 40], "category_id": 1},
    {"id": 51, "image_id": 5, "bbox": [0, 0, 8, 8], "category_id": 2},
    {"id": 90, "image_id": 9, "bbox": [1.5, 2, 3, 4], "category_id": 1},
]
WHO = [(50, 5, "val"), (51, 5, "val"), (90, 9, "val"), (50, 5, "testA"), (90, 9, "testB")]


def refs() -> list[dict[str, Any]]:
    return [
        {
            "ref_id": number,
            "ann_id": annotation,
            "image_id": image,
            "file_name": f"COCO_train2014_{image:012d}_{annotation}.jpg",
            "split": split,
            "sentences": [{"raw": "The Cup!", "sent": "the cup"}, {"raw": "left", "sent": f"left {number}"}],
        }
        for number, (annotation, image, split) in enumerate(WHO)
    ]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Pictures, annotations, and references as JSON."""
    (tmp_path / "refcoco").mkdir()
    (tmp_path / "train2014").mkdir()
    for image in IMAGES:
        Image.new("RGB", (64, 48)).save(tmp_path / "train2014" / image["file_name"])
    instances = {"images": IMAGES, "annotations": ANNOTATIONS}
    (tmp_path / "refcoco" / "instances.json").write_text(json.dumps(instances))
    (tmp_path / "refcoco" / "refs(unc).json").write_text(json.dumps(refs()))
    return tmp_path


def test_the_references_of_a_split(root: Path) -> None:
    found = read_refcoco(root, name="refcoco")
    assert [one.target for one in found] == [(10, 20, 40, 60), (0, 0, 8, 8), (1.5, 2, 4.5, 6)]
    assert found[0].boxes == found[1].boxes == ((10, 20, 40, 60), (0, 0, 8, 8)) and len(found[2].boxes) == 1
    assert [one.picture.name for one in found] == [IMAGES[0]["file_name"]] * 2 + ["nine.jpg"]
    assert found[1].sentences == ("the cup", "left 1") and found[0].picture.is_file()
    assert [one.sentences[1] for one in read_refcoco(root, name="refcoco", split="testB")] == ["left 4"]
    # The set's own folder will do as well, its pictures within.
    (root / "train2014").rename(root / "refcoco" / "images")
    assert len(read_refcoco(root / "refcoco", name="refcoco", by="unc", split="testA")) == 1


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_pickled_references_are_the_same(root: Path, protocol: int) -> None:
    expected = read_refcoco(root, name="refcoco")
    (root / "refcoco" / "refs(unc).json").unlink()
    (root / "refcoco" / "refs(unc).p").write_bytes(pickle.dumps(refs(), protocol=protocol))
    assert read_refcoco(root, name="refcoco") == expected
    (root / "refcoco" / "refs(unc).p").write_bytes(pickle.dumps([print], protocol=protocol))
    with pytest.raises(CheckpointError, match="holds pickled objects"):
        read_refcoco(root, name="refcoco")


def test_reclips_lines_are_the_same(root: Path) -> None:
    expected = read_refcoco(root, name="refcoco")
    (root / "reclip_data").mkdir()
    lines = []
    for ref in refs()[:3]:
        there = [{"id": one["id"], "bbox": one["bbox"]} for one in ANNOTATIONS if one["image_id"] == ref["image_id"]]
        name = "nine.jpg" if ref["image_id"] == 9 else ref["file_name"]
        said = [{"raw": one["sent"]} for one in ref["sentences"]]
        lines.append(json.dumps({**ref, "file_name": name, "anns": there, "sentences": said}))
    (root / "reclip_data" / "refcoco_val.jsonl").write_text("\n".join(lines) + "\n")
    (root / "refcoco" / "instances.json").unlink()
    assert read_refcoco(root, name="refcoco") == expected
    with pytest.raises(InputError, match=r"No file refs|instances\.json"):
        read_refcoco(root, name="refcoco", split="testA")
    (root / "reclip_data" / "refcoco_testa.jsonl").write_text('{"image_id": 3}\n')
    with pytest.raises(InputError, match=r"refcoco_testa\.jsonl is no file of references: KeyError"):
        read_refcoco(root, name="refcoco", split="testA")


@pytest.mark.parametrize(
    "detections",
    [
        {"5": [[1, 2, 3, 4], [0, 0, 9, 9]], "9": []},
        {"5": [{"box": [1, 2, 3, 4]}, {"box": [0, 0, 9, 9]}]},
        [{"image_id": 5, "bbox": [1, 2, 3, 4], "score": 0.5}, {"image_id": 5, "box": [0, 0, 9, 9]}],
    ],
)
def test_a_detectors_boxes_take_the_place_of_annotations(root: Path, detections: Any) -> None:
    (root / "found.json").write_text(json.dumps(detections))
    found = read_refcoco(root, name="refcoco", detections=root / "found.json")
    assert [one.boxes for one in found] == [((1, 2, 4, 6), (0, 0, 9, 9))] * 2 + [()]
    assert found[0].target == (10, 20, 40, 60)


@pytest.mark.parametrize("detections", [{"5": [{"score": 1}]}, {"five": [[0, 0, 1, 1]]}, 3, [{"bbox": [0, 0, 1, 1]}]])
def test_files_that_hold_no_detections(tmp_path: Path, detections: Any) -> None:
    (tmp_path / "found.json").write_text(json.dumps(detections))
    with pytest.raises(InputError, match=r"found\.json is no file of detections"):
        read_detections(tmp_path / "found.json")
    (tmp_path / "found.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read as a file of detections"):
        read_detections(tmp_path / "found.json")


def test_overlap_by_hand() -> None:
    assert intersection_over_union((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert intersection_over_union((0, 0, 10, 10), (0, 0, 10, 4)) == pytest.approx(0.4)
    assert intersection_over_union((0, 0, 2, 2), (3, 3, 4, 4)) == 0
    assert intersection_over_union((1, 1, 1, 1), (1, 1, 1, 1)) == 0
    # Half is not enough: more than that is asked for.
    assert not is_right((0, 0, 10, 5), (0, 0, 10, 10)) and is_right((0, 0, 10, 5.1), (0, 0, 10, 10))
    assert not is_right(None, (0, 0, 1, 1))


def test_what_is_missing_is_named_and_counted(root: Path) -> None:
    (root / "train2014" / "nine.jpg").unlink()
    with pytest.raises(InputError, match=r"train2014 lacks 1 of 2 pictures: nine\.jpg\."):
        read_refcoco(root, name="refcoco")
    (root / "train2014" / IMAGES[0]["file_name"]).unlink()
    with pytest.raises(InputError, match=r"None of 2 pictures in .*expected them in images, train2014"):
        read_refcoco(root, name="refcoco")
    instances = {"images": IMAGES, "annotations": ANNOTATIONS[1:]}
    (root / "refcoco" / "instances.json").write_text(json.dumps(instances))
    with pytest.raises(InputError, match=r"instances\.json lacks 1 of 3 annotations: 50"):
        read_refcoco(root, name="refcoco")
    (root / "refcoco" / "refs(unc).json").write_text(json.dumps([{"split": "val"}]))
    with pytest.raises(InputError, match="is no refcoco: KeyError"):
        read_refcoco(root, name="refcoco")
    (root / "refcoco" / "refs(unc).json").write_text("[]")
    with pytest.raises(InputError, match="no reference of the split 'val'"):
        read_refcoco(root, name="refcoco")
    (root / "refcoco" / "refs(unc).json").unlink()
    with pytest.raises(InputError, match=r"No file refs\(unc\)\.p or refs\(unc\)\.json in"):
        read_refcoco(root, name="refcoco")


def test_sets_and_splits_that_are_none(root: Path) -> None:
    with pytest.raises(ConfigError, match="no 'refcocoo'; did you mean 'refcoco'"):
        read_refcoco(root, name="refcocoo")
    with pytest.raises(ConfigError, match=r"refcoco by unc has no split 'testC'.*testA"):
        read_refcoco(root, name="refcoco", split="testC")
    with pytest.raises(ConfigError, match=r"Nobody 'umd' split refcoco.*unc or google"):
        read_refcoco(root, name="refcoco", by="umd")


def test_what_is_published() -> None:
    usual = [(name, split) for (name, by), splits in SPLITS.items() if USUAL[name] == by for split in splits]
    rows = {one: published(*one) for one in usual}
    assert sum(bool(row) for row in rows.values()) == 8
    assert all(row["Alpha-CLIP"] > row["ReCLIP"] > row["CPT"] for row in rows.values() if row)
    # Each method's column, added up by hand.
    sums = {name: round(sum(row[name] for row in rows.values() if row), 1) for name in published("refcoco", "val")}
    assert sums == {"CPT": 267.7, "ReCLIP": 400.4, "Red Circle": 431.2, "Alpha-CLIP": 455.0}
    assert published("refcoco", "testA")["Red Circle"] == 58.6 and published("refcoco", "train") == {}
