"""Whole or not at all; and nobody's files are removed on the way."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gencontrol.errors import InputError
from gencontrol.files import atomic_file, atomic_folder, check_replaceable, sha256


@pytest.fixture(params=[0o027, 0o002])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """Masks that are not the usual one: a stricter one, and one of groups that write to each other's files."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def entries(folder: Path) -> list[str]:
    """Everything in a folder, hidden files too."""
    return sorted(path.name for path in folder.iterdir())


def test_file_appears_when_it_is_finished(tmp_path: Path) -> None:
    target = tmp_path / "new" / "picture.png"
    with atomic_file(target) as temporary:
        assert temporary.parent == target.parent and temporary.suffix == ".png"
        temporary.write_text("half")
        assert not target.exists()
        temporary.write_text("whole")
    assert target.read_text() == "whole" and entries(target.parent) == ["picture.png"]


def test_file_stays_as_it_was_after_a_failure(tmp_path: Path) -> None:
    target = tmp_path / "notes.txt"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_file(target) as temporary:
        temporary.write_text("new")
        raise KeyboardInterrupt
    assert target.read_text() == "old" and entries(tmp_path) == ["notes.txt"]


def test_a_file_that_failed_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), atomic_file(tmp_path / "new.bin") as temporary:
        temporary.write_bytes(b"half")
        raise ZeroDivisionError
    assert entries(tmp_path) == []


def test_two_writers_do_not_meet(tmp_path: Path) -> None:
    target = tmp_path / "shared.txt"
    with atomic_file(target) as first, atomic_file(target) as second:
        first.write_text("first")
        second.write_text("second")
    assert target.read_text() == "first"  # the last to finish
    assert entries(tmp_path) == ["shared.txt"]


def test_permissions_follow_the_umask(umask: int, tmp_path: Path) -> None:
    with atomic_file(tmp_path / "file"):
        pass
    with atomic_folder(tmp_path / "folder"):
        pass
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~umask
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o777 & ~umask


def test_permissions_are_usual_where_a_library_makes_private_files(umask: int, tmp_path: Path) -> None:
    def private(path: Path) -> None:
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)

    with atomic_file(tmp_path / "file") as temporary:
        private(temporary)
    with atomic_folder(tmp_path / "folder") as temporary:
        (temporary / "inner").mkdir()
        private(temporary / "inner" / "weights")
    for path in (tmp_path / "file", tmp_path / "folder" / "inner" / "weights"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


def test_file_in_the_place_of_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder; expected the name of a file"), atomic_file(tmp_path):
        pytest.fail("the block must not run")


def test_path_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(InputError, match="a folder on the way to it is a file"),
        atomic_file(tmp_path / "file" / "x.png"),
    ):
        pytest.fail("the block must not run")
    with pytest.raises(InputError, match="a folder on the way"), atomic_folder(tmp_path / "file" / "x" / "y"):
        pytest.fail("the block must not run")


def test_folder_appears_when_it_is_finished(tmp_path: Path) -> None:
    target = tmp_path / "new" / "model"
    with atomic_folder(target) as temporary:
        (temporary / "weights.bin").write_text("w")
        assert not target.exists()
    assert entries(target) == ["weights.bin"] and entries(target.parent) == ["model"]


def test_folders_inside_are_replaced_only_where_they_are_named(tmp_path: Path) -> None:
    target = tmp_path / "model"
    (target / "unet").mkdir(parents=True)
    (target / "unet" / "old").touch()
    with pytest.raises(InputError, match=r"holds other things \(unet\)"):
        check_replaceable(target, ("unet", "*.json"))
    with atomic_folder(target, ours=("unet/",)) as temporary:
        (temporary / "vae").mkdir()
    assert entries(target) == ["vae"]
    with pytest.raises(InputError, match=r"holds other things \(vae\)"):
        check_replaceable(target, ("unet/",))


def test_folder_replaces_its_own_earlier_files(tmp_path: Path) -> None:
    target = tmp_path / "frames"
    target.mkdir()
    for name in ("0.png", "1.png"):
        (target / name).touch()
    with atomic_folder(target, ours=["*.png"]) as temporary:
        (temporary / "0.png").write_text("new")
    assert entries(target) == ["0.png"] and entries(tmp_path) == ["frames"]


def test_folder_stays_as_it_was_after_a_failure(tmp_path: Path) -> None:
    target = tmp_path / "model"
    target.mkdir()
    (target / "old.bin").touch()
    with pytest.raises(ZeroDivisionError), atomic_folder(target, ours=["*.bin"]) as temporary:
        (temporary / "new.bin").touch()
        raise ZeroDivisionError
    assert entries(target) == ["old.bin"] and entries(tmp_path) == ["model"]


def test_folder_stays_as_it_was_if_the_exchange_fails(tmp_path: Path) -> None:
    target = tmp_path / "model"
    target.mkdir()
    (target / "old.bin").touch()
    with pytest.raises(FileNotFoundError), atomic_folder(target, ours=["*.bin"]) as temporary:
        temporary.rmdir()
    assert entries(target) == ["old.bin"] and entries(tmp_path) == ["model"]


@pytest.mark.parametrize("other", ["thesis.doc", "folder.png"])
def test_folder_with_other_things_is_refused(other: str, tmp_path: Path) -> None:
    target = tmp_path / "home"
    target.mkdir()
    (target / other).mkdir() if other.startswith("folder") else (target / other).touch()
    refused = pytest.raises(InputError, match=rf"holds other things \({other}\): name a new folder")
    with refused, atomic_folder(target, ours=["*.png"]):
        pytest.fail("the block must not run")
    with refused:
        check_replaceable(target, ["*.png"])
    assert entries(target) == [other]


def test_an_empty_folder_is_taken_even_if_it_is_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "empty"
    target.mkdir()
    monkeypatch.chdir(target)
    with atomic_folder(Path(".")) as temporary:
        (temporary / "x").touch()
    assert entries(target) == ["x"] and entries(tmp_path) == ["empty"]


def test_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("keep")
    with pytest.raises(InputError, match="is a file; expected the name of a folder"), atomic_folder(tmp_path / "file"):
        pytest.fail("the block must not run")
    assert (tmp_path / "file").read_text() == "keep"


def test_sha256(tmp_path: Path) -> None:
    content = os.urandom(300_000)
    (tmp_path / "x").write_bytes(content)
    assert sha256(tmp_path / "x") == hashlib.sha256(content).hexdigest()
    (tmp_path / "empty").touch()
    # The well-known digest of no bytes at all.
    assert sha256(tmp_path / "empty") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_three_of_the_other_things_are_named(tmp_path: Path) -> None:
    for name in "dcba":
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"holds other things \(a, b, c\): name a new folder"):
        check_replaceable(tmp_path, ())
