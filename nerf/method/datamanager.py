"""Rays for nerfstudio's trainer: random orbit views, or the pixels of a data set, drawn from (seed, step) alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from nerfstudio.cameras.cameras import Cameras as StudioCameras
from nerfstudio.cameras.cameras import CameraType
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.datamanagers.base_datamanager import DataManager
from nerfstudio.data.datamanagers.random_cameras_datamanager import RandomCamerasDataManager
from nerfstudio.data.pixel_samplers import PixelSamplerConfig
from nerfstudio.data.utils.dataloaders import FixedIndicesEvalDataloader, RandIndicesEvalDataloader
from torch import Tensor
from torch.nn import Parameter

from gencontrol.errors import ConfigError
from gencontrol.images.colour import check_colour
from gencontrol.nerf.limits import SEEDS, check_limits
from gencontrol.nerf.method.config import SteeredDataManagerConfig
from gencontrol.nerf.method.crop import backdrop_colour, check_crop, new_backdrop, warn_of_crop
from gencontrol.nerf.method.data_set_pictures import Pictures, Views, load_pictures, read_split
from gencontrol.nerf.method.fit import pixel_rays
from gencontrol.nerf.parts.part_cameras import orbit_around
from gencontrol.nerf.parts.parts import Part
from gencontrol.nerf.rays.cameras import Cameras, camera_rays, orbit_cameras, random_cameras
from gencontrol.nerf.rays.spiral import upright_spiral
from gencontrol.streams import step_stream

BACKDROP = "backdrop"
"""The group of parameters of what is behind a cropped capture, as optimisers know it."""
# The largest are what a machine can hold, or what is still a step.
_LIMITS = {
    "views": (1, 4096),
    "size": (1, 4096),
    "eval_views": (1, 4096),
    "eval_size": (1, 4096),
    "rays": (1, 2**24),
    "fit_steps": (1, 10**9),
}


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
        config.data = named_data(config)
        self.dataparser = None if config.data is None else config.dataparser.setup()
        seen, unseen = self._datasets()
        self.train_dataset, self.eval_dataset = seen, unseen
        # Exporters turn points back into the data set's own frame by these, and the trainer writes them down.
        self.train_dataparser_outputs = seen._dataparser_outputs
        self.train_pixel_sampler = PixelSamplerConfig(num_rays_per_batch=config.rays).setup()
        self.orbit = config.orbit
        self._looked_at: Sequence[Part] = ()
        # Only to draw from: renderers have a scene that is finished, and of the data set no more than its cameras.
        loaded = isinstance(seen, Pictures) and test_mode != "inference"
        self.pictures = load_pictures(seen, config) if loaded else None
        self.fixed_indices_eval_dataloader = FixedIndicesEvalDataloader(unseen, device=device, num_workers=0)
        self.eval_dataloader = UprightDataloader(unseen, device=device, num_workers=0)
        # The parent's own start refuses --data and draws cameras of its own; the grandparent's is what counts.
        DataManager.__init__(self)
        self.backdrop: Parameter | None = None
        if self.pictures is not None and config.crop is not None and self.pictures.shape[-1] == 3:
            warn_of_crop(config.crop)
            self.backdrop = Parameter(new_backdrop().to(device))
            seen.backdrop = unseen.backdrop = self.behind

    def next_train(self, step: int) -> tuple[RayBundle, dict[str, Any]]:
        """Views of a guided step, or pixels of a photometric one; which, the model decides by `batch`."""
        self.train_count += 1
        if self.test_mode != "val":
            return self._tool_rays()
        if self.pictures is not None and step < self.config.fit_steps:
            return self._pixels(step, count=self.config.rays)
        return self._views(step, self.config.size, count=self.config.views)

    def next_eval(self, step: int) -> tuple[RayBundle, dict[str, Any]]:
        """Views of other angles than the training's."""
        self.eval_count += 1
        return self._views(-1 - step, self.config.size, count=self.config.views)

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
        """The backdrop of a cropped capture, if there is one."""
        return {} if self.backdrop is None else {BACKDROP: [self.backdrop]}

    def behind(self, directions: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        """What the pictures of a cropped capture show behind the crop, sRGB."""
        assert self.backdrop is not None
        return backdrop_colour(self.backdrop, directions.to(self.backdrop))

    def _tool_rays(self) -> tuple[RayBundle, dict[str, Any]]:
        # Exporters ask for step 0 again and again, and set the size of what they want on the pixel sampler.
        step, wanted = self.train_count, self.train_pixel_sampler.num_rays_per_batch
        if self.pictures is not None:
            return self._pixels(step, count=wanted)
        return self._views(step, self.config.size, count=max(wanted // self.config.size**2, 1))

    def _views(self, step: int, size: int, *, count: int) -> tuple[RayBundle, dict[str, Any]]:
        generator = step_stream(self.config.seed, step)
        cameras, azimuth, elevation = random_cameras(count, (size, size), orbit=self.orbit, generator=generator)
        batch = {"azimuth": azimuth, "elevation": elevation, "shape": (count, size, size), "step": step}
        return bundle(*camera_rays(cameras), device=self.device), batch

    def _pixels(self, step: int, *, count: int) -> tuple[RayBundle, dict[str, Any]]:
        assert self.pictures is not None and self.train_dataset is not None
        rays, target, behind = pixel_rays(
            self.pictures,
            self.train_dataset.cameras.to("cpu"),
            count=count,
            in_front_of=self.config.in_front_of,
            generator=step_stream(self.config.seed, step),
        )
        if self.backdrop is not None:
            behind = self.behind(rays.directions)
        batch = {"target": target.to(self.device), "behind": behind.to(self.device), "step": step}
        return rays.to(torch.device(self.device)), batch

    def _datasets(self) -> tuple[Any, Any]:
        if self.dataparser is None:
            return Views(fixed_views(self.config)), Views(fixed_views(self.config))
        seen, unseen = (read_split(self.dataparser, split, self.config) for split in ("train", self.test_split))
        return seen, unseen


class UprightDataloader(RandIndicesEvalDataloader):
    """Pictures for evaluation; its camera, which only `ns-render spiral` asks for, makes a film that stands upright."""

    def get_camera(self, image_idx: int = 0) -> tuple[StudioCameras, dict]:
        """See `upright_spiral`."""
        camera, batch = super().get_camera(image_idx)
        camera.camera_to_worlds = upright_spiral(camera.camera_to_worlds)
        return camera, batch


def check_views(config: SteeredDataManagerConfig) -> None:
    """Refuse numbers that nothing can be drawn with.

    Raises:
        ConfigError: Saying which.
    """
    check_limits(config, _LIMITS)
    check_limits(config, {"seed": SEEDS}, where="pipeline.datamanager.")
    check_crop(config.crop)
    if config.in_front_of is not None:
        check_colour(config.in_front_of, name="`in_front_of`")
    if config.in_front_of is not None and config.crop is not None:
        raise ConfigError(
            "`crop` is for pictures whose surroundings show, `in_front_of` for a plain colour behind: give one of them."
        )


def named_data(config: SteeredDataManagerConfig) -> Path | None:
    """The data set, named by `--data` or to its parser; None for neither. The parser is told of it."""
    parser: Any = config.dataparser  # One of nerfstudio's, or of a plug-in's.
    if config.data is not None:
        parser.data = Path(config.data)
    return None if parser.data == Path() else Path(parser.data)


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
