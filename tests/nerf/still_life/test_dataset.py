"""Data sets of analytic scenes: the files say what the pictures show."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gencontrol.errors import InputError
from gencontrol.nerf.field.scene import load_scene
from gencontrol.nerf.rays.cameras import Cameras
from gencontrol.nerf.still_life.dataset import DatasetSettings, write_dataset
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
