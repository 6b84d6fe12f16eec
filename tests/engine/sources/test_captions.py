"""A captions file, read from wherever a shard begins."""

import hashlib
import json
from pathlib import Path

import pytest

from gencontrol.engine.sources import captions
from gencontrol.engine.sources.captions import CaptionsFile
from gencontrol.errors import InputError


def write(folder: Path, text: str) -> Path:
    path = folder / "c.jsonl"
    path.write_bytes(text.encode())
    return path


def test_shards_are_read_by_themselves(tmp_path: Path) -> None:
    lines = [
        json.dumps({"file": f"ü{number}.png", "caption": f"cat {number}"}, ensure_ascii=False) for number in range(5)
    ]
    path = write(tmp_path, "\ufeff" + "\n\n".join(lines[:3]) + "\n \n" + "\n".join(lines[3:]))
    source = CaptionsFile(path, tmp_path, shard=2)
    assert source.shards == 3 and source.facts["pictures"] == 5 and source.facts["kind"] == "captions"
    found = [[row.name for row in source.read(shard)] for shard in (2, 0, 1)]
    assert found == [["ü4.png"], ["ü0.png", "ü1.png"], ["ü2.png", "ü3.png"]]
    (row,) = source.read(2)
    assert row.picture == tmp_path / "ü4.png" and row.caption == "cat 4"
    # Another file is told from it.
    assert CaptionsFile(write(tmp_path, lines[0]), tmp_path, shard=2).facts["sha256"] != source.facts["sha256"]


def test_other_names_of_the_file(tmp_path: Path) -> None:
    source = CaptionsFile(
        write(tmp_path, '{"image": "a"}\n{"file_name": "b"}\n{"file": "c", "image": "d"}'), tmp_path, shard=9
    )
    assert [row.name for row in source.read(0)] == ["a", "b", "c"]


def test_broken_lines_are_rows_that_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captions, "LONGEST", 30)
    path = tmp_path / "c.jsonl"
    path.write_bytes(b'{"file": 3}\n{"file"\n\xff\xfe\n[1]\n{"file": "a"}\n' + b"x" * 40 + b'\n{"file": "b"}')
    source = CaptionsFile(path, tmp_path, shard=3)
    found = [row for shard in range(source.shards) for row in source.read(shard)]
    # A line that is too long is one row, however many pieces it is read in: those behind it keep their numbers.
    assert [bool(row.fault) for row in found] == [True, True, True, True, False, True, False]
    assert source.shards == 3 and source.facts["pictures"] == 7
    assert source.facts["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert "expected an object with file and caption, got {'file': 3}" in found[0].fault
    assert found[1].name == "c.jsonl, row 2" and found[1].fault.startswith("not JSON in UTF-8")
    assert found[5].fault == "longer than 30 bytes"


def test_no_file_no_lines_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.jsonl; expected a file of captions"):
        CaptionsFile(tmp_path / "none.jsonl", tmp_path, shard=1)
    with pytest.raises(InputError, match="is empty; expected one JSON object a line"):
        CaptionsFile(write(tmp_path, " \n\n"), tmp_path, shard=1)
    with pytest.raises(InputError, match="missing is no folder; expected that of the pictures"):
        CaptionsFile(write(tmp_path, "{}"), tmp_path / "missing", shard=1)


def test_a_line_may_be_a_megabyte_long(tmp_path: Path) -> None:
    frame = len(json.dumps({"file": "a", "caption": ""}))
    # The first with its line break.
    lines = [json.dumps({"file": "a", "caption": "x" * (2**20 - frame + more)}) for more in (-1, 1)]
    first, second = CaptionsFile(write(tmp_path, "\n".join(lines)), tmp_path, shard=9).read(0)
    assert not first.fault and len(first.caption) == 2**20 - frame - 1
    assert second.fault == "longer than 1,048,576 bytes"


def test_a_line_that_is_too_long_is_one_row_at_any_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captions, "LONGEST", 30)
    path = tmp_path / "c.jsonl"
    for length in (30, 31, 32, 33, 63, 64, 65, 200):
        for filling in (b"x", b" "):
            path.write_bytes(b'{"file": "a"}\n' + filling * length + b'\n\n{"file": "b"}\n{"file": 3}\n')
            source = CaptionsFile(path, tmp_path, shard=1)
            found = [row for shard in range(source.shards) for row in source.read(shard)]
            assert [(row.name, row.fault[:6]) for row in found] == [
                ("a", ""),
                ("c.jsonl, row 2", "longer"),
                ("b", ""),
                ("c.jsonl, row 4", "expect"),
            ], (length, filling)
    # Blanks are no row, where they are no longer than a line may be.
    path.write_bytes(b" " * 29 + b'\n{"file": "b"}\n')
    assert CaptionsFile(path, tmp_path, shard=1).facts["pictures"] == 1


def test_another_kind_of_file_is_refused_at_once(tmp_path: Path) -> None:
    table = "file,caption\n" + "\n".join(f"{number}.png,a cat" for number in range(30))
    with pytest.raises(InputError, match=r"expected one JSON object a line .* the first of 20 broken lines: not JSON"):
        CaptionsFile(write(tmp_path, table), tmp_path, shard=1)
    # A file of lines that begins with broken ones is one.
    good = '\n{"file": "a", "caption": 3}\n'
    assert CaptionsFile(write(tmp_path, "x\n" * 19 + good), tmp_path, shard=1).shards == 20
    with pytest.raises(InputError, match="the first of 20 broken lines"):
        CaptionsFile(write(tmp_path, "x\n" * 20 + good), tmp_path, shard=1)
