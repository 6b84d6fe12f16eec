"""One shard: its masks, its lines, its pictures; and whatever lies in a folder of pictures."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gencontrol.engine import GroundingMaker, Rules
from gencontrol.engine.candidates import BROKEN_ROW, NARROW_PICTURE, OTHER_SIZE, SMALL_PICTURE, UNREADABLE
from gencontrol.engine.rows import Part, Row
from gencontrol.engine.shards import Set, make_shard, read_lines
from gencontrol.engine.sources.captions import CaptionsFile
from gencontrol.engine.wording import PhraseWording
from gencontrol.errors import InputError
from gencontrol.images.reading import read_image
from gencontrol.proposals.segmenter import BoxSegmenter
from gencontrol.regions.masks import from_mask

MAKER = GroundingMaker(
    grounder=None,
    segmenter=BoxSegmenter(),
    agreement=None,
    wording=PhraseWording(),
    rules=Rules(agreement=None, least_side=2),
)


class Rows:
    """A source of one shard."""

    def __init__(self, rows: list[Row]):
        self.rows, self.shards, self.facts = rows, 1, {}

    def read(self, shard: int) -> Iterator[Row]:
        yield from self.rows


def making(folder: Path, source: Any, **changes: Any) -> Set:
    return Set(**{"folder": folder, "source": source, "maker": MAKER, "rules": MAKER.rules} | changes)


@pytest.fixture
def source(sets: Any, tmp_path: Path) -> CaptionsFile:
    listing = sets.write_lines(tmp_path / "captions.jsonl", sets.rows(3))
    return CaptionsFile(listing, sets.save_pictures(tmp_path / "pictures", 3), shard=2)


def test_masks_and_lines(source: CaptionsFile, tmp_path: Path) -> None:
    one = making(tmp_path / "out", source)
    make_shard(one, 1)
    lines = list(read_lines(one.lines(1)))
    # The data set's own score comes first.
    assert [(line["picture"], line["phrase"], line["mask"]) for line in lines] == [
        ("2.png", "the dog", "masks/000001/00000-000.png"),
        ("2.png", "a cat", "masks/000001/00000-001.png"),
    ]
    assert {line["image"] for line in lines} == {"../pictures/2.png"}
    assert lines[0]["whole_caption"] == "a cat and the dog" and lines[0]["class"] is None
    mask = from_mask(tmp_path / "out" / lines[0]["mask"], size=read_image(tmp_path / "out" / lines[0]["image"]).size)
    assert mask.alpha.unique().tolist() == [0, 1] and int(mask.alpha.sum()) == 18 * 16
    with Image.open(tmp_path / "out" / lines[0]["mask"]) as image:
        assert image.mode == "1"
    before = one.lines(1).read_bytes()
    make_shard(one, 1)
    assert one.lines(1).read_bytes() == before and not one.lines(0).exists()


def test_whatever_lies_among_the_pictures_is_named_and_never_fatal(sets: Any, tmp_path: Path) -> None:
    expected = sets.hostile(tmp_path / "pictures")
    listing = sets.write_lines(
        tmp_path / "captions.jsonl",
        [*({"file": name, "boxes": sets.boxes()[:1]} for name in expected), "no JSON", {"caption": "a"}, "[]"],
    )
    one = making(tmp_path / "out", CaptionsFile(listing, tmp_path / "pictures", shard=99))
    make_shard(one, 0)
    lines = list(read_lines(one.lines(0)))
    assert {line["picture"]: line["rejected_because"] for line in lines[: len(expected)]} == expected
    assert [line["rejected_because"] for line in lines[len(expected) :]] == [BROKEN_ROW] * 3
    about = {line["picture"]: line["detail"] for line in lines}
    assert about["one.png"] == "1 x 1 (width x height)" and "decompression bomb" in about["bomb.png"]
    assert "truncated or damaged" in about["cut.png"] and "not an image" in about["text.png"]
    # Where a picture lies on this machine is no part of why.
    assert not any(str(tmp_path) in line["detail"] for line in lines)
    assert about["captions.jsonl, row 7"].startswith("not JSON") and SMALL_PICTURE and UNREADABLE


@pytest.mark.parametrize("copies", [False, True])
def test_names_that_lead_nowhere_are_never_fatal(sets: Any, tmp_path: Path, *, copies: bool) -> None:
    pictures = sets.save_pictures(tmp_path / "pictures", 1)
    (pictures / "loop.png").symlink_to("loop.png")
    (pictures / "dead.png").symlink_to("nowhere.png")
    names = ["loop.png", "dead.png", "a\0b.png", "x" * 5000, "\ud800.png", ".", "0.png"]
    listing = sets.write_lines(tmp_path / "c.jsonl", [{"file": name, "boxes": sets.boxes()[:1]} for name in names])
    one = making(tmp_path / "out", CaptionsFile(listing, pictures, shard=99), copies=copies)
    make_shard(one, 0)
    lines = list(read_lines(one.lines(0)))
    assert [line["picture"] for line in lines] == names
    assert [line["rejected_because"] for line in lines] == [UNREADABLE] * 6 + [""]
    assert lines[0]["image"] is None and lines[2]["image"] is None and lines[-1]["image"] is not None


def test_a_picture_that_no_model_sees_anything_of(tmp_path: Path) -> None:
    sizes = {"wide.png": (1601, 16), "high.png": (16, 1601), "at.png": (1600, 16), "small.png": (9000, 1)}
    for name, size in sizes.items():
        Image.new("RGB", size).save(tmp_path / name)
    part = Part(phrase="a cat", box=(0.1, 0.1, 0.6, 0.6), is_share=True)
    one = making(tmp_path / "out", Rows([Row(name=name, picture=tmp_path / name, parts=(part,)) for name in sizes]))
    make_shard(one, 0)
    lines = [(line["rejected_because"], line["detail"]) for line in read_lines(one.lines(0))]
    assert lines == [
        (NARROW_PICTURE, "1601 x 16 (width x height)"),
        (NARROW_PICTURE, "16 x 1601 (width x height)"),
        ("", ""),
        (SMALL_PICTURE, "9000 x 1 (width x height)"),
    ]


def test_copies_and_pictures_out_of_archives(sets: Any, tmp_path: Path) -> None:
    pictures = sets.save_pictures(tmp_path / "pictures", 2)
    parts = CaptionsFile(sets.write_lines(tmp_path / "c.jsonl", sets.rows(1)), pictures, shard=1)
    (row,) = parts.read(0)
    held = sets.content(sets.picture(), "JPEG")
    rows = [
        row,
        Row(name="a/b.JPG", picture=held, parts=row.parts),
        Row(name="bare.png", picture=held),
        Row(name="broken.png", picture=b"no picture", parts=row.parts),
        Row(name="1.png", picture=pictures / "1.png"),
        Row(name="odd.exe", picture=held, parts=row.parts),
        Row(name="array.npy", picture=pictures / "array.npy", parts=row.parts),
    ]
    np.save(pictures / "array.npy", np.full((40, 48, 3), 128, np.uint8))
    one = making(tmp_path / "out", Rows(rows), copies=True)
    make_shard(one, 0)
    shown = {line["picture"]: line["image"] for line in read_lines(one.lines(0))}
    assert shown == {
        "0.png": "pictures/000000/00000.png",
        "a/b.JPG": "pictures/000000/00001.jpg",
        "bare.png": None,
        "broken.png": None,
        "1.png": None,
        "odd.exe": "pictures/000000/00005.img",
        "array.npy": "pictures/000000/00006.npy",
    }
    files = sorted(path.name for path in (tmp_path / "out" / "pictures" / "000000").iterdir())
    assert files == ["00000.png", "00001.jpg", "00005.img", "00006.npy"]
    assert (tmp_path / "out" / "pictures/000000/00000.png").read_bytes() == (pictures / "0.png").read_bytes()
    assert (tmp_path / "out" / "pictures/000000/00001.jpg").read_bytes() == held


def test_a_share_is_drawn_by_the_seed(sets: Any, tmp_path: Path) -> None:
    source = Rows([Row(name=str(number), fault="x") for number in range(200)])

    def taken(**changes: Any) -> list[str]:
        one = making(tmp_path / "out", source, **changes)
        make_shard(one, 0)
        return [line["picture"] for line in read_lines(one.lines(0))]

    half = taken(share=0.5, seed=1)
    assert 70 < len(half) < 130 and half == taken(share=0.5, seed=1) != taken(share=0.5, seed=2)
    assert len(taken()) == 200 and set(taken(share=0.2, seed=1)) < set(half)


def test_a_broken_file_of_lines_is_named(tmp_path: Path) -> None:
    path = tmp_path / "000000.jsonl"
    path.write_text('{"a": 1}\n\n{"a"')
    lines = read_lines(path)
    assert next(lines) == {"a": 1}
    with pytest.raises(InputError, match=r"000000\.jsonl is broken .* remove it, and call the command again"):
        next(lines)
    path.write_text(json.dumps({"a": "\udc80 é\x85b"}, ensure_ascii=True))
    assert next(read_lines(path)) == {"a": "\udc80 é\x85b"}
    assert torch.get_num_threads()


def test_a_picture_that_is_not_the_one_that_was_drawn_on(tmp_path: Path) -> None:
    Image.new("RGB", (40, 20)).save(tmp_path / "a.png")
    part = Part(phrase="a cup", box=(1, 2, 30, 18))
    rows = [
        Row(name=f"{number}.png", picture=tmp_path / "a.png", caption="a cup", parts=(part,), size=size)
        for number, size in enumerate([(20, 40), None, (40, 20), (200, 400)])
    ]
    one = making(tmp_path / "out", Rows(rows))
    make_shard(one, 0)
    lines = {line["picture"]: line for line in read_lines(one.lines(0))}
    assert lines["0.png"]["mask"] and lines["1.png"]["mask"]
    assert [lines[name]["rejected_because"] for name in ("2.png", "3.png")] == [OTHER_SIZE] * 2
    assert lines["3.png"]["detail"] == "40 x 20, and the data set's is 400 x 200 (width x height)"
