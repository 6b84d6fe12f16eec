"""The one file that a command writes: new, apart from what is read, and where one may write."""

import os
from pathlib import Path

import pytest

from gencontrol.errors import InputError
from gencontrol.runs.files.inputs import Input
from gencontrol.runs.files.new_file import check_new_file


def test_what_is_there_stays_unless_it_is_said(tmp_path: Path) -> None:
    path, link = tmp_path / "a.json", tmp_path / "link.json"
    check_new_file(path, [], overwrite=False)
    path.touch()
    os.symlink(tmp_path / "nowhere", link)
    for taken in (path, link):
        with pytest.raises(InputError, match="exists already: give `overwrite`, or another `graph`"):
            check_new_file(taken, [], overwrite=False, setting="graph")
    check_new_file(path, [], overwrite=True)


def test_nobody_is_told_to_write_over_what_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.touch()
    with pytest.raises(InputError, match="is a mask, which is not written over: give another `output`"):
        check_new_file(path, [Input(path=path, what="a mask")], overwrite=False)
    for place, what in {tmp_path: "is a folder", Path("/dev/full"): "is a device, a pipe or a socket"}.items():
        with pytest.raises(InputError, match=what):
            check_new_file(place, [], overwrite=False)


def test_what_is_read_stays_in_any_case(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.touch()
    with pytest.raises(InputError, match="is a mask, which is not written over: give another `graph`"):
        check_new_file(path, [Input(path=path, what="a mask")], overwrite=True, setting="graph")


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot be written to: .*file is a file. Give another `output`"):
        check_new_file(tmp_path / "file" / "a.png", [], overwrite=False)
