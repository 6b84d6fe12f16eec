"""Data sets of analytic scenes: the files say what the pictures show."""

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gencontrol.errors import ConfigError, InputError
from gencontrol.nerf.field.scene import load_scene
from gencontrol.nerf.rays.cameras import Cameras, Orbit, one_camera
from gencontrol.nerf.still_life.dataset import DatasetSettings, dataset_cameras, transforms, write_dataset
from gencontrol.nerf.still_life.world import photograph, still_life

SMALL = DatasetSettings(views=5, held_out=2, size=24, resolution=16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(still_life(), tmp_path_factory.mktemp("data") / "set", SMALL)


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(np.float32) / 255


def test_poses_and_focal_lengths_of_the_file_give_the_pictures(folder: Path) -> None:
    about = json.loads((folder / "transforms.json").read_text(encoding="utf-8"))
    frame = about["frames"][3]
    pose = torch.tensor(frame["transform_matrix"])[None, :3]
    cameras = Cameras(pose=pose, focal=torch.tensor([about["fl_x"]]), height=about["h"], width=about["w"])
    shot = photograph(still_life(), cameras)
    stored = read(folder / frame["file_path"])
    assert np.abs(stored[..., 3] - shot.opacity[0, 0].numpy()).max() < 0.003
    assert np.abs(stored[..., :3] * stored[..., 3:] - shot.colour[0].permute(1, 2, 0).numpy()).max() < 0.005


def test_masks_add_up_to_the_pictures_alpha(folder: Path) -> None:
    names = [thing.name for thing in still_life().things]
    total = sum(read(folder / "masks" / name / "frame_00001.png") for name in names)
    assert np.abs(total - read(folder / "images" / "frame_00001.png")[..., 3]).max() < 0.01


def test_held_out_views_are_apart(folder: Path, angles_of) -> None:
    about = json.loads((folder / "transforms.json").read_text(encoding="utf-8"))
    assert len(about["train_filenames"]) == 5 and len(about["test_filenames"]) == 2
    assert set(about["train_filenames"]).isdisjoint(about["test_filenames"])
    poses = torch.tensor([frame["transform_matrix"] for frame in about["frames"]])[:, :3]
    azimuth = (angles_of(poses)[0] % 360).sort().values
    assert azimuth.diff().min() > 5


def test_the_scene_lies_beside_the_pictures(folder: Path) -> None:
    assert load_scene(folder).lattice.shape == (4, 16, 16, 16)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep", encoding="utf-8")
    with pytest.raises(InputError, match="is not empty"):
        write_dataset(still_life(), tmp_path, SMALL)
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "keep"


def test_what_is_no_folder_is_refused_before_anything_is_photographed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr("gencontrol.nerf.still_life.dataset.photograph", None)
    with pytest.raises(InputError, match=r"pipe is a file; expected the name of a folder"):
        write_dataset(still_life(), tmp_path / "pipe", SMALL)


def test_defaults_and_limits() -> None:
    assert DatasetSettings() == DatasetSettings(views=40, held_out=8, size=96, resolution=64)
    limits = {"views": (1, 50000), "held_out": (1, 49999), "size": (1, 4096), "resolution": (4, 512)}
    for name, (least, most) in limits.items():
        dataclasses.replace(SMALL, **{name: least})
        dataclasses.replace(SMALL, **{name: most})
        with pytest.raises(ConfigError, match=f"`{name}` must be at least {least}; got {least - 1}"):
            dataclasses.replace(SMALL, **{name: least - 1})
        with pytest.raises(ConfigError, match=f"`{name}` must be at most {most}; got {most + 1}"):
            dataclasses.replace(SMALL, **{name: most + 1})


def test_cameras_turn_by_the_golden_angle_and_halve_the_elevations(angles_of) -> None:
    cameras = dataset_cameras(SMALL, Orbit(elevation=(8.0, 40.0)))
    azimuth, elevation = angles_of(cameras.pose)
    assert (azimuth % 360).tolist() == pytest.approx([(137.50776 * i) % 360 for i in range(7)], abs=1e-3)
    assert elevation.tolist() == pytest.approx(
        [8 + 32 * s for s in (0, 0.5, 0.25, 0.75, 0.125, 0.625, 0.375)], abs=1e-3
    )
    about = transforms(cameras, SMALL)
    assert (about["w"], about["h"], about["cx"], about["cy"]) == (24, 24, 12.0, 12.0)
    assert about["fl_x"] == about["fl_y"] == pytest.approx(cameras.focal[0].item())
    assert about["frames"][2]["transform_matrix"][3] == [0.0, 0.0, 0.0, 1.0]
    assert about["train_filenames"] == [f"images/frame_{i:05d}.png" for i in range(5)]
    assert about["val_filenames"] == about["test_filenames"] == ["images/frame_00005.png", "images/frame_00006.png"]


def test_masks_are_what_the_pictures_show_of_each_thing(folder: Path) -> None:
    cameras = dataset_cameras(SMALL, Orbit())
    shot = photograph(still_life(), one_camera(cameras, 3))
    for index, thing in enumerate(still_life().things):
        stored = read(folder / "masks" / thing.name / "frame_00003.png")
        assert np.abs(stored - shot.masks[0, index].numpy()).max() < 0.5 / 255 + 1e-6


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"views": 0}, "`views` must be at least 1; got 0"),
        ({"held_out": 0}, "`held_out` must be at least 1; got 0"),
        ({"size": 0}, "`size` must be at least 1; got 0"),
        ({"size": 4097}, "`size` must be at most 4096; got 4097"),
        ({"resolution": 3}, "`resolution` must be at least 4; got 3"),
    ],
)
def test_a_set_of_nothing_is_refused_at_once(settings: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DatasetSettings(**settings)
