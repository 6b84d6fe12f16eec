"""Fixtures that the tests of the nerfstudio model share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch


@pytest.fixture
def angles_of() -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
    """Azimuth and elevation in degrees of cameras (b, 3, 4) around a point."""

    def angles(
        pose: torch.Tensor, target: tuple[float, float, float] = (0.0, 0.0, 0.0)
    ) -> tuple[torch.Tensor, torch.Tensor]:
        x, y, z = (pose[:, :, 3] - torch.tensor(target)).unbind(-1)
        return torch.atan2(x, -y).rad2deg(), torch.atan2(z, torch.hypot(x, y)).rad2deg()

    return angles


@pytest.fixture
def make(tiny_folder: Path):
    """A function that builds a model of given settings, or a data manager."""
    from nerfstudio.data.scene_box import SceneBox

    from gencontrol.nerf.config import SteeredModelConfig

    def model(**settings: Any):
        config = SteeredModelConfig(**{"encoders": (str(tiny_folder),), "resolution": "0:8 4:12"} | settings)
        box = SceneBox(torch.tensor([[-1.0, -1, -1], [1, 1, 1]]))
        return config.setup(scene_box=box, num_train_data=1)

    return model


@pytest.fixture(scope="module")
def scene_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from gencontrol.nerf.scene import SCENE_FILE, save_scene
    from gencontrol.nerf.world import bake, still_life

    path = tmp_path_factory.mktemp("scene") / SCENE_FILE
    save_scene(bake(still_life(), 16), path)
    return path
