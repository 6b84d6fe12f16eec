"""A folder that one process at a time writes to; the others are real ones."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gencontrol.errors import OutputError
from gencontrol.locks import LOCK, held

HOLDS = """
import sys, time
from pathlib import Path
from gencontrol.locks import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that holds a folder until its input ends."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-P", "-c", HOLDS, str(folder)], **pipes) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield process
        if process.poll() is None:
            process.kill()


def test_one_process_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "clip"
    with another(folder) as process:
        said = rf"^{folder} is in use: process {process.pid} has been writing there since \d{{4}}-.*\. Wait for its end"
        with pytest.raises(OutputError, match=said), held(folder):
            pass
        assert (folder / LOCK).is_file()
        process.communicate("")
    with held(folder):
        assert json.loads((folder / LOCK).read_text())["process"] != process.pid
    # What was made for the lock alone is gone with it.
    assert tmp_path.is_dir() and not list(tmp_path.iterdir())


def test_what_a_run_leaves_stays_and_what_was_there_before(tmp_path: Path) -> None:
    with held(tmp_path):
        pass
    assert tmp_path.is_dir()
    with pytest.raises(RuntimeError), held(tmp_path / "runs" / "clip"):
        (tmp_path / "runs" / "log").touch()
        raise RuntimeError
    assert [path.name for path in tmp_path.rglob("*")] == ["runs", "log"]


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    with another(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (tmp_path / LOCK).is_file()
    with held(tmp_path):
        pass
    assert not (tmp_path / LOCK).exists()


def test_a_process_may_hold_a_folder_twice(tmp_path: Path) -> None:
    with held(tmp_path):
        with held(tmp_path):
            pass
        assert (tmp_path / LOCK).is_file()
    assert not (tmp_path / LOCK).exists()


def test_an_error_lets_go(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), held(tmp_path):
        raise ZeroDivisionError
    assert not (tmp_path / LOCK).exists()


def test_who_holds_it_is_said_as_far_as_it_is_known(tmp_path: Path) -> None:
    with another(tmp_path) as process:
        held_by = {"host": "else where", "process": process.pid, "since": time.time()}
        for written, said in (
            (json.dumps(held_by), rf"in use: process {process.pid} on else where has been writing there since"),
            ("", "in use: another process writes there"),
            ("[1]", "in use: another process writes there"),
            ("{", "in use: another process writes there"),
        ):
            (tmp_path / LOCK).write_text(written)
            with pytest.raises(OutputError, match=said), held(tmp_path):
                pass


def test_a_holder_that_takes_its_file_away_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was opened is nobody's any more: the next file is."""
    import fcntl

    locked = fcntl.flock

    def flock(descriptor: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", locked)
        (tmp_path / LOCK).unlink()
        locked(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with held(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["process"]


def test_disks_without_locks_hold_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: int, how: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", flock)
    with held(tmp_path), held(tmp_path):
        assert not list(tmp_path.iterdir())
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with held(tmp_path):
        pass


def test_folders_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match="cannot be written"), held(folder):
            pass


def test_a_folder_that_another_takes_away_meanwhile_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, opened, gone = tmp_path / "run", os.open, []

    def late(path: Path, *flags: int) -> int:
        if not gone:
            gone.append(path)
            folder.rmdir()
        return opened(path, *flags)

    monkeypatch.setattr(os, "open", late)
    with held(folder):
        assert (folder / LOCK).is_file() and gone == [folder / LOCK]
