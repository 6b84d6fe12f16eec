"""Folders that are classes."""

from pathlib import Path

import pytest

from gencontrol.engine.sources.classes import ClassFolders, read_class_names
from gencontrol.errors import InputError


def put(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def test_pictures_in_the_order_of_their_names(tmp_path: Path) -> None:
    put(tmp_path, "red_cat/2.PNG", "red_cat/1.jpg", "dog/a/3.webp", "dog/notes.txt", "loose.png")
    source = ClassFolders(tmp_path, shard=2)
    assert source.shards == 2 and source.facts["pictures"] == 3 and source.facts["classes"] == 2
    found = [(row.name, row.label, row.picture) for shard in range(2) for row in source.read(shard)]
    assert found == [
        ("dog/a/3.webp", "dog", tmp_path / "dog/a/3.webp"),
        ("red_cat/1.jpg", "red cat", tmp_path / "red_cat/1.jpg"),
        ("red_cat/2.PNG", "red cat", tmp_path / "red_cat/2.PNG"),
    ]
    before = source.facts["sha256"]
    put(tmp_path, "dog/4.png")
    assert ClassFolders(tmp_path, shard=2).facts["sha256"] != before


def test_names_of_synsets(tmp_path: Path) -> None:
    put(tmp_path, "all/n01/1.png", "all/n02/1.png")
    (tmp_path / "names.txt").write_text("n01 tench, Tinca tinca\n\nn02\tgold fish\nn03 x\n")
    names = read_class_names(tmp_path / "names.txt")
    assert names == {"n01": "tench", "n02": "gold fish", "n03": "x"}
    labels = [row.label for row in ClassFolders(tmp_path / "all", shard=9, names=names).read(0)]
    assert labels == ["tench", "gold fish"]
    with pytest.raises(InputError, match=r"n01 in .*all has no line in the file of names: add it"):
        ClassFolders(tmp_path / "all", shard=9, names={"n02": "x"})
    (tmp_path / "names.txt").write_text("n01\n")
    with pytest.raises(InputError, match=r"names\.txt:1: expected a folder and its name, got 'n01'"):
        read_class_names(tmp_path / "names.txt")


def test_no_classes(tmp_path: Path) -> None:
    put(tmp_path, "loose.png", "dog/notes.txt")
    with pytest.raises(InputError, match="has no folders with pictures in them, one for each class"):
        ClassFolders(tmp_path, shard=1)
    with pytest.raises(InputError, match="No folder at"):
        ClassFolders(tmp_path / "none", shard=1)
    with pytest.raises(InputError, match="is an address"):
        ClassFolders(Path("https://a/b"), shard=1)
