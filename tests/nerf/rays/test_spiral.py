"""Where nerfstudio's spiral starts."""

from pathlib import Path
from typing import Any

import pytest
import torch

from gencontrol.nerf.rays.cameras import Orbit, orbit_cameras
from gencontrol.nerf.rays.spiral import upright_spiral

pytest.importorskip("nerfstudio")


def poses() -> torch.Tensor:
    azimuth = torch.arange(0.0, 360.0, 30.0)
    elevation = torch.linspace(-60, 60, len(azimuth))
    return orbit_cameras(azimuth, elevation, (8, 8), orbit=Orbit()).pose[:, :3]


def test_a_camera_is_only_rolled() -> None:
    before = poses()
    after = upright_spiral(before)
    assert torch.equal(after[..., 2:], before[..., 2:])
    turn = after[..., :3]
    assert torch.allclose(turn.mT @ turn, torch.eye(3).expand_as(turn), atol=1e-5)
    assert torch.allclose(torch.linalg.det(turn), torch.ones(len(turn)), atol=1e-5)


def test_one_that_looks_straight_down_stays() -> None:
    pose = torch.tensor([[0.0, -1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 3.0]])
    assert torch.equal(upright_spiral(pose), pose)


@pytest.mark.filterwarnings("ignore")  # of what nerfstudio pins
def test_nerfstudios_film_from_there_stands_upright(still: Path, manager: Any) -> None:
    from nerfstudio.cameras.camera_paths import get_spiral_path

    for data in (manager(data=still, rays=32), manager()):
        for index in range(len(data.eval_dataset)):
            camera, _ = data.eval_dataloader.get_camera(image_idx=index)
            film = get_spiral_path(camera, steps=6, radius=0.1).camera_to_worlds
            level, upright = film[:, 2, 0].abs(), film[:, 2, 1]
            assert level.max() < 0.2 and upright.min() > 0.3
