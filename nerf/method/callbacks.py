"""What happens around training steps: checks before the first, resolution, a clean stop, and what is written."""

import logging
import signal
import threading
from types import FrameType
from typing import Any

from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.engine.optimizers import Optimizers
from torch.nn import Parameter

from gencontrol.nerf.checks.check_run import check_length, check_run
from gencontrol.nerf.checks.check_space import check_space
from gencontrol.nerf.checks.fit_end import end_step
from gencontrol.nerf.method.change_record import renew_change_record, stored_change_record
from gencontrol.nerf.method.fit import fit_steps_of, fit_to_the_end, fitted_before, starts_edit
from gencontrol.nerf.method.model import SteeredModel
from gencontrol.nerf.method.results import run_folder, write_preview, write_results

log = logging.getLogger(__name__)


def callbacks_of(model: SteeredModel, attributes: TrainingCallbackAttributes) -> list[TrainingCallback]:
    """The callbacks of a run; without a trainer (as some tools build pipelines) only those of the field."""
    before, after = TrainingCallbackLocation.BEFORE_TRAIN_ITERATION, TrainingCallbackLocation.AFTER_TRAIN_ITERATION
    at_end = TrainingCallbackLocation.AFTER_TRAIN
    stepping = TrainingCallback([before], begin_step, args=[model, attributes])
    if attributes.trainer is None:
        return [stepping]
    check_length(attributes)
    first = (attributes.trainer._start_step,)
    found = [TrainingCallback([before], begin_training, iters=first, args=[model, attributes]), stepping]
    stop = Interrupt(attributes.trainer)
    found.append(TrainingCallback([before], stop.install, iters=first))
    found.append(TrainingCallback([after], end_step, args=[model, attributes]))
    if model.config.preview_every:
        found.append(TrainingCallback([after], write_preview, model.config.preview_every, args=[model, attributes]))
    found.append(TrainingCallback([at_end], stop.restore))
    found.append(TrainingCallback([at_end], write_results, args=[model, attributes]))
    return found


def begin_training(model: SteeredModel, attributes: TrainingCallbackAttributes, step: int) -> None:
    """Refuse what cannot work before any time is spent.

    `SteeredTrainer` asks before a run has its folder; nerfstudio's own, which runs of 0.1 name, at the first step.
    """
    check_run(model.config, attributes, change=stored_change_record(model))
    renew_change_record(model, model.config)
    if model.config.mode == "fit":
        fit_to_the_end(attributes)
    model.begin_training()
    check_space(model, run_folder(attributes))


def begin_step(model: SteeredModel, attributes: TrainingCallbackAttributes, step: int) -> None:
    """Bring the field to its step, and hand the optimiser a lattice that is new."""
    before = model.field.trained()
    point_cameras(model, attributes)
    fit_steps = fit_steps_of(attributes)
    model.begin_step(step, fitted=fitted_before(model.config, fit_steps, change=stored_change_record(model)))
    if starts_edit(model.config, fit_steps, step=step, has_base=model.field.base is not None):
        model.begin_edit()
        restart_schedules(attributes.optimizers)
    for old, new in zip(before, model.field.trained(), strict=True):
        if new is not old and attributes.optimizers is not None:
            replace_parameter(attributes.optimizers, old, new)


def point_cameras(model: SteeredModel, attributes: TrainingCallbackAttributes) -> None:
    """Point the random cameras at the parts of a change, also when the viewer has moved one."""
    data: Any = getattr(attributes.pipeline, "datamanager", None)
    if data is None:
        return
    at_parts = data.config.aim == "parts" or (data.config.aim == "auto" and model.config.mode not in ("create", "fit"))
    data.look_at(model.parts if at_parts else ())


def replace_parameter(optimizers: Optimizers, old: Parameter, new: Parameter) -> None:
    """Put one parameter in the place of another, without what was remembered of it."""
    for name, optimizer in optimizers.optimizers.items():
        optimizer.state.pop(old, None)
        for group in optimizer.param_groups:
            group["params"] = [new if p is old else p for p in group["params"]]
        optimizers.parameters[name] = [new if p is old else p for p in optimizers.parameters[name]]


def restart_schedules(optimizers: Optimizers | None) -> None:
    """Bring learning rates back to where they began: an edit after a fit is a run of its own."""
    for scheduler in ({} if optimizers is None else optimizers.schedulers).values():
        scheduler.last_epoch = -1
        scheduler.step()


class Interrupt:
    """Makes the first Ctrl-C end training after the running step; the second one interrupts as usual.

    nerfstudio's launcher catches KeyboardInterrupt, and the run would end without a checkpoint.
    """

    def __init__(self, trainer: Any):
        """Remember whom to stop."""
        self._trainer = trainer
        self._previous: Any = None

    def install(self, step: int) -> None:
        """Listen from now on."""
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.getsignal(signal.SIGINT)
            signal.signal(signal.SIGINT, self._stop)

    def restore(self, step: int) -> None:
        """Listen no longer: after the last step nerfstudio's viewer waits for a Ctrl-C of its own."""
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
            self._previous = None

    def _stop(self, number: int, frame: FrameType | None) -> None:
        log.warning("Stopping after this step; the scene and the turntable are still written. Again to stop at once.")
        self._trainer.stop_training = True
        self.restore(0)
