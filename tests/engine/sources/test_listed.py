"""One document in JSON that names pictures: a list, or COCO's captions."""

import json
from pathlib import Path
from typing import Any

import pytest

from gencontrol.engine.sources.captions import CaptionsFile
from gencontrol.engine.sources.coco import CocoAnnotations
from gencontrol.engine.sources.listed import ListedCaptions, is_document
from gencontrol.engine.sources.opening import open_data_set
from gencontrol.errors import InputError

COCO = {
    "info": {"year": 2017},
    "images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "coco_url": "http://x.org/v/b.jpg"}, {"id": 3}, 4],
    "annotations": [
        {"image_id": 2, "caption": " a dog "},
        {"image_id": 2, "caption": "a second"},
        {"image_id": 3, "caption": "nothing"},
    ],
}
ROWS = [{"image": f"{number}.png", "caption": f"cat {number}"} for number in range(5)]


def write(folder: Path, values: Any, **layout: Any) -> Path:
    path = folder / "c.json"
    path.write_text(values if isinstance(values, str) else json.dumps(values, **layout))
    return path


@pytest.mark.parametrize("layout", [{}, {"indent": 1}, {"indent": 4, "sort_keys": True}, {"separators": (",", ":")}])
def test_cocos_captions_alone(tmp_path: Path, layout: dict[str, Any]) -> None:
    path = write(tmp_path, COCO, **layout)
    source = open_data_set(tmp_path, shard=3, captions=path)
    assert isinstance(source, ListedCaptions) and source.shards == 2
    assert source.facts["pictures"] == 4 and source.facts["kind"] == "captions"
    first, second, third = source.read(0)
    assert first.picture == tmp_path / "a.jpg" and first.caption == "" and not first.fault
    assert second.picture == tmp_path / "b.jpg" and second.name == "b.jpg" and second.caption == "a dog"
    assert third.name == "c.json, row 3" and "expected an object with file and caption" in third.fault
    (last,) = source.read(1)
    assert last.name == "c.json, row 4" and "got 4" in last.fault


@pytest.mark.parametrize("layout", [{}, {"indent": 2}])
def test_a_list_of_rows(tmp_path: Path, layout: dict[str, Any]) -> None:
    source = open_data_set(tmp_path, shard=2, captions=write(tmp_path, ROWS, **layout))
    assert isinstance(source, ListedCaptions) and source.shards == 3
    assert [row.name for shard in (2, 0) for row in source.read(shard)] == ["4.png", "0.png", "1.png"]
    assert next(iter(source.read(1))).caption == "cat 2"
    other = open_data_set(tmp_path, shard=2, captions=write(tmp_path, ROWS[:1]))
    assert other.facts["sha256"] != source.facts["sha256"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\ufeff" + json.dumps(COCO), True),
        ("\n " + json.dumps(ROWS), True),
        ("[1]\n" + json.dumps(ROWS[0]), False),
        (json.dumps(ROWS[0]), False),
        (json.dumps(ROWS[0] | {"images": [1]}) + "\n" + json.dumps(ROWS[1]), False),
        ('{"info": {}}', False),
        ('{"file"\n{"file": "a"}', False),
        ("file,caption\na.png,a cat", False),
        ("", False),
    ],
)
def test_documents_and_files_of_lines(tmp_path: Path, text: str, expected: bool) -> None:
    assert is_document(write(tmp_path, text)) == expected


def test_a_document_whose_first_line_is_longer_than_a_row(tmp_path: Path) -> None:
    many = COCO | {"images": [{"id": number, "file_name": f"{number}.jpg"} for number in range(40_000)]}
    path = write(tmp_path, many)
    assert path.stat().st_size > 2**20 and is_document(path)
    assert open_data_set(tmp_path, shard=40_000, captions=path).facts["pictures"] == 40_000


def test_what_is_no_such_document(tmp_path: Path) -> None:
    instances = {"images": COCO["images"], "annotations": [{"image_id": 1, "bbox": [1, 2, 3, 4]}]}
    with pytest.raises(InputError, match=r"c\.json holds no captions; expected COCO's captions \(instances go to"):
        open_data_set(tmp_path, shard=1, captions=write(tmp_path, instances))
    with pytest.raises(InputError, match=r"c\.json: images: expected a list of objects, as COCO's captions"):
        ListedCaptions(write(tmp_path, {"annotations": COCO["annotations"]}), tmp_path, shard=1)
    with pytest.raises(InputError, match=r"c\.json: annotations: expected a list of objects"):
        ListedCaptions(write(tmp_path, {"images": []}), tmp_path, shard=1)
    with pytest.raises(InputError, match=r"c\.json lists no pictures; expected objects with file and caption"):
        open_data_set(tmp_path, shard=1, captions=write(tmp_path, []))
    with pytest.raises(InputError, match=r"c\.json is not JSON; expected a file of captions: "):
        open_data_set(tmp_path, shard=1, captions=write(tmp_path, "[\n"))
    with pytest.raises(InputError, match="missing is no folder; expected that of the pictures"):
        ListedCaptions(write(tmp_path, ROWS), tmp_path / "missing", shard=1)
    with pytest.raises(InputError, match=r"none\.json; expected a file of captions"):
        open_data_set(tmp_path, shard=1, captions=tmp_path / "none.json")


def test_lines_are_read_as_before(tmp_path: Path) -> None:
    path = write(tmp_path, "\n".join(json.dumps(row) for row in ROWS))
    assert isinstance(open_data_set(tmp_path, shard=1, captions=path), CaptionsFile)
    # Beside annotations, COCO's captions are expected, and lines told from them.
    instances = tmp_path / "i.json"
    instances.write_text(json.dumps({"images": [{"id": 1, "file_name": "a"}], "annotations": [], "categories": []}))
    with pytest.raises(InputError, match=r"c\.json is not JSON; expected COCO's file of captions, as it belongs"):
        CocoAnnotations(instances, tmp_path, shard=1, captions=path)
