"""Folders of classes, files of captions and recalls, by hand."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from gencontrol.errors import InputError
from gencontrol.tasks.protocols.whole import nearest_places, read_captioned, read_classes, recalls


def picture(path: Path) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    Image.new("RGB", (8, 8)).save(path)


def test_classes_are_folders_with_pictures(tmp_path: Path) -> None:
    for name in ("dog/b.png", "dog/a.jpg", "cat/c.JPEG"):
        picture(tmp_path / name)
    (tmp_path / "empty").mkdir()
    (tmp_path / "dog" / "notes.txt").write_text("x")
    found = read_classes(tmp_path)
    assert found.folders == ("cat", "dog")
    assert [(path.name, number) for path, number in found.pictures] == [("c.JPEG", 0), ("a.jpg", 1), ("b.png", 1)]
    with pytest.raises(InputError, match="has 0 folders with pictures in them"):
        read_classes(tmp_path / "dog")
    with pytest.raises(InputError, match=r"No folder .*: expected one with a folder for each class"):
        read_classes(tmp_path / "none")


COCO = {
    "images": [{"id": 4, "file_name": "a.png"}, {"id": 5, "file_name": "b.png"}],
    "annotations": [
        {"image_id": 4, "caption": "one"},
        {"image_id": 5, "caption": "two"},
        {"image_id": 4, "caption": "three"},
    ],
}
KARPATHY = {
    "images": [
        {"filename": "a.png", "split": "test", "sentences": [{"raw": "one"}, {"raw": "three"}]},
        {"filename": "b.png", "split": "test", "sentences": [{"raw": "two"}]},
        {"filename": "c.png", "split": "train", "sentences": [{"raw": "four"}]},
    ]
}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("c.json", json.dumps(COCO)),
        ("c.json", json.dumps(KARPATHY)),
        ("c.tsv", "a.png#0\tone\nb.png\ttwo\n\na.png#1\tthree\n"),
    ],
)
def test_three_kinds_of_files_say_the_same(tmp_path: Path, name: str, content: str) -> None:
    for one in ("a.png", "b.png"):
        picture(tmp_path / "images" / one)
    (tmp_path / name).write_text(content)
    first, second = read_captioned(tmp_path / name)
    assert first.picture == tmp_path / "images" / "a.png" and first.texts == ("one", "three")
    assert second.texts == ("two",)
    picture(tmp_path / "images" / "c.png")
    if "train" in content:
        assert [one.texts for one in read_captioned(tmp_path / name, split="train")] == [("four",)]


@pytest.mark.parametrize("content", [[1], {"annotations": [{"caption": "x"}], "images": []}, {"images": [{}]}, {}])
def test_files_that_hold_no_captions(tmp_path: Path, content: Any) -> None:
    (tmp_path / "c.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="is no file of captions"):
        read_captioned(tmp_path / "c.json")


def test_what_is_missing_is_named_and_counted(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps(COCO))
    picture(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"lacks 1 of 2 pictures: b\.png\."):
        read_captioned(tmp_path / "c.json")
    (tmp_path / "c.tsv").write_text("a.png\tone\nb.png two\n")
    with pytest.raises(InputError, match=r"c\.tsv, line 2: expected a picture's name, a tab and a caption"):
        read_captioned(tmp_path / "c.tsv")
    (tmp_path / "c.tsv").write_text("\n")
    with pytest.raises(InputError, match="has no caption"):
        read_captioned(tmp_path / "c.tsv")


def test_places_and_recalls_by_hand() -> None:
    found = torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    queries = torch.tensor([[3.0, 0.1], [0.0, 1.0], [1.0, 1.0]])
    # The best of the right ones counts: the first query's third is second nearest.
    assert nearest_places(queries, found, [[1, 2], [0], [2]]).tolist() == [2, 3, 1]
    # What is as near as the right one counts as nearer, unless it is right too.
    same = torch.ones(3, 2)
    assert nearest_places(same[:1], same, [[0]]).tolist() == [3]
    assert nearest_places(same[:1], same, [[0, 1]]).tolist() == [2]
    assert recalls(torch.tensor([1, 2, 5, 6, 10, 11])) == pytest.approx((1 / 6, 3 / 6, 5 / 6))
    many = torch.nn.functional.normalize(torch.randn(1500, 8, generator=torch.Generator().manual_seed(0)), dim=-1)
    assert recalls(nearest_places(many, many, [[row] for row in range(1500)]))[0] == 1
