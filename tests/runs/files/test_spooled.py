"""Standard streams as files, for as long as a run takes."""

import errno
import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gencontrol.errors import InputError, OutputError
from gencontrol.runs.files import spooled
from gencontrol.runs.files.spooled import PREFIX, deliver, in_words, spool, stream_or_path


def test_a_stream_is_copied_whole(tmp_path: Path) -> None:
    content = bytes(range(256)) * 9000
    path = spool(io.BytesIO(content), tmp_path)
    assert (path.name, path.read_bytes()) == ("stdin", content)


def test_what_is_told_by_its_suffix_gets_one(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.ones((3, 4)))
    path = spool(io.BytesIO(buffer.getvalue()), tmp_path)
    assert path.name == "stdin.npy" and np.load(path).shape == (3, 4)
    assert spool(io.BytesIO(b'{"size": [2, 2]}'), tmp_path).name == "stdin.json"


def test_nothing_and_without_end_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"^standard input is empty: nothing was sent through it"):
        spool(io.BytesIO(), tmp_path)
    monkeypatch.setattr(spooled, "LARGEST", 2**20)
    (tmp_path / "most").mkdir()
    assert spool(io.BytesIO(bytes(2**20)), tmp_path / "most").stat().st_size == 2**20
    (tmp_path / "more").mkdir()
    with pytest.raises(InputError, match=r"^standard input is longer than 1 MB: give a file"):
        spool(io.BytesIO(bytes(2**20 + 1)), tmp_path / "more")


class Part(io.BytesIO):
    """Takes three bytes at a time, and now and then none, as a pipe may."""

    turn = 0

    def write(self, content: Any, /) -> Any:
        self.turn += 1
        return None if self.turn % 4 == 0 else super().write(bytes(content)[:3])


def test_a_result_is_sent_whole(tmp_path: Path) -> None:
    (tmp_path / "stdout.png").write_bytes(bytes(range(200)))
    stream = Part()
    deliver(tmp_path / "stdout.png", stream)
    assert stream.getvalue() == bytes(range(200))


def test_a_full_disk_is_said_and_a_reader_that_left_is_not(tmp_path: Path) -> None:
    (tmp_path / "stdout.png").write_bytes(b"x" * 100)
    with (
        open("/dev/full", "wb") as full,
        pytest.raises(OutputError, match=r"^standard output cannot be written: No space"),
    ):
        deliver(tmp_path / "stdout.png", full)

    class Left(io.BytesIO):
        def write(self, content: Any, /) -> int:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    with pytest.raises(BrokenPipeError):
        deliver(tmp_path / "stdout.png", Left())


def test_records_and_messages_call_them_what_they_are() -> None:
    folder = Path(tempfile.gettempdir()) / f"{PREFIX}a1_b2"
    assert stream_or_path(folder / "stdin") == stream_or_path(folder / "stdout.png") == "-"
    assert stream_or_path(Path("a/stdin")) == "a/stdin"
    assert in_words(f"{folder}/stdin is no {folder}/stdout.png, /x/stdin") == (
        "standard input is no standard output, /x/stdin"
    )
