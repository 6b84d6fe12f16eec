"""What happens around training steps: resolution, previews, a clean stop, the scene and turntable at the end."""

import logging
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.engine.optimizers import Optimizers
from nerfstudio.utils import writer
from torch.nn import Parameter
from torchvision.transforms.functional import to_pil_image

from gencontrol.files import atomic_file
from gencontrol.nerf.export.preview import preview_sheet
from gencontrol.nerf.export.video import VideoSettings, film, write_film
from gencontrol.nerf.field.scene import SCENE_FILE, save_scene
from gencontrol.nerf.method.checkpoint import renew_change, stored_change
from gencontrol.nerf.method.model import SteeredModel
from gencontrol.nerf.method.run_checks import check_run, fit_to_the_end
from gencontrol.nerf.rays.cameras import Cameras, Orbit, camera_rays, orbit_cameras
from gencontrol.nerf.rays.rendering import join, reshape_rays

log = logging.getLogger(__name__)

TURNTABLE = "turntable.mp4"
# Degrees of azimuth from one preview to the next: no quarter turn, after which a symmetric creation looks the same.
_PREVIEW_VIEWS, _PREVIEW_TURN = 4, 105.0


def callbacks_of(model: SteeredModel, attributes: TrainingCallbackAttributes) -> list[TrainingCallback]:
    """The callbacks of a run; without a trainer (as some tools build pipelines) only those of the field."""
    before, after = TrainingCallbackLocation.BEFORE_TRAIN_ITERATION, TrainingCallbackLocation.AFTER_TRAIN_ITERATION
    at_end = TrainingCallbackLocation.AFTER_TRAIN
    stepping = TrainingCallback([before], begin_step, args=[model, attributes])
    if attributes.trainer is None:
        return [stepping]
    first = (attributes.trainer._start_step,)
    found = [TrainingCallback([before], begin_training, iters=first, args=[model, attributes]), stepping]
    stop = Interrupt(attributes.trainer)
    found.append(TrainingCallback([before], stop.install, iters=first))
    if model.config.preview_every:
        found.append(TrainingCallback([after], write_preview, model.config.preview_every, args=[model, attributes]))
    found.append(TrainingCallback([at_end], stop.restore))
    found.append(TrainingCallback([at_end], write_results, args=[model, attributes]))
    return found


def begin_training(model: SteeredModel, attributes: TrainingCallbackAttributes, step: int) -> None:
    """Refuse what cannot work before any time is spent."""
    check_run(model.config, attributes, change=stored_change(model))
    renew_change(model, model.config)
    if model.config.mode == "fit":
        fit_to_the_end(attributes)
    model.begin_training()


def begin_step(model: SteeredModel, attributes: TrainingCallbackAttributes, step: int) -> None:
    """Bring the field to its step, and hand the optimiser a lattice that is new."""
    before = model.field.trained()
    aim(model, attributes)
    model.begin_step(step, fitted=fitted_before(model, attributes))
    if starts_edit(model, attributes, step):
        model.begin_edit()
        restart_schedules(attributes.optimizers)
    for old, new in zip(before, model.field.trained(), strict=True):
        if new is not old and attributes.optimizers is not None:
            exchange(attributes.optimizers, old, new)


def aim(model: SteeredModel, attributes: TrainingCallbackAttributes) -> None:
    """Point the random cameras at the parts of a change, also when the viewer has moved one."""
    data: Any = getattr(attributes.pipeline, "datamanager", None)
    if data is None:
        return
    at_parts = data.config.aim == "parts" or (data.config.aim == "auto" and model.config.mode not in ("create", "fit"))
    data.look_at(model.parts if at_parts else ())


def exchange(optimizers: Optimizers, old: Parameter, new: Parameter) -> None:
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


def fitted_before(model: SteeredModel, attributes: TrainingCallbackAttributes) -> int:
    """Photometric steps before the first guided one; schedules of weights count from there."""
    pipeline: Any = attributes.pipeline
    change = stored_change(model)
    if change is not None:
        return change.begun
    if model.config.mode in ("create", "fit") or model.config.scene is not None or pipeline is None:
        return 0
    return getattr(pipeline.datamanager.config, "fit_steps", 0)


def starts_edit(model: SteeredModel, attributes: TrainingCallbackAttributes, step: int) -> bool:
    """Whether pictures have been fitted and their edit begins now."""
    if model.config.mode in ("create", "fit") or model.field.base is not None:
        return False
    # nerfstudio types its data manager as any module with a configuration of the base class.
    pipeline: Any = attributes.pipeline
    return step >= pipeline.datamanager.config.fit_steps


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


def run_folder(attributes: TrainingCallbackAttributes) -> Path:
    """Where the run's files go."""
    assert attributes.trainer is not None
    return attributes.trainer.base_dir


def orbit_of(attributes: TrainingCallbackAttributes, *, of_scene: bool) -> Orbit:
    """The orbit that shows the scene, or the one that the data manager draws from."""
    assert attributes.pipeline is not None
    data: Any = attributes.pipeline.datamanager
    return getattr(data.config if of_scene else data, "orbit", Orbit())


@torch.no_grad()
def write_preview(model: SteeredModel, attributes: TrainingCallbackAttributes, step: int) -> None:
    """Write `previews/STEP.png` and give the sheet to the log's writers."""
    orbit = orbit_of(attributes, of_scene=False)
    azimuth = torch.arange(_PREVIEW_VIEWS) * _PREVIEW_TURN
    elevation = torch.full_like(azimuth, sum(orbit.elevation) / 2)
    training = model.training
    model.eval()
    sheet = preview_sheet(view(model, orbit_cameras(azimuth, elevation, (96, 96), orbit=orbit)))
    model.train(training)
    with atomic_file(run_folder(attributes) / "previews" / f"{step:06d}.png") as path:
        to_pil_image(sheet).save(path)
    if writer.EVENT_WRITERS:
        writer.put_image("Preview", sheet.permute(1, 2, 0), step=step)


def write_results(model: SteeredModel, attributes: TrainingCallbackAttributes, step: int) -> None:
    """Write the scene file and the turntable."""
    folder = run_folder(attributes)
    save_scene(model.scene(), folder / SCENE_FILE)
    log.info("Scene: %s", folder / SCENE_FILE)
    if model.config.turntable_frames:
        settings = VideoSettings(
            frames=model.config.turntable_frames,
            size=model.config.turntable_size,
            background=model.config.background,
            orbit=orbit_of(attributes, of_scene=True),
        )
        write_film(film(model.scene(), settings), folder / TURNTABLE, settings)
        log.info("Turntable: %s", folder / TURNTABLE)


def view(model: SteeredModel, cameras: Cameras) -> Any:
    """Render whole pictures of the model as it is, (b, h, w) rays."""
    origins, directions = (rays.reshape(-1, 3).to(model.device) for rays in camera_rays(cameras))
    chunk = model.config.eval_num_rays_per_chunk
    pieces = [model.render(o, d) for o, d in zip(origins.split(chunk), directions.split(chunk), strict=True)]
    return reshape_rays(join(pieces), (len(cameras.pose), cameras.height, cameras.width))
