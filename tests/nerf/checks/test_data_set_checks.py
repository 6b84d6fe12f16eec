"""Cameras that are not those of their pictures are refused, by name, before anything is fitted."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gencontrol.errors import InputError

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves when they are imported.
pytestmark = pytest.mark.filterwarnings("ignore:(?!The principal)")

Change = Callable[[dict[str, Any]], None]


def changed(folder: Path, change: Change) -> Path:
    file = folder / "transforms.json"
    about = json.loads(file.read_text(encoding="utf-8"))
    change(about)
    file.write_text(json.dumps(about), encoding="utf-8")
    return folder


def second_pose(row: int, column: int, value: float) -> Change:
    def change(about: dict[str, Any]) -> None:
        about["frames"][1]["transform_matrix"][row][column] = value

    return change


def mirrored(about: dict[str, Any]) -> None:
    for row in about["frames"][1]["transform_matrix"][:3]:
        row[0] = -row[0]


def scaled(about: dict[str, Any]) -> None:
    about.update({name: 2 * about[name] for name in ("w", "h", "fl_x", "fl_y", "cx", "cy")})


def no_training(about: dict[str, Any]) -> None:
    about["train_filenames"] = []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (second_pose(0, 3, float("nan")), r"frame_00001.png: the pose .* holds numbers that are not finite\.$"),
        (second_pose(2, 1, float("inf")), r"frame_00001.png: the pose .* not finite"),
        (mirrored, r"frame_00001.png: the pose .* flat or mirrored: expected a rotation"),
        (lambda a: a.update(fl_x=0.0), r"frame_00000.png: the focal length .* must be above 0 pixels\. \(6 of 6"),
        (lambda a: a.update(fl_y=-20.0), r"focal length .* must be above 0 pixels"),
        (lambda a: a.update(fl_x=float("nan")), r"the intrinsics of its camera are not finite"),
        (lambda a: a.update(k1=float("nan")), r"frame_00000.png: the distortion .* is not finite\. \(6 of 6"),
        (lambda a: a.update(cx=16.0), r"principal point .* lies outside of the picture: the intrinsics \(w, h"),
        (lambda a: a.update(cy=0.0), r"principal point .* lies outside of the picture"),
        (lambda a: a.update(fl_x=0.5), r"opening angle outside of 0.5 to 170.0 degrees"),
        (lambda a: a.update(fl_x=4000.0, fl_y=4000.0), r"opening angle outside of 0.5 to 170.0 degrees"),
        (scaled, r"frame_00000.png is 16 x 16 pixels, and its camera 32 x 32: the intrinsics .* Scale them with the"),
        (no_training, r"no pictures in its split 'train'"),
    ],
)
def test_cameras_that_are_not_the_pictures_are_refused(
    change: Change, message: str, own_set: Path, manager: Any
) -> None:
    with pytest.raises(InputError, match=message):
        manager(data=changed(own_set, change))


def test_a_principal_point_far_from_the_middle_is_told_of(own_set: Path, manager: Any) -> None:
    # Of both splits.
    first, held_out = (rf"principal point \(cx, cy\) is far from the middle of .*frame_0000{i}.png" for i in (0, 6))
    with pytest.warns(UserWarning, match=first), pytest.warns(UserWarning, match=held_out):
        manager(data=changed(own_set, lambda a: a.update(cx=13.0)))


def test_sizes_may_be_off_by_the_parsers_rounding(still: Path) -> None:
    from gencontrol.nerf.checks.data_set_checks import check_sizes
    from gencontrol.nerf.method.datamanager import to_studio
    from gencontrol.nerf.rays.cameras import Orbit, turntable

    files = [still / "images" / "frame_00000.png"]
    check_sizes(to_studio(turntable(1, (17, 15), orbit=Orbit())), files)
    for size in ((18, 16), (16, 14)):
        with pytest.raises(InputError, match="is 16 x 16 pixels"):
            check_sizes(to_studio(turntable(1, size, orbit=Orbit())), files)


def test_turned_pictures_are_recognised(own_set: Path, manager: Any) -> None:
    for file in (own_set / "images").iterdir():
        with Image.open(file) as picture:
            picture.resize((12, 16)).save(file)
    with pytest.raises(InputError, match="Width and height are swapped: was the picture turned"):
        manager(data=changed(own_set, lambda a: a.update(w=16, h=12)))


def test_a_missing_picture_is_named(own_set: Path, manager: Any) -> None:
    (own_set / "images" / "frame_00006.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"frame_00006\.png, a picture of the data set, is not an image"):
        manager(data=own_set)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "cannot be read as a data set of the kind Nerfstudio: "),
        ("{", "cannot be read as a data set of the kind Nerfstudio: "),
        ('{"frames": [{}]}', "cannot be read as a data set of the kind Nerfstudio: it lacks 'file_path'$"),
    ],
)
def test_a_data_set_that_is_none_is_refused_in_one_line(text: str, message: str, tmp_path: Path, manager: Any) -> None:
    (tmp_path / "transforms.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        manager(data=tmp_path)


def test_a_parser_that_names_every_file_is_cut_short(own_set: Path, manager: Any) -> None:
    names = [f"images/nothing_{i:05d}.png" for i in range(400)]
    with pytest.raises(InputError, match=r"kind Nerfstudio: .{300} \.\.\. \(\d+ more characters\)$"):
        manager(data=changed(own_set, lambda a: a.update(train_filenames=names)))


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, manager: Any) -> None:
    with pytest.raises(InputError, match="nowhere cannot be read as a data set"):
        manager(data=tmp_path / "nowhere")


def test_a_folder_without_a_data_set_is_said_to_have_none(tmp_path: Path, manager: Any) -> None:
    with pytest.raises(InputError, match=r"cannot be read as a data set .*: there is no .*transforms\.json$"):
        manager(data=tmp_path)


def test_a_pipe_is_no_picture_and_no_data_set(tmp_path: Path, manager: Any) -> None:
    import os

    from gencontrol.nerf.checks.data_set_checks import opened

    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a\.png, a picture of the data set, cannot be read: .*is a pipe; expected"):
        with opened(tmp_path / "a.png"):
            pass
    os.mkfifo(tmp_path / "transforms.json")
    with pytest.raises(InputError, match=r"transforms\.json is a pipe; expected a data set"):
        manager(data=tmp_path / "transforms.json")


def test_a_picture_that_asks_for_gigabytes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    from gencontrol.nerf.checks.data_set_checks import opened

    Image.new("L", (64, 64)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(InputError, match=r"a\.png, a picture of the data set, cannot be read: Image size .* bomb"):
        with opened(tmp_path / "a.png"):
            pass
