"""Around the steps of a run: what Ctrl-C does, and where an edit after a fit begins."""

import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves when they are imported.
pytestmark = pytest.mark.filterwarnings("ignore")


def test_the_first_interrupt_ends_training_and_the_second_one_interrupts() -> None:
    from gencontrol.nerf.method.callbacks import Interrupt

    trainer = SimpleNamespace(stop_training=False)
    before = signal.getsignal(signal.SIGINT)
    Interrupt(trainer).install(step=0)
    os.kill(os.getpid(), signal.SIGINT)
    assert trainer.stop_training
    assert signal.getsignal(signal.SIGINT) is before


def test_after_the_last_step_an_interrupt_is_nerfstudios_again() -> None:
    from gencontrol.nerf.method.callbacks import Interrupt

    heard: list[int] = []

    def theirs(number: int, frame: object) -> None:
        heard.append(number)

    trainer = SimpleNamespace(stop_training=False)
    before = signal.signal(signal.SIGINT, theirs)
    try:
        stop = Interrupt(trainer)
        stop.install(step=0)
        stop.restore(step=9)
        signal.raise_signal(signal.SIGINT)
        assert heard == [signal.SIGINT] and not trainer.stop_training
        stop.restore(step=9)
        assert signal.getsignal(signal.SIGINT) is theirs
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_edit_after_a_fit_has_the_learning_rate_of_a_beginning() -> None:
    from nerfstudio.engine.optimizers import AdamOptimizerConfig, Optimizers

    from gencontrol.nerf.method.callbacks import restart_schedules
    from gencontrol.nerf.method.entry import scheduler_config

    parameter = torch.nn.Parameter(torch.ones(1))
    decay = scheduler_config(final=0.25, max_steps=4)
    settings = {"field": {"optimizer": AdamOptimizerConfig(lr=0.1), "scheduler": decay}}
    optimizers = Optimizers(settings, {"field": [parameter]})

    def rate() -> float:
        return optimizers.optimizers["field"].param_groups[0]["lr"]

    for step in range(3):
        optimizers.optimizer_step_all()
        optimizers.scheduler_step_all(step)
    assert rate() == pytest.approx(0.1 * 0.25**0.75)
    restart_schedules(optimizers)
    assert rate() == pytest.approx(0.1)
    optimizers.optimizer_step_all()
    optimizers.scheduler_step_all(3)
    assert rate() == pytest.approx(0.1 * 0.25**0.25)


def seen_centre(data: Any, step: int) -> torch.Tensor:
    """Where the middle rays of a step's first view pass closest to, as a point, three units from the camera."""
    rays, batch = data.next_train(step)
    _, height, width = batch["shape"]
    middle = rays.directions.reshape(-1, height, width, 3)[0, height // 2 - 1 : height // 2 + 1, width // 2 - 1 :][
        :, :2
    ]
    towards = middle.reshape(-1, 3).mean(dim=0)
    return rays.origins[0] + 3.0 * towards / towards.norm()


def test_the_cameras_of_a_change_look_at_its_part_and_follow_it(make, scene_file: Path) -> None:
    from nerfstudio.engine.callbacks import TrainingCallbackAttributes

    from gencontrol.nerf.method.callbacks import point_cameras
    from gencontrol.nerf.method.entry import datamanager_config
    from gencontrol.nerf.parts.shapes import Sphere

    def centre(model: Any, how: Any) -> list[float]:
        data: Any = datamanager_config(size=16, eval_views=2, eval_size=16, aim=how).setup()
        pipeline: Any = SimpleNamespace(datamanager=data)
        around = TrainingCallbackAttributes(optimizers=None, grad_scaler=None, pipeline=pipeline, trainer=None)
        point_cameras(model, around)
        return seen_centre(data, 0).tolist()

    edit = make(prompt="red cat", mode="edit", scene=scene_file, sphere=(0.5, -0.3, -0.2, 0.3))
    created = make(prompt="red cat", sphere=(0.5, -0.3, -0.2, 0.3))
    for model, how, expected in (
        (edit, "auto", (0.5, -0.3, -0.2)),
        (edit, "scene", (0, 0, 0)),
        (created, "auto", (0, 0, 0)),
        (created, "parts", (0.5, -0.3, -0.2)),
    ):
        assert centre(model, how) == pytest.approx(expected, abs=0.03), how
    edit.change_part("part", {"shape": Sphere(centre=(-0.4, 0.2, 0.1), radius=0.2)})
    assert centre(edit, "auto") == pytest.approx((-0.4, 0.2, 0.1), abs=0.03)
