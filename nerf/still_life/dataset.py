"""Pictures of an analytic scene as a nerfstudio data set: transforms.json, RGBA frames, a mask of every thing."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from gencontrol.errors import InputError
from gencontrol.files import atomic_folder, check_replaceable
from gencontrol.nerf.export.pictures import rgba_picture
from gencontrol.nerf.field.scene import SCENE_FILE, save_scene
from gencontrol.nerf.limits import check_limits
from gencontrol.nerf.rays.cameras import Cameras, Orbit, one_camera, orbit_cameras
from gencontrol.nerf.still_life.world import Shot, World, bake, photograph

# The golden angle spreads any number of views around the orbit without clumps.
_GOLDEN_ANGLE = 137.50776
# Five digits number the pictures. Without any held out, nerfstudio would have nothing to evaluate, and refuse the set.
_LIMITS = {"views": (1, 50000), "held_out": (1, 49999), "size": (1, 4096), "resolution": (4, 512)}


@dataclass(frozen=True, kw_only=True)
class DatasetSettings:
    """How many pictures of which size."""

    views: int = 40
    """Training pictures."""
    held_out: int = 8
    """Further pictures, of other angles, that training never sees."""
    size: int = 96
    """Side of the square pictures in pixels."""
    resolution: int = 64
    """Nodes along a side of the voxel scene that is written beside the pictures."""

    def __post_init__(self) -> None:
        check_limits(self, _LIMITS)


def write_dataset(world: World, folder: Path, settings: DatasetSettings, *, orbit: Orbit | None = None) -> Path:
    """Write frames, masks (`masks/THING/`), `transforms.json` and the scene itself as voxels.

    Frames are RGBA with straight colour; held-out ones are the split `val` and `test`.

    Raises:
        InputError: The folder has something in it, or is a file.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty: name a new folder for the data set.")
    check_replaceable(folder, ())
    cameras = dataset_cameras(settings, orbit or Orbit())
    shots = [photograph(world, one_camera(cameras, i)) for i in range(len(cameras.pose))]
    with atomic_folder(folder) as temporary:
        for index, shot in enumerate(shots):
            _save_shot(shot, world, temporary, f"frame_{index:05d}.png")
        text = json.dumps(transforms(cameras, settings), indent=1)
        (temporary / "transforms.json").write_text(text, encoding="utf-8")
        save_scene(bake(world, settings.resolution), temporary / SCENE_FILE)
    return folder


def dataset_cameras(settings: DatasetSettings, orbit: Orbit) -> Cameras:
    """Training cameras and then held-out ones, spread over the orbit."""
    count = settings.views + settings.held_out
    index = torch.arange(count)
    low, high = orbit.elevation
    # Reversing the bits of the index (van der Corput) covers the elevations evenly whatever the count.
    share = torch.tensor([_van_der_corput(i) for i in range(count)])
    azimuth = (index * _GOLDEN_ANGLE) % 360
    return orbit_cameras(azimuth, low + (high - low) * share, (settings.size, settings.size), orbit=orbit)


def transforms(cameras: Cameras, settings: DatasetSettings) -> dict[str, Any]:
    """The content of `transforms.json`."""
    names = [f"images/frame_{i:05d}.png" for i in range(len(cameras.pose))]
    bottom = cameras.pose.new_tensor([[0.0, 0.0, 0.0, 1.0]])
    frames = [
        {"file_path": name, "transform_matrix": torch.cat([pose, bottom]).tolist()}
        for name, pose in zip(names, cameras.pose, strict=True)
    ]
    focal = cameras.focal[0].item()
    return {
        "camera_model": "OPENCV",
        "w": cameras.width,
        "h": cameras.height,
        "fl_x": focal,
        "fl_y": focal,
        "cx": cameras.width / 2,
        "cy": cameras.height / 2,
        "frames": frames,
        "train_filenames": names[: settings.views],
        "val_filenames": names[settings.views :],
        "test_filenames": names[settings.views :],
    }


def _save_shot(shot: Shot, world: World, folder: Path, name: str) -> None:
    for sub in ("images", *(f"masks/{thing.name}" for thing in world.things)):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    rgba_picture(shot.colour[0], shot.opacity[0]).save(folder / "images" / name)
    for thing, mask in zip(world.things, shot.masks[0], strict=True):
        Image.fromarray((mask * 255).round().byte().numpy()).save(folder / "masks" / thing.name / name)


def _van_der_corput(index: int) -> float:
    share, weight = 0.0, 0.5
    while index:
        share, index, weight = share + weight * (index & 1), index >> 1, weight / 2
    return share
