"""What a run writes: preview sheets on its way, and at its end the scene and a turntable."""

import logging
from pathlib import Path
from typing import Any

import torch
from nerfstudio.engine.callbacks import TrainingCallbackAttributes
from nerfstudio.utils import writer
from torchvision.transforms.functional import to_pil_image

from gencontrol.files import atomic_file
from gencontrol.nerf.export.preview import preview_sheet
from gencontrol.nerf.export.video import VideoSettings, film, write_film
from gencontrol.nerf.field.scene import SCENE_FILE, save_scene
from gencontrol.nerf.method.model import SteeredModel
from gencontrol.nerf.rays.cameras import Cameras, Orbit, camera_rays, orbit_cameras
from gencontrol.nerf.rays.rendering import concatenate_rays, reshape_rays

log = logging.getLogger(__name__)

TURNTABLE = "turntable.mp4"
# Degrees of azimuth from one preview to the next: no quarter turn, after which a symmetric creation looks the same.
_PREVIEW_VIEWS, _PREVIEW_TURN = 4, 105.0


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
    sheet = preview_sheet(render_cameras(model, orbit_cameras(azimuth, elevation, (96, 96), orbit=orbit)))
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


def render_cameras(model: SteeredModel, cameras: Cameras) -> Any:
    """Render whole pictures of the model as it is, (b, h, w) rays."""
    origins, directions = (rays.reshape(-1, 3).to(model.device) for rays in camera_rays(cameras))
    chunk = model.config.eval_num_rays_per_chunk
    pieces = [model.render(o, d) for o, d in zip(origins.split(chunk), directions.split(chunk), strict=True)]
    return reshape_rays(concatenate_rays(pieces), (len(cameras.pose), cameras.height, cameras.width))
