"""A box out of a capture that has no bound: the box becomes the scene's cube, and what is around it a backdrop."""

import dataclasses
import math
import warnings
from collections.abc import Sequence

import torch
from jaxtyping import Float
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.data.scene_box import SceneBox
from torch import Tensor
from torch.nn import functional as F

from gencontrol.errors import ConfigError, InputError

# Rows and columns of the backdrop, by elevation and azimuth: coarse, so that what has an outline goes into the field.
BACKDROP_SHAPE = (3, 16, 32)
# Share of the cameras that may stand within the crop, where nothing in front of them would be seen.
_WITHIN = 0.5


def check_crop(crop: Sequence[float] | None) -> None:
    """Refuse a crop that is no box.

    Raises:
        ConfigError: Numbers that are not finite, or a side that is not positive.
    """
    if crop is None:
        return
    if not all(map(math.isfinite, crop)) or min(crop[3:]) <= 0:
        raise ConfigError(f"`crop` takes a box, centre x y z and side lengths above 0; got {' '.join(map(str, crop))}.")


def crop_outputs(outputs: DataparserOutputs, crop: Sequence[float]) -> DataparserOutputs:
    """A data set moved and scaled so that the cube around a box spans [-1, 1] on each axis.

    Args:
        outputs: What a parser found.
        crop: Centre x y z and side lengths, in the units of the outputs' poses.

    Raises:
        InputError: Most cameras stand within the crop.
    """
    centre = torch.tensor(crop[:3], dtype=torch.float32)
    scale = 2 / max(crop[3:])
    cameras = outputs.cameras.to("cpu")
    cameras.camera_to_worlds = cameras.camera_to_worlds.clone()
    cameras.camera_to_worlds[..., :3, 3] = (cameras.camera_to_worlds[..., :3, 3] - centre) * scale
    within = int((cameras.camera_to_worlds[..., :3, 3].abs() < 1).all(dim=-1).sum())
    if within > _WITHIN * len(cameras):
        raise InputError(
            f"{within} of {len(cameras)} cameras stand inside the box that is cropped to, and a scene is seen from "
            "outside: name a smaller box, around the thing alone."
        )
    # nerfstudio's transform comes before its scale: x' = scale * (transform x).
    transform = outputs.dataparser_transform.clone()
    transform[:, 3] -= centre.to(transform) / outputs.dataparser_scale
    return dataclasses.replace(
        outputs,
        cameras=cameras,
        dataparser_transform=transform,
        dataparser_scale=outputs.dataparser_scale * scale,
        scene_box=SceneBox(torch.tensor([[-1.0, -1, -1], [1, 1, 1]])),
    )


def warn_of_crop(crop: Sequence[float]) -> None:
    """Say what a crop leaves out of the scene."""
    side, place = max(crop[3:]), ", ".join(f"{value:g}" for value in crop[:3])
    warnings.warn(
        f"The capture is cropped to the cube of side {side:g} around ({place}), in its own units: what the pictures "
        "show outside of it is fitted as a backdrop and is in no scene file. What stands near the cube may leave "
        "traces on its faces: crop those off when you export.",
        stacklevel=2,
    )


def new_backdrop() -> Float[Tensor, "3 h w"]:
    """Mid grey all around, before the sigmoid."""
    return torch.zeros(BACKDROP_SHAPE)


def backdrop_colour(backdrop: Float[Tensor, "3 h w"], directions: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
    """What is behind the scene in some directions, sRGB in (0, 1); seamless around.

    Args:
        backdrop: Raw values by elevation (rows, from straight up) and azimuth (columns).
        directions: Unit vectors, world.
    """
    around = torch.atan2(directions[:, 1], directions[:, 0]) / torch.pi
    up = directions[:, 2].clamp(-1, 1).asin() / (torch.pi / 2)
    # One column more on each side, those of the other side, and every place on the wider picture.
    width = backdrop.shape[-1]
    wide = torch.cat([backdrop[..., -1:], backdrop, backdrop[..., :1]], dim=-1)
    places = torch.stack([around * width / (width + 2), -up], dim=-1)
    found = F.grid_sample(wide[None], places[None, None].to(wide), padding_mode="border", align_corners=False)
    return found[0, :, 0].T.sigmoid()
