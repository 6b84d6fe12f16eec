"""Tables in parquet, GRIT's and those that hold their pictures."""

import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from gencontrol.engine.sources.opening import is_archive, open_data_set
from gencontrol.engine.sources.parquet import ParquetShards
from gencontrol.errors import InputError, MissingDependencyError


def write(path: Path, columns: dict[str, list[Any]], *, group: int = 100) -> Path:
    parquet.write_table(pa.table(columns), path, row_group_size=group)
    return path


def test_grits_rows_name_pictures_beside_the_table(sets: Any, tmp_path: Path) -> None:
    sets.picture().save(tmp_path / "000000002.png")
    grit = {
        "key": ["000000001", "000000002"],
        "url": ["x", "y"],
        "caption": ["a dog in the grass", "a cat"],
        "noun_chunks": [[[0.0, 5.0, 0, 0, 1, 1, 0.9]], []],
        "ref_exps": [[[2.0, 5.0, 0, 0, 0.5, 0.5, 0.9]], []],
    }
    source = ParquetShards(write(tmp_path / "coyo_0_snappy.parquet", grit))
    assert source.shards == 1 and source.facts["kind"] == "parquet"
    first, second = source.read(0)
    assert (first.name, first.caption) == ("000000001", "a dog in the grass")
    assert [(part.phrase, part.is_share, part.box) for part in first.parts] == [("dog", True, (0.0, 0.0, 0.5, 0.5))]
    # One that is there has its ending; one that is not is said to be missing by whoever reads it.
    assert second.picture == tmp_path / "000000002.png" and second.parts == ()
    assert first.picture == tmp_path / "000000001"


def test_pictures_in_the_table(sets: Any, tmp_path: Path) -> None:
    held = sets.content(sets.picture())
    (tmp_path / "b.png").write_bytes(held)
    write(tmp_path / "1.parquet", {"image": [{"bytes": held, "path": "x.png"}, {"bytes": None, "path": "b.png"}]})
    write(tmp_path / "0.parquet", {"jpg": [held, held, None], "txt": ["one", None, "three"]}, group=2)
    source = open_data_set(tmp_path, shard=9)
    # A group of rows is a shard: two of the first table, one of the second.
    assert isinstance(source, ParquetShards) and source.shards == 3
    assert [(row.name, row.caption, row.picture) for row in source.read(0)] == [
        ("0/0/0", "one", held),
        ("0/0/1", "", held),
    ]
    (third,) = source.read(1)
    assert third.fault.startswith("no picture: expected one of the columns image, jpg,")
    assert third.fault.endswith(", key, got none")
    assert [row.picture for row in source.read(2)] == [held, tmp_path / "b.png"]
    assert is_archive(tmp_path / "1.parquet") and is_archive(tmp_path)


def test_a_name_that_is_a_number_is_told(tmp_path: Path) -> None:
    source = ParquetShards(write(tmp_path / "a.parquet", {"key": [0, 7], "caption": ["a cat", "a dog"]}))
    assert [row.fault.rpartition(", ")[2] for row in source.read(0)] == ["got key 0", "got key 7"]


def test_own_boxes_and_broken_rows(sets: Any, tmp_path: Path) -> None:
    held = sets.content(sets.picture())
    boxes = [[{"phrase": "a cat", "box": [1, 2, 3, 4]}], [{"phrase": "", "box": [1, 2, 3, 4]}]]
    source = ParquetShards(write(tmp_path / "a.parquet", {"png": [held, held], "boxes": boxes}))
    good, bad = source.read(0)
    assert [(part.phrase, part.box) for part in good.parts] == [("a cat", (1.0, 2.0, 3.0, 4.0))]
    assert bad.fault.startswith("boxes[0]: expected an object with phrase and box")


def test_many_rows_come_in_their_order(sets: Any, tmp_path: Path) -> None:
    held = sets.content(sets.picture())
    write(tmp_path / "a.parquet", {"png": [held] * 50, "text": [str(i) for i in range(50)]})
    rows = list(ParquetShards(tmp_path / "a.parquet").read(0))
    assert [row.caption for row in rows] == [str(i) for i in range(50)]
    assert rows[49].name == "a/0/49"


def test_tables_that_are_broken_or_not_there(sets: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"png": [sets.content(sets.picture())] * 30})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    source = ParquetShards(path)
    assert source.shards == 1
    (row,) = source.read(0)
    assert row.name == "a.parquet" and row.fault.startswith("the table is broken: ")
    path.write_bytes(whole)
    source = ParquetShards(path)
    # The bytes of the columns are changed once the list was made.
    path.write_bytes(whole[:40] + bytes(200) + whole[240:])
    assert any(row.fault.startswith("the table is broken") for row in source.read(0))
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match=r"No \.parquet files in"):
        ParquetShards(empty)
    with pytest.raises(InputError, match=r"a\.parquet holds captions itself"):
        open_data_set(path, shard=1, captions=path)


def test_without_pyarrow_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'gencontrol\[parquet\]'"):
        ParquetShards(tmp_path)


def test_a_name_that_cannot_be_one_leaves_the_others(sets: Any, tmp_path: Path) -> None:
    sets.picture().save(tmp_path / "1.png")
    names = {"key": ["x" * 5000, "a\0b", "1"], "caption": ["one", "two", "three"]}
    found = list(ParquetShards(write(tmp_path / "t.parquet", names)).read(0))
    assert [(row.caption, row.fault) for row in found] == [("one", ""), ("two", ""), ("three", "")]
    assert found[2].picture == tmp_path / "1.png"
