"""What people wrote of regions, by hand, in RefCOCO's files and in Visual Genome's."""

import json
from pathlib import Path

import pytest
from PIL import Image

from gencontrol.errors import ConfigError, InputError
from gencontrol.tasks.protocols.region_captions import PUBLISHED, read_region_captions, source_of

REGIONS = [
    {
        "id": 1,
        "regions": [
            {"region_id": 10, "image_id": 1, "x": 2, "y": 3, "width": 10, "height": 20, "phrase": "a red cup "},
            {"region_id": 11, "image_id": 1, "x": -2, "y": 0, "width": 100, "height": 5, "phrase": " "},
        ],
    },
    {"id": 2, "regions": [{"region_id": 20, "x": 0, "y": 0, "width": 4, "height": 4, "phrase": "sky"}]},
]


@pytest.fixture
def genome(tmp_path: Path) -> Path:
    """Two pictures in the two folders, one thing each that somebody wrote of."""
    for folder, name in (("VG_100K", "1.jpg"), ("VG_100K_2", "2.jpg")):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (32, 24)).save(tmp_path / folder / name)
    (tmp_path / "region_descriptions.json").write_text(json.dumps(REGIONS))
    return tmp_path


@pytest.fixture
def refs(tmp_path: Path) -> Path:
    """Two references to one thing, and one to another."""
    folder = tmp_path / "refcocog"
    folder.mkdir()
    (tmp_path / "images").mkdir()
    Image.new("RGB", (32, 24)).save(tmp_path / "images" / "a.png")
    annotations = [
        {"id": 7, "image_id": 3, "bbox": [0, 0, 4, 4], "segmentation": [[0, 0, 4, 0, 4, 4, 0, 4]]},
        {"id": 8, "image_id": 3, "bbox": [5, 5, 6, 6], "segmentation": {"size": [24, 32], "counts": [768]}},
    ]
    instances = {"images": [{"id": 3, "file_name": "a.png"}], "annotations": annotations}
    (folder / "instances.json").write_text(json.dumps(instances))
    said = [(7, ["a cup", "the cup"]), (8, ["a dog"]), (7, ["cup left"])]
    listed = [
        {"ann_id": ann, "image_id": 3, "split": "val", "sentences": [{"sent": text} for text in texts]}
        for ann, texts in said
    ]
    (folder / "refs(umd).json").write_text(json.dumps(listed))
    return tmp_path


def test_texts_of_several_references_to_one_thing_count_together(refs: Path) -> None:
    cup, dog = read_region_captions(refs, source="refcocog")
    assert cup.texts == ("a cup", "the cup", "cup left") and dog.texts == ("a dog",)
    assert cup.box == (0, 0, 4, 4) and dog.box == (5, 5, 11, 11) and cup.picture == refs / "images" / "a.png"
    assert cup.outline == [[0, 0, 4, 0, 4, 4, 0, 4]] and dog.outline["counts"] == [768]
    assert source_of(refs, None) == "refcocog" and source_of(refs, "refcoco") == "refcoco"


def test_visual_genome_in_two_folders(genome: Path) -> None:
    cup, sky = read_region_captions(genome, source="visual-genome")
    assert cup.texts == ("a red cup",) and cup.box == (2, 3, 12, 23) and cup.outline is None
    assert sky.texts == ("sky",) and sky.picture == genome / "VG_100K_2" / "2.jpg"
    assert source_of(genome, None) == "visual-genome"


def test_parts_of_visual_genome(genome: Path) -> None:
    with pytest.raises(InputError, match=r"is said by densecap_splits\.json, and .* has none: leave `split` out"):
        read_region_captions(genome, source="visual-genome", split="val")
    (genome / "densecap_splits.json").write_text(json.dumps({"train": [1], "test": [2]}))
    assert [one.texts for one in read_region_captions(genome, source="visual-genome")] == [("sky",)]
    assert len(read_region_captions(genome, source="visual-genome", split="train")) == 1
    with pytest.raises(ConfigError, match="has no 'val'; it has train, test"):
        read_region_captions(genome, source="visual-genome", split="val")


def test_what_is_missing_is_named_and_counted(genome: Path) -> None:
    (genome / "VG_100K_2" / "2.jpg").unlink()
    with pytest.raises(InputError, match=r"None of 1 pictures in .*: expected them in VG_100K, VG_100K_2"):
        read_region_captions(genome, source="visual-genome")
    (genome / "region_descriptions.json").write_text(json.dumps([{"id": 1, "regions": [{"x": 1}]}]))
    with pytest.raises(InputError, match="is no file of region descriptions: KeyError 'y'"):
        read_region_captions(genome, source="visual-genome")
    (genome / "region_descriptions.json").write_text("[]")
    with pytest.raises(InputError, match="Nobody wrote of any thing"):
        read_region_captions(genome, source="visual-genome")
    (genome / "region_descriptions.json").unlink()
    with pytest.raises(InputError, match=r"holds neither region_descriptions\.json of Visual Genome nor"):
        source_of(genome, None)
    with pytest.raises(ConfigError, match="`source`: there is no 'refcocof'; did you mean"):
        source_of(genome, "refcocof")


def test_what_is_published() -> None:
    assert PUBLISHED["refcocog"]["DynRefer, trained"] == {"METEOR": 18.1, "CIDEr": 115.3}
    assert PUBLISHED["visual-genome"]["DynRefer, trained"]["CIDEr"] == 190.5
