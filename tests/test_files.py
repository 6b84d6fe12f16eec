"""Whole or not at all; and nobody's files are removed on the way."""

import hashlib
import os
import resource
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from gencontrol.errors import InputError, OutputError
from gencontrol.files import (
    atomic_file,
    atomic_folder,
    check_folder,
    check_replaceable,
    check_target,
    is_taken,
    resolved,
    sha256,
    writing,
)
from gencontrol.temporaries import is_temporary, temporary_name


@pytest.fixture(params=[0o027, 0o002])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """Masks that are not the usual one: a stricter one, and one of groups that write to each other's files."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def entries(folder: Path) -> list[str]:
    """Everything in a folder, hidden files too."""
    return sorted(path.name for path in folder.iterdir())


def test_a_link_that_leads_nowhere_takes_its_place(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    assert [is_taken(tmp_path / name) for name in ("link", "file", "none", "")] == [True, True, False, False]


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


@pytest.fixture
def small_disk() -> Iterator[None]:
    """Files of this process may have 200 bytes: what a full disk says, in words of its own."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


WRITERS = {
    "text": lambda path: path.write_text("x" * 999),
    "safetensors": lambda path: save_file({"a": torch.zeros(99, 99)}, path),
    "torch": lambda path: torch.save({"a": torch.zeros(99, 99)}, path),
    "png": lambda path: Image.effect_noise((99, 99), 60).save(path, format="PNG"),
    "gif": lambda path: Image.effect_noise((99, 99), 60).save(path, format="GIF"),
    "numpy": lambda path: np.save(path, np.zeros(999)),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_told_in_one_way(name: str, small_disk: None, tmp_path: Path) -> None:
    target = tmp_path / "big.npy"
    with pytest.raises(OutputError, match=r"big\.npy cannot be written: .*(too large|of this size|requested and)"):
        with atomic_file(target) as temporary:
            WRITERS[name](temporary)
    with pytest.raises(OutputError, match=r"model cannot be written: .*(too large|of this size|requested and)"):
        with atomic_folder(tmp_path / "model") as temporary:
            WRITERS[name](temporary / "weights.npy")
    # What is written by parts is written under names that nobody knows.
    with pytest.raises(OutputError, match=r"/model/weights\.npy cannot be written: "):
        with atomic_folder(tmp_path / "model") as temporary, atomic_file(temporary / "weights.npy") as inner:
            WRITERS[name](inner)
    with pytest.raises(OutputError, match="cannot be written"), writing(target):
        WRITERS[name](tmp_path / "half.npy")
    (tmp_path / "half.npy").unlink(missing_ok=True)
    assert entries(tmp_path) == []


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(28, "No space left on device"), "x cannot be written: No space left on device."),
        (OSError("encoder error -2 when writing image file"), "x cannot be written: encoder error -2"),
        (RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534"), "the disk is full"),
        (RuntimeError("inline_container.cc: PytorchStreamWriter failed writing file data/0"), "the disk is full"),
        (ValueError("Error while serializing: I/O error: (os error 28)"), "x cannot be written: No space left"),
    ],
)
def test_what_says_that_a_disk_is_full(error: Exception, message: str) -> None:
    with pytest.raises(OutputError, match=message), writing(Path("x")):
        raise error


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(2, "No such file", "input.png"),
        RuntimeError("inline_container.cc: file not found"),
        RuntimeError("unexpected pos"),
        ValueError("(os error 2)"),
        InputError("the mask is empty"),
        ZeroDivisionError(),
    ],
)
def test_other_errors_stay_what_they_are(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, writing(Path("x")):
        raise error
    assert caught.value is error


def test_a_name_as_long_as_the_disk_allows(tmp_path: Path) -> None:
    target = tmp_path / ("n" * 251 + ".png")
    with atomic_file(target) as temporary:
        assert temporary.suffix == ".png"
    with atomic_file(tmp_path / ("." + "s" * 254)):
        pass
    with atomic_folder(tmp_path / ("f" * 255)):
        pass
    assert len(entries(tmp_path)) == 3


def test_a_name_that_is_too_long_is_told_before_the_work(tmp_path: Path) -> None:
    target = tmp_path / ("n" * 252 + ".png")
    for refuse in (lambda: check_target(target), lambda: check_replaceable(target, ())):
        with pytest.raises(OutputError, match=r"n\.png cannot be written: File name too long"):
            refuse()


def test_links_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OutputError, match="Too many levels of symbolic links"):
        check_target(tmp_path / "a")
    with pytest.raises(OutputError, match="Too many levels of symbolic links"):
        check_target(tmp_path / "a" / "x.png")
    with pytest.raises(InputError, match="leads nowhere"):
        resolved(tmp_path / "a" / "x.png")
    with pytest.raises(InputError, match="leads nowhere: embedded null byte"):
        resolved(Path("a\0b"))


def test_devices_pipes_and_the_systems_own_files_are_not_written_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "null.png").symlink_to("/dev/null")
    for path in (tmp_path / "pipe.png", tmp_path / "null.png", Path("/dev/full")):
        with (
            pytest.raises(InputError, match="is a device, a pipe or a socket; expected the name of a file"),
            atomic_file(path),
        ):
            pytest.fail("the block must not run")
    for path in (Path("/dev/new.png"), Path("/proc/new.png"), Path("/sys/x/new.png")):
        with pytest.raises(InputError, match="is the system's own"):
            check_target(path)
    check_target(Path("/dev/shm/new.png"))
    with pytest.raises(InputError, match=r"pipe\.png is a file; expected the name of a folder"):
        check_replaceable(tmp_path / "pipe.png", ("*",))
    assert stat.S_ISFIFO((tmp_path / "pipe.png").stat().st_mode)


