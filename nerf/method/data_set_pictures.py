"""The pictures of a data set, and whether the scene's cube holds what they show."""

import warnings
from typing import Any

import torch
from jaxtyping import Float, UInt8
from nerfstudio.data.datasets.base_dataset import InputDataset
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.nerf.method.config import SteeredDataManagerConfig
from gencontrol.nerf.rays.rendering import cube_span
from gencontrol.streams import seeded

# Pixels of each picture that are asked whether they look into the cube: enough for a share to a few per cent.
_PROBES = 256
# Distance from the named background, per channel, from which a pixel shows something.
_DIFFERS = 0.1
# Share of the pixels that show something and look past the cube, above which it is said, and above which refused.
_CROPPED, _OUTSIDE = 0.02, 0.5


class Pictures(InputDataset):
    """nerfstudio's data set, whose pictures also tell what they were taken in front of."""

    in_front_of: tuple[float, float, float] | None = None
    """Colour, [0, 1]; None for pictures with an alpha channel."""

    def get_metadata(self, data: dict[str, Any]) -> dict[str, Any]:
        """What an evaluation has beside a picture."""
        return {} if self.in_front_of is None else {"in_front_of": torch.tensor(self.in_front_of)}


def load_pictures(dataset: InputDataset, config: SteeredDataManagerConfig) -> UInt8[Tensor, "n h w c"]:
    """All pictures, straight RGBA or RGB, in bytes: a data set of floats would take four times the memory.

    Raises:
        InputError: Pictures of several sizes, without alpha and no colour to stand for what is behind, or of something
            outside the scene's cube.
    """
    pictures = [torch.from_numpy(dataset.get_numpy_image(i)) for i in range(len(dataset))]
    if len({picture.shape for picture in pictures}) > 1:
        raise InputError("The data set's pictures differ in size or channels: bring them to one size first.")
    stacked = torch.stack(pictures)
    if stacked.shape[-1] == 4:
        check_bounds(dataset.cameras, stacked[..., 3] > 127)
        return stacked
    if config.in_front_of is None:
        raise InputError(
            "The data set's pictures have no alpha channel, so the scene has no bound. Cut the object out (RGBA), or "
            "name the plain colour that it stands in front of: --pipeline.datamanager.in-front-of 1 1 1."
        )
    behind = torch.tensor(config.in_front_of)
    check_bounds(dataset.cameras, torch.stack([(p / 255 - behind).abs().amax(dim=-1) > _DIFFERS for p in stacked]))
    return stacked


def over(pixels: UInt8[Tensor, "n c"], behind: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
    """Pixels over a background, [0, 1]; RGB is opaque: what is compared is the picture itself."""
    values = pixels / 255
    return values if values.shape[1] == 3 else values[:, :3] * values[:, 3:] + (1 - values[:, 3:]) * behind


def check_bounds(cameras: Any, shown: Tensor) -> None:
    """Say when the cube crops what pictures show, and refuse when it misses it.

    Args:
        cameras: nerfstudio's, one a picture.
        shown: (n, h, w), true where a pixel shows something.

    Raises:
        InputError: Most of what is shown lies outside the cube, or most cameras stand within.
    """
    generator = seeded(0)
    places = [mask.nonzero() for mask in shown]
    picks = [p[torch.randint(len(p), (min(_PROBES, len(p)),), generator=generator)] for p in places if len(p)]
    index = [torch.full((min(_PROBES, len(p)),), i) for i, p in enumerate(places) if len(p)]
    if not picks:
        raise InputError("The data set's pictures show nothing: every pixel is transparent or plain background.")
    rays = cameras.to("cpu").generate_rays(camera_indices=torch.cat(index)[:, None], coords=torch.cat(picks) + 0.5)
    within = (cameras.camera_to_worlds[..., :3, 3].abs() < 1).all(dim=-1).sum().item()
    near, far = cube_span(rays.origins, rays.directions)
    missed = (far <= near).float().mean().item()
    advice = (
        "the scene must lie in [-1, 1] on each axis. Scale and centre its poses: "
        "--pipeline.datamanager.dataparser.auto-scale-poses True --pipeline.datamanager.dataparser.center-method focus "
        "--pipeline.datamanager.dataparser.scale-factor 2."
    )
    # No ray from within can miss the cube, so that nothing would be said, and whatever is behind is cut off.
    if within > _OUTSIDE * len(cameras):
        raise InputError(f"{within} of {len(cameras)} cameras stand inside the scene's cube: {advice}")
    if within:
        warnings.warn(f"{within} of {len(cameras)} cameras stand inside the scene's cube: {advice}", stacklevel=2)
    if missed > _OUTSIDE:
        raise InputError(f"{missed:.0%} of what the pictures show lies outside the scene's cube: {advice}")
    if missed > _CROPPED:
        warnings.warn(f"{missed:.0%} of what the pictures show is cropped away: {advice}", stacklevel=2)
