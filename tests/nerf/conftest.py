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


@pytest.fixture
def attributes():
    """A function that gives a model's optimisers and its data manager, as nerfstudio gives them to callbacks."""

    def attributes_of(model: Any, data: Any) -> Any:
        from nerfstudio.engine.callbacks import TrainingCallbackAttributes
        from nerfstudio.engine.optimizers import AdamOptimizerConfig, Optimizers

        settings = {"field": {"optimizer": AdamOptimizerConfig(lr=0.1), "scheduler": None}}
        optimizers = Optimizers(settings, model.get_param_groups())
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
            around.optimizers.optimizer_step("field")
            history.append({k: v.item() for k, v in losses.items()} | metrics)
        return history

    return train_model
