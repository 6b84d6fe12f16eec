"""The method driven without nerfstudio's trainer: the same model, data, optimiser and callbacks, step by step."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import torch
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.engine.callbacks import TrainingCallbackAttributes
from nerfstudio.engine.optimizers import Optimizers
from nerfstudio.engine.trainer import TrainerConfig

from gencontrol.nerf.field.scene import Scene
from gencontrol.nerf.method.callbacks import begin_step


def run(config: TrainerConfig, *, steps: int, every: int) -> Iterator[tuple[int, Scene]]:
    """Train, and yield the scene before the first step, each time after `every` steps, and at the end.

    Args:
        config: The method's, as `gencontrol.nerf.method.entry` makes it.
        steps: How many.
        every: Steps between two scenes.
    """
    settings: Any = config  # nerfstudio's own types are those of its base classes.
    data = settings.pipeline.datamanager.setup()
    cube = torch.tensor([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]])
    model = settings.pipeline.model.setup(scene_box=SceneBox(cube), num_train_data=1)
    optimizers = Optimizers(settings.optimizers, model.get_param_groups())
    pipeline: Any = SimpleNamespace(datamanager=data)
    around = TrainingCallbackAttributes(optimizers=optimizers, grad_scaler=None, pipeline=pipeline, trainer=None)
    model.begin_training()
    model.train()
    for step in range(steps):
        if step % every == 0:
            yield step, model.scene()
        _step(model, data, around, step)
    yield steps, model.scene()


def _step(model: Any, data: Any, around: TrainingCallbackAttributes, step: int) -> None:
    assert around.optimizers is not None
    begin_step(model, around, step)
    around.optimizers.zero_grad_all()
    rays, batch = data.next_train(step)
    outputs = model(rays)
    metrics = model.get_metrics_dict(outputs, batch)
    torch.stack(list(model.get_loss_dict(outputs, batch, metrics).values())).sum().backward()
    around.optimizers.optimizer_step_all()
    around.optimizers.scheduler_step_all(step)
