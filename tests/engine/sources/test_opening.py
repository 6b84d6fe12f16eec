"""Which kind of data set is meant."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gencontrol.engine.sources.captions import CaptionsFile
from gencontrol.engine.sources.classes import ClassFolders
from gencontrol.engine.sources.coco import CocoAnnotations
from gencontrol.engine.sources.opening import is_archive, open_data_set, written_at
from gencontrol.engine.sources.pictures import is_picture
from gencontrol.engine.sources.source import Source
from gencontrol.engine.sources.tars import TarShards
from gencontrol.errors import InputError


def test_each_kind(sets: Any, tmp_path: Path) -> None:
    pictures = sets.save_pictures(tmp_path / "pictures" / "cat", 1)
    listing = sets.write_lines(tmp_path / "c.jsonl", sets.rows(1))
    instances = tmp_path / "i.json"
    instances.write_text(json.dumps({"images": [{"id": 1}], "annotations": [], "categories": []}))
    tar = sets.write_tar(tmp_path / "a.tar", {"a.txt": b"x"})
    made = {
        CaptionsFile: open_data_set(pictures, shard=1, captions=listing),
        CocoAnnotations: open_data_set(pictures, shard=1, annotations=instances),
        ClassFolders: open_data_set(pictures.parent, shard=1),
        TarShards: open_data_set(tar, shard=1),
    }
    for kind, source in made.items():
        assert isinstance(source, kind) and isinstance(source, Source) and source.shards == 1
    assert isinstance(open_data_set(tmp_path, shard=1), TarShards)
    assert is_archive(tar) and is_archive(tmp_path) and not is_archive(pictures) and not is_archive(listing)
    with pytest.raises(InputError, match=r"a\.tar holds captions itself: leave `captions` and `annotations` out"):
        open_data_set(tar, shard=1, captions=listing)


def test_when_archives_were_written(sets: Any, tmp_path: Path) -> None:
    pictures = sets.save_pictures(tmp_path / "pictures", 1)
    assert written_at(pictures) == []
    table = pictures / "t.parquet"
    for number, path in enumerate((table, pictures / "b.tar", pictures / "a.tar", pictures / "1.parquet")):
        path.write_bytes(b"")
        os.utime(path, ns=(0, 10**9 + number))
        if path is table:
            assert written_at(pictures) == written_at(table) == [("t.parquet", 10**9)]
    # Those that are read: archives, where there are both.
    assert written_at(pictures) == [("a.tar", 10**9 + 2), ("b.tar", 10**9 + 1)]


def test_pictures_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "a.JPEG").write_bytes(b"")
    (tmp_path / "b.png").mkdir()
    (tmp_path / "dead.png").symlink_to("nowhere.png")
    (tmp_path / "loop.png").symlink_to("loop.png")
    # What cannot be read is told of by whoever reads it.
    assert is_picture(tmp_path / "dead.png") and is_picture(tmp_path / "loop.png")
    assert is_picture(tmp_path / "a.JPEG") and not is_picture(tmp_path / "b.png")
    assert not is_picture(tmp_path / "none.png") and not is_picture(Path(__file__))
