"""Archives as webdataset and img2dataset write them."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from gencontrol.engine.sources.tars import TarShards
from gencontrol.errors import InputError


def rows(source: TarShards, shard: int = 0) -> list[Any]:
    return list(source.read(shard))


def test_files_of_one_name_are_one_row(sets: Any, tmp_path: Path) -> None:
    held = sets.content(sets.picture())
    about = {"caption": "a dog in the grass", "ref_exps": [[2, 5, 0, 0, 0.5, 0.5, 0.9]], "url": "x"}
    sets.write_tar(
        tmp_path / "1.tar",
        {
            "0/a.jpg": held,
            "0/a.json": json.dumps(about).encode(),
            "0/a.txt": b"other",
            "0/b.JSON": b"{}",
            "0/b.txt": " ein Hund ü ".encode(),
            "0/b.png": held,
            "c.png": held,
            "c.seg.png": held,
            "d.txt": b"alone",
            "e.webp": held,
            "e.json": b"{",
        },
    )
    sets.write_tar(tmp_path / "0.tar", {"z.png": held})
    source = TarShards(tmp_path)
    assert source.shards == 2 and [name for name, _ in source.facts["archives"]] == ["0.tar", "1.tar"]
    assert [row.name for row in rows(source)] == ["z.png"]
    # Of several endings the whole counts: "c.seg.png" is another one's mask.
    a, b, c, d, e = rows(source, 1)
    assert (c.name, c.picture, c.fault) == ("c.png", held, "")
    assert (a.name, a.picture, a.caption) == ("0/a.jpg", held, "a dog in the grass")
    assert [(part.phrase, part.is_share) for part in a.parts] == [("dog", True)]
    assert (b.name, b.picture, b.caption) == ("0/b.png", held, "ein Hund ü")
    assert d.fault == "no picture of this name in the archive" and d.name == "d"
    assert "its .json or .txt cannot be read" in e.fault


def test_pictures_with_a_full_stop_in_their_names_are_told_of(sets: Any, tmp_path: Path) -> None:
    held = sets.content(sets.picture())
    path = sets.write_tar(tmp_path / "a.tar", {"n.1.png": held, "n.1.json": b"{}", "x/m.cls": b"3", "o.png": held})
    with tarfile.open(path, "a") as archive:
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
    n, m, o = rows(TarShards(path))
    assert n.name == "n" and n.picture is None
    assert n.fault == ("no picture of this name in the archive, but .1.png, .1.json (names end at the first full stop)")
    assert m.name == "x/m" and "but .cls" in m.fault
    assert (o.name, o.fault) == ("o.png", "")


def test_archives_that_are_broken(sets: Any, tmp_path: Path) -> None:
    path = sets.write_tar(tmp_path / "a.tar", {f"{number}.png": sets.content(sets.picture()) for number in range(9)})
    whole = path.read_bytes()
    assert not any(row.fault for row in rows(TarShards(path)))
    # In the middle of a picture, of a header, and between two files.
    for cut in (900, 1200, 2048, 4500):
        path.write_bytes(whole[:cut])
        *good, last = rows(TarShards(path))
        assert not any(row.fault for row in good) and "the archive is broken" in last.fault, cut
    path.write_bytes(b"no archive" * 99)
    (row,) = rows(TarShards(path))
    assert row.name == "a.tar" and "the archive is broken" in row.fault
    path.write_bytes(b"")
    assert len(rows(TarShards(path))) <= 1


def test_none_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No tar archives in"):
        TarShards(tmp_path)
    with pytest.raises(InputError, match="expected a tar archive"):
        TarShards(tmp_path / "none.tar")
