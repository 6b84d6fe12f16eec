"""Rays for nerfstudio's trainer: random orbit views, or the pixels of a data set, drawn from (seed, step) alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from nerfstudio.cameras.cameras import Cameras as StudioCameras
from nerfstudio.cameras.cameras import CameraType
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.datamanagers.base_datamanager import DataManager
from nerfstudio.data.datamanagers.random_cameras_datamanager import RandomCamerasDataManager, TrivialDataset
from nerfstudio.data.utils.dataloaders import FixedIndicesEvalDataloader, RandIndicesEvalDataloader
from torch import Tensor
from torch.nn import Parameter

from gencontrol.errors import ConfigError
from gencontrol.images.colour import check_colour
from gencontrol.nerf.method.config import SteeredDataManagerConfig
from gencontrol.nerf.method.data_set_pictures import Pictures, load_pictures
from gencontrol.nerf.method.fit import pixel_rays
from gencontrol.nerf.parts.part_cameras import orbit_around
from gencontrol.nerf.parts.parts import Part
from gencontrol.nerf.rays.cameras import Cameras, camera_rays, orbit_cameras, random_cameras
from gencontrol.streams import step_stream


class SteeredDataManager(RandomCamerasDataManager):
    """Orbit views for guidance; pixels of pictures while a data set is fitted.

    It is a RandomCamerasDataManager for `ns-render`, which asks for the class; none of its drawing is used.
    """

    config: SteeredDataManagerConfig  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(  # pyright: ignore[reportMissingSuperCall]
        self,
        config: SteeredDataManagerConfig,
        device: torch.device | str = "cpu",
        test_mode: Literal["test", "val", "inference"] = "val",
        world_size: int = 1,
        local_rank: int = 0,
        **kwargs: Any,
    ):
        check_views(config)
        self.config = config  # pyright: ignore[reportIncompatibleVariableOverride]
        self.device = device
        self.world_size = world_size
        self.local_rank = local_rank
        self.sampler = None
        self.test_mode = test_mode
        self.test_split = "test" if test_mode in ("test", "inference") else "val"
        self.includes_time = False
        seen, unseen = self._datasets()
        self.train_dataset, self.eval_dataset = seen, unseen
        self.orbit = config.orbit
        self._looked_at: Sequence[Part] = ()
        self.pictures = None if config.data is None else load_pictures(seen, config)
        self.fixed_indices_eval_dataloader = FixedIndicesEvalDataloader(unseen, device=device, num_workers=0)
        self.eval_dataloader = RandIndicesEvalDataloader(unseen, device=device, num_workers=0)
        # The parent's own start refuses --data and draws cameras of its own; the grandparent's is what counts.
        DataManager.__init__(self)

    def next_train(self, step: int) -> tuple[RayBundle, dict[str, Any]]:
        """Views of a guided step, or pixels of a photometric one; which, the model decides by `batch`."""
        self.train_count += 1
        if self.pictures is not None and step < self.config.fit_steps:
            return self._pixels(step)
        return self._views(step, self.config.size)

    def next_eval(self, step: int) -> tuple[RayBundle, dict[str, Any]]:
        """Views of other angles than the training's."""
        self.eval_count += 1
        return self._views(-1 - step, self.config.size)

    def look_at(self, parts: Sequence[Part]) -> None:
        """Point the random cameras at parts, or as configured when there are none."""
        if parts is self._looked_at:
            return
        self._looked_at = parts
        self.orbit = orbit_around(self.config.orbit, parts) if parts else self.config.orbit

    def get_datapath(self) -> Path:
        """The data set; without one the current folder: the viewer keeps camera paths there, and refuses none."""
        return self.config.data or Path()

    def get_train_rays_per_batch(self) -> int:
        """For nerfstudio's speed display."""
        return self.config.views * self.config.size**2

    def get_eval_rays_per_batch(self) -> int:
        """For nerfstudio's speed display."""
        return self.get_train_rays_per_batch()

    def get_param_groups(self) -> dict[str, list[Parameter]]:
        """Nothing here is trained."""
        return {}

    def _views(self, step: int, size: int) -> tuple[RayBundle, dict[str, Any]]:
        generator = step_stream(self.config.seed, step)
        count = self.config.views
        cameras, azimuth, elevation = random_cameras(count, (size, size), orbit=self.orbit, generator=generator)
        batch = {"azimuth": azimuth, "elevation": elevation, "shape": (count, size, size), "step": step}
        return bundle(*camera_rays(cameras), device=self.device), batch

    def _pixels(self, step: int) -> tuple[RayBundle, dict[str, Any]]:
        assert self.pictures is not None and self.train_dataset is not None
        rays, target, behind = pixel_rays(
            self.pictures,
            self.train_dataset.cameras.to("cpu"),
            count=self.config.rays,
            in_front_of=self.config.in_front_of,
            generator=step_stream(self.config.seed, step),
        )
        batch = {"target": target.to(self.device), "behind": behind.to(self.device), "step": step}
        return rays.to(torch.device(self.device)), batch

    def _datasets(self) -> tuple[Any, Any]:
        if self.config.data is None:
            cameras = fixed_views(self.config)
            return TrivialDataset(cameras), TrivialDataset(cameras)
        parser_config = self.config.dataparser
        parser_config.data = self.config.data
        parser = parser_config.setup()
        seen, unseen = (Pictures(parser.get_dataparser_outputs(split=split)) for split in ("train", self.test_split))
        seen.in_front_of = unseen.in_front_of = self.config.in_front_of
        return seen, unseen


def check_views(config: SteeredDataManagerConfig) -> None:
    """Refuse numbers that nothing can be drawn with.

    Raises:
        ConfigError: Saying which.
    """
    for name in ("views", "size", "eval_views", "eval_size", "rays", "fit_steps"):
        if getattr(config, name) < 1:
            raise ConfigError(f"{name} must be at least 1; got {getattr(config, name)}.")
    if config.in_front_of is not None:
        check_colour(config.in_front_of, name="in_front_of")


def bundle(origins: Tensor, directions: Tensor, *, device: torch.device | str) -> RayBundle:
    """Any shape of rays as a flat nerfstudio bundle."""
    flat = directions.reshape(-1, 3).to(device)
    ones = torch.ones_like(flat[:, :1])
    return RayBundle(
        origins=origins.reshape(-1, 3).to(device), directions=flat, pixel_area=ones, camera_indices=ones.long()
    )


def to_studio(cameras: Cameras) -> StudioCameras:
    """Our cameras as nerfstudio's; the conventions are the same."""
    return StudioCameras(
        camera_to_worlds=cameras.pose,
        fx=cameras.focal[:, None],
        fy=cameras.focal[:, None],
        cx=cameras.width / 2,
        cy=cameras.height / 2,
        width=cameras.width,
        height=cameras.height,
        camera_type=CameraType.PERSPECTIVE,
    )


def fixed_views(config: SteeredDataManagerConfig) -> StudioCameras:
    """Evenly spread views at the orbit's middle elevation, for previews, scores and the viewer."""
    azimuth = torch.arange(config.eval_views) * (360.0 / config.eval_views)
    elevation = torch.full_like(azimuth, sum(config.orbit.elevation) / 2)
    return to_studio(orbit_cameras(azimuth, elevation, (config.eval_size, config.eval_size), orbit=config.orbit))
