"""Prompts that say from where the object is seen, so that its back does not grow a second face.

Angles are those of an orbit camera: azimuth 0 looks at the object's front, +-180 at its back, degrees; elevation 0 is
the horizon, 90 straight above, degrees.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from gencontrol.errors import ConfigError
from gencontrol.kinds import check_fields, checked
from gencontrol.sides import matched

DIRECTIONS = ("front", "side", "back", "overhead")


@dataclass(frozen=True, kw_only=True)
class ViewPrompts:
    """How a prompt is worded per direction, and where one direction ends. `{}` stands for the prompt."""

    mode: Literal["off", "discrete", "interpolated"] = "interpolated"
    """The same prompt everywhere; the nearest direction's; or a mixture of the two nearest directions' embeddings."""
    front: str = "{}, front view"
    """Wording at azimuth 0."""
    side: str = "{}, side view"
    """Wording at azimuth +-90."""
    back: str = "{}, back view"
    """Wording at azimuth +-180."""
    overhead: str = "{}, overhead view"
    """Wording from above."""
    front_within: float = 45.0
    """Degrees of azimuth on either side that still count as the front (discrete); 0 to 90."""
    back_within: float = 45.0
    """Degrees of azimuth on either side that still count as the back (discrete); 0 to 90."""
    overhead_above: float = 60.0
    """Elevation in degrees above which a view is overhead (discrete), or half overhead (interpolated); from 45, and
    below 90."""

    def __post_init__(self) -> None:
        check_fields(self)
        for name in DIRECTIONS:
            if "{}" not in getattr(self, name):
                raise ConfigError(f"View prompt {name!r} must hold {{}} for the prompt; got {getattr(self, name)!r}.")
        if not 45 <= self.overhead_above < 90:
            raise ConfigError(f"overhead_above must lie in [45, 90); got {self.overhead_above}.")
        for name in ("front_within", "back_within"):
            if not 0 <= getattr(self, name) <= 90:
                raise ConfigError(f"{name} must lie in [0, 90] degrees; got {getattr(self, name)}.")


@checked
def view_texts(prompt: str, views: ViewPrompts) -> list[str]:
    """The prompt worded for front, side, back and overhead, or just itself when the mode is off."""
    if views.mode == "off":
        return [prompt]
    # Other braces are a wording's own.
    return [getattr(views, name).replace("{}", prompt) for name in DIRECTIONS]


@matched
def view_weights(
    azimuth: Float[Tensor, " b"], elevation: Float[Tensor, " b"], views: ViewPrompts
) -> Float[Tensor, "b v"]:
    """How much each text of `view_texts` counts for each camera; rows sum to 1.

    Args:
        azimuth: Degrees, any number of turns.
        elevation: Degrees, [-90, 90].
        views: The mode and its thresholds.
    """
    if views.mode == "off":
        return torch.ones_like(azimuth)[:, None]
    turned = (azimuth.remainder(360) - 180).abs().mul(-1).add(180)  # distance from the front, 0 to 180
    if views.mode == "discrete":
        return _discrete(turned, elevation, views)
    side = 1 - (turned - 90).abs() / 90
    around = torch.stack([(1 - turned / 90).clamp(min=0), side, (turned / 90 - 1).clamp(min=0)], dim=1)
    half_width = 90 - views.overhead_above
    above = ((elevation - views.overhead_above) / (2 * half_width) + 0.5).clamp(0, 1)[:, None]
    return torch.cat([around * (1 - above), above], dim=1)


@matched
def mix_views(embeds: Float[Tensor, "v d"], weights: Float[Tensor, "b v"]) -> Float[Tensor, "b d"]:
    """Unit embeddings between the directions' unit embeddings."""
    return F.normalize(weights @ F.normalize(embeds, dim=-1), dim=-1)


def _discrete(turned: Tensor, elevation: Tensor, views: ViewPrompts) -> Float[Tensor, "b 4"]:
    index = torch.ones_like(turned, dtype=torch.long)
    index[turned <= views.front_within] = 0
    index[turned >= 180 - views.back_within] = 2
    index[elevation > views.overhead_above] = 3
    return F.one_hot(index, len(DIRECTIONS)).to(turned.dtype)
