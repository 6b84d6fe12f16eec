"""Fixtures that the tests of the nerfstudio model share."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
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

    from gencontrol.nerf.method.entry import model_config

    def model(**settings: Any):
        config = model_config(**{"encoders": (str(tiny_folder),), "resolution": "0:8 4:12"} | settings)
        box = SceneBox(torch.tensor([[-1.0, -1, -1], [1, 1, 1]]))
        return config.setup(scene_box=box, num_train_data=1)

    return model


@pytest.fixture(scope="module")
def scene_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from gencontrol.nerf.field.scene import SCENE_FILE, save_scene
    from gencontrol.nerf.still_life.world import bake, still_life

    path = tmp_path_factory.mktemp("scene") / SCENE_FILE
    save_scene(bake(still_life(), 16), path)
    return path


@pytest.fixture
def manager():
    """A function that builds a data manager of small pictures and of given settings."""

    def manager_of(**settings: Any):
        from gencontrol.nerf.method.entry import datamanager_config

        changed: dict[str, Any] = {"size": 16, "eval_views": 2, "eval_size": 16} | settings
        return datamanager_config(**changed).setup()

    return manager_of


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set of the still life; read it, do not write in it."""
    from gencontrol.nerf.still_life.dataset import DatasetSettings, write_dataset
    from gencontrol.nerf.still_life.world import still_life

    settings = DatasetSettings(views=6, held_out=2, size=16, resolution=8)
    return write_dataset(still_life(), tmp_path_factory.mktemp("still") / "set", settings)


@pytest.fixture
def own_set(still: Path, tmp_path: Path) -> Path:
    """A copy of `still` that may be changed."""
    import shutil

    return Path(shutil.copytree(still, tmp_path / "own"))


@pytest.fixture
def capture(own_set: Path) -> Path:
    """The still life three times as large, elsewhere, and before a sky: RGB, as a phone takes it."""
    import json

    import numpy as np
    from PIL import Image

    from gencontrol.nerf.rays.cameras import Cameras, camera_rays

    about = json.loads((own_set / "transforms.json").read_text(encoding="utf-8"))
    for frame in about["frames"]:
        pose = torch.tensor(frame["transform_matrix"])
        camera = Cameras(pose=pose[None, :3], focal=torch.tensor([about["fl_x"]]), height=16, width=16)
        sky = 0.5 + 0.4 * camera_rays(camera)[1][0].numpy()
        file = own_set / frame["file_path"]
        with Image.open(file) as picture:
            seen = np.asarray(picture) / 255
        flat = seen[..., :3] * seen[..., 3:] + sky * (1 - seen[..., 3:])
        Image.fromarray((flat * 255).round().astype(np.uint8)).save(file)
        pose[:3, 3] = pose[:3, 3] * 3 + torch.tensor([5.0, 0.0, 1.0])
        frame["transform_matrix"] = pose.tolist()
    (own_set / "transforms.json").write_text(json.dumps(about), encoding="utf-8")
    return own_set


@pytest.fixture
def attributes():
    """A function that gives a model's optimisers and its data manager, as nerfstudio gives them to callbacks."""

    def attributes_of(model: Any, data: Any, *groups: str) -> Any:
        from nerfstudio.engine.callbacks import TrainingCallbackAttributes
        from nerfstudio.engine.optimizers import AdamOptimizerConfig, Optimizers

        one = {"optimizer": AdamOptimizerConfig(lr=0.1), "scheduler": None}
        parameters = model.get_param_groups() | (data.get_param_groups() if groups else {})
        optimizers = Optimizers({name: dict(one) for name in groups or ("field",)}, parameters)
        pipeline: Any = SimpleNamespace(datamanager=data)
        return TrainingCallbackAttributes(optimizers=optimizers, grad_scaler=None, pipeline=pipeline, trainer=None)

    return attributes_of


@pytest.fixture
def train():
    """A function that trains a model for a range of steps, and gives each step's losses and metrics."""

    def train_model(model: Any, data: Any, around: Any, steps: range) -> list[dict[str, float]]:
        from gencontrol.nerf.method.callbacks import begin_step

        history = []
        model.train()
        for step in steps:
            begin_step(model, around, step)
            around.optimizers.zero_grad_all()
            rays, batch = data.next_train(step)
            outputs = model(rays)
            metrics = model.get_metrics_dict(outputs, batch)
            losses = model.get_loss_dict(outputs, batch, metrics)
            torch.stack(list(losses.values())).sum().backward()
            for group in around.optimizers.optimizers:
                around.optimizers.optimizer_step(group)
            history.append({k: v.item() for k, v in losses.items()} | metrics)
        return history

    return train_model
