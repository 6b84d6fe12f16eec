"""The fit of a data set: the rays of its pixels, the photometric loss, and when the edit begins.

Its pictures are read in `data_set_pictures`; `datamanager` and `model` call what is here at each step before the edit.
"""

from typing import Any

import torch
from jaxtyping import Float, UInt8
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.engine.callbacks import TrainingCallbackAttributes
from torch import Generator, Tensor

from gencontrol.images.colour import Colour
from gencontrol.nerf.checks.check_run import span_of
from gencontrol.nerf.method.change_record import ChangeRecord
from gencontrol.nerf.method.config import SteeredModelConfig
from gencontrol.nerf.method.data_set_pictures import over
from gencontrol.nerf.rays.rendering import Rendering


def pixel_rays(
    pictures: UInt8[Tensor, "n h w c"],
    cameras: Any,
    *,
    count: int,
    in_front_of: Colour | None,
    generator: Generator,
) -> tuple[RayBundle, Float[Tensor, "r 3"], Float[Tensor, "r 3"]]:
    """Draw pixels of all pictures, and the rays through their centres.

    Args:
        pictures: From `load_pictures`.
        cameras: nerfstudio's, one a picture, on the CPU.
        count: Pixels to draw.
        in_front_of: Colour that the pictures were taken in front of, [0, 1]; None puts each pixel of a picture with
            alpha before a random one, so that only what is opaque can match.
        generator: Draws; on the CPU.

    Returns:
        The rays, the colours that they should see, [0, 1], and what is behind each of them.
    """
    picks = torch.randint(len(pictures), (count,), generator=generator)
    height, width = pictures.shape[1:3]
    rows = torch.randint(height, (count,), generator=generator)
    columns = torch.randint(width, (count,), generator=generator)
    places = torch.stack([rows, columns], dim=1) + 0.5
    rays = cameras.generate_rays(camera_indices=picks[:, None], coords=places)
    if in_front_of is None:
        behind = torch.rand(count, 3, generator=generator)
    else:
        behind = torch.tensor(in_front_of).expand(count, 3)
    return rays, over(pictures[picks, rows, columns], behind), behind


def photometric(seen: Rendering, target: Float[Tensor, "r 3"], behind: Float[Tensor, "r 3"]) -> Float[Tensor, ""]:
    """Mean squared error of rays over the background that their pixels were taken in front of."""
    return (seen.colour + (1 - seen.opacity)[:, None] * behind - target).square().mean()


def fitted_before(config: SteeredModelConfig, fit_steps: int, *, change: ChangeRecord | None) -> int:
    """Photometric steps before the first guided one; schedules of weights count from there.

    Args:
        config: The model's settings.
        fit_steps: The data manager's setting.
        change: What the model's values mean already; None before an edit has begun.
    """
    if change is not None:
        return change.begun
    return 0 if config.mode in ("create", "fit") or config.scene is not None else fit_steps


def starts_edit(config: SteeredModelConfig, fit_steps: int, *, step: int, has_base: bool) -> bool:
    """Whether pictures have been fitted and their edit begins now; `has_base` says that it had."""
    return config.mode not in ("create", "fit") and not has_base and step >= fit_steps


def fit_steps_of(attributes: TrainingCallbackAttributes) -> int:
    """The data manager's photometric steps; 0 for one of another kind."""
    # nerfstudio types its data manager as any module with a configuration of the base class.
    data: Any = getattr(attributes.pipeline, "datamanager", None)
    return getattr(getattr(data, "config", None), "fit_steps", 0)


def fit_to_the_end(attributes: TrainingCallbackAttributes) -> None:
    """Let a fit see pictures until its last step: past them, the smoothness that is left would wear it down."""
    data, _, end = span_of(attributes)
    data.fit_steps = max(data.fit_steps, end)