def test_what_came_meanwhile_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    with pytest.raises(OutputError, match=r"a\.png is there by now: another run has written it meanwhile"):
        with atomic_file(target, exclusive=True) as temporary:
            temporary.write_text("second")
            target.write_text("first")
    assert target.read_text() == "first" and entries(tmp_path) == ["a.png"]
    folder = tmp_path / "model"
    with pytest.raises(OutputError, match="model is there by now: another run"):
        with atomic_folder(folder, exclusive=True) as temporary:
            folder.mkdir()
            (folder / "weights").touch()
    assert entries(folder) == ["weights"] and entries(tmp_path) == ["a.png", "model"]


@pytest.mark.parametrize("has_links", [True, False])
def test_a_new_file_is_written_where_nothing_came(
    has_links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(source: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    if not has_links:
        monkeypatch.setattr("os.link", no_links)
    with atomic_file(tmp_path / "a.png", exclusive=True) as temporary:
        temporary.write_text("whole")
    with atomic_folder(tmp_path / "model", exclusive=True) as temporary:
        (temporary / "weights").touch()
    assert (tmp_path / "a.png").read_text() == "whole" and entries(tmp_path) == ["a.png", "model"]
    with pytest.raises(OutputError, match="is there by now"), atomic_file(tmp_path / "a.png", exclusive=True):
        pass


def test_a_link_to_a_folder_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with atomic_folder(tmp_path / "link") as temporary:
        (temporary / "x").touch()
    assert (tmp_path / "link").is_symlink() and entries(tmp_path / "real") == ["x"]


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    (tmp_path / temporary_name(".png")).touch()
    dead = tmp_path / temporary_name().replace(f"-{os.getpid()}-", "-99999999-")
    dead.mkdir()
    mine = next(path for path in tmp_path.iterdir() if path.suffix == ".png")
    with atomic_file(tmp_path / "a.png"):
        assert not dead.exists()
    assert entries(tmp_path) == sorted([mine.name, "a.png"])


def test_a_folder_that_a_kill_left_aside_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the two renames of an exchange the old folder has another name: that is no leftover."""
    target = tmp_path / "model"
    target.mkdir()
    names: list[str] = []
    replace = Path.replace

    def noted(self: Path, to: Path) -> Path:
        names.append(Path(to).name)
        return replace(self, to)

    monkeypatch.setattr(Path, "replace", noted)
    with atomic_folder(target):
        pass
    assert len(names) == 2 and names[0].startswith(".gencontrol-old-") and not is_temporary(names[0])


def test_a_folder_that_cannot_be_is_refused_before_the_work(tmp_path: Path) -> None:
    check_folder(tmp_path / "new" / "deep")
    (tmp_path / "held").mkdir()
    (tmp_path / "held" / "a.txt").write_text("mine")
    check_folder(tmp_path / "held")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["held"]
    with pytest.raises(
        InputError, match=r"a\.txt cannot be written: .*a\.txt is a file; expected the name of a folder"
    ):
        check_folder(tmp_path / "held" / "a.txt")
    with pytest.raises(InputError, match=r"deep cannot be written: .*a\.txt is a file; expected"):
        check_folder(tmp_path / "held" / "a.txt" / "deep")
    with pytest.raises(InputError, match="/proc/x is the system's own; expected the name of a folder to write"):
        check_folder(Path("/proc/x"))
    with pytest.raises(OutputError, match="cannot be written: File name too long"):
        check_folder(tmp_path / ("n" * 300))


def test_a_folder_among_the_systems_own_is_refused() -> None:
    with pytest.raises(InputError, match="/proc/x is the system's own; expected the name of a folder to write"):
        check_replaceable(Path("/proc/x"), ())


@pytest.mark.parametrize("name", ["https://a.example/out.txt", "file:///nowhere/out.txt", "s3://bucket/out.txt"])
def test_an_address_is_no_name_to_write_to(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mend = (
        r"give /nowhere/out\.txt\.$" if name.startswith("file") else "write on this machine, and upload it from there"
    )
    with pytest.raises(InputError, match=rf"^{name} is an address; expected the name of a file to write: {mend}"):
        check_target(Path(name))
    for check in (check_folder, lambda path: check_replaceable(path, ())):
        with pytest.raises(InputError, match=rf"^{name} is an address; expected the name of a folder to write: {mend}"):
            check(Path(name))
    with pytest.raises(InputError, match="is an address"), atomic_file(Path(name)):
        pass
    assert not list(tmp_path.iterdir())
    (tmp_path / "https:").mkdir()
    check_target(Path("https:/out.txt"))


@pytest.mark.parametrize("name", [".csv", ".PNG", ".safetensors", ".gif", ".json"])
def test_an_ending_alone_is_no_name(tmp_path: Path, name: str) -> None:
    for check in (check_target, check_folder, lambda path: check_replaceable(path, ())):
        with pytest.raises(InputError, match=r"expected the name of a (file|folder) to write, got an ending alone"):
            check(tmp_path / name)
    check_target(tmp_path / ".hidden")
    (tmp_path / name).mkdir()
    check_folder(tmp_path / name)
