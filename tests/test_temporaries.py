"""Whether anybody still writes what is not finished."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from gencontrol.temporaries import is_temporary, remove_leftovers, temporary_name


def made_by(folder: Path, process: int, *, host: str = "", age: float = 0.0) -> Path:
    """An empty temporary file of a process, made `age` seconds ago."""
    _, _, own_host, _, rest = temporary_name(".png").split("-")
    path = folder / f".gencontrol-tmp-{host or own_host}-{process}-{rest}"
    path.touch()
    made = path.stat().st_mtime - age
    os.utime(path, (made, made))
    return path


def dead_process() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_names() -> None:
    first, second = temporary_name(".png"), temporary_name(".png")
    assert first != second and first.endswith(".png") and str(os.getpid()) in first
    assert is_temporary(first) and is_temporary(Path("folder") / temporary_name() / "weights")
    assert temporary_name("." + "s" * 15).endswith("s" * 15)
    assert "." not in temporary_name("." + "s" * 16)[1:]
    assert not is_temporary("photo.png") and not is_temporary(".gencontrol-tmp-mine.png")


def test_a_dead_processs_are_removed_and_folders_whole(tmp_path: Path) -> None:
    process = dead_process()
    made_by(tmp_path, process)
    folder = made_by(tmp_path, process)
    folder.unlink()
    (folder / "inner").mkdir(parents=True)
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_living_processs_stay_and_so_do_other_names(tmp_path: Path) -> None:
    kept = [made_by(tmp_path, os.getpid()), made_by(tmp_path, os.getppid())]
    (tmp_path / ".gencontrol-tmp-notes").touch()
    (tmp_path / "photo.png").touch()
    remove_leftovers(tmp_path)
    assert len(list(tmp_path.iterdir())) == 4 and all(path.exists() for path in kept)


def test_a_number_that_was_given_again_is_another_process(tmp_path: Path) -> None:
    """As after the restart of a container, in which the first process is 1 again."""
    since = psutil.Process().create_time()
    made_by(tmp_path, os.getpid(), age=1e6)
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == []
    kept = made_by(tmp_path, os.getpid())
    os.utime(kept, (since - 0.5, since - 0.5))
    remove_leftovers(tmp_path)
    assert kept.exists()


def test_a_process_that_nobody_has_fetched_is_dead(tmp_path: Path) -> None:
    done = subprocess.Popen([sys.executable, "-c", ""])
    while psutil.Process(done.pid).status() != psutil.STATUS_ZOMBIE:
        pass
    made_by(tmp_path, done.pid)
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == []
    done.wait()


@pytest.mark.parametrize(("age", "stays"), [(23 * 3600.0, True), (25 * 3600.0, False)])
def test_another_machines_stay_for_a_day(age: float, stays: bool, tmp_path: Path) -> None:
    path = made_by(tmp_path, 1, host="0123abcd", age=age)
    remove_leftovers(tmp_path)
    assert path.exists() == stays


def test_a_process_that_may_not_be_looked_at_is_taken_for_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made_by(tmp_path, dead_process())

    def hidden(process: int) -> None:
        raise psutil.AccessDenied(process)

    with monkeypatch.context() as patch:
        patch.setattr(psutil, "Process", hidden)
        remove_leftovers(tmp_path)
    assert path.exists()
