"""What a picture is here: colour and alpha as separate float planes in [0, 1], never premultiplied."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.errors import InputError

# Resampling and rounding leave values a little outside [0, 1]; these are clamped, anything further off is an error.
_RANGE_SLACK = 1e-3


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture, its colours as stored: straight, so that colour under a transparent pixel is kept."""

    rgb: Float[Tensor, "3 h w"]
    """sRGB values in [0, 1]."""
    alpha: Float[Tensor, "h w"] | None = None
    """Opacity in [0, 1]; None when the source has none."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.rgb.shape[-2], self.rgb.shape[-1]


def check_unit_range(values: Float[Tensor, "..."], *, name: str) -> Float[Tensor, "..."]:
    """The values clamped to [0, 1], after a check that they are finite and there but for rounding.

    Raises:
        InputError: NaN or infinity, or values outside [0, 1].
    """
    if not values.numel():
        raise InputError(f"{name} has no pixels: its shape is {tuple(values.shape)}.")
    low, high = (v.item() for v in torch.aminmax(values.detach()))
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError(f"{name} holds NaN or infinite values; expected finite values in [0, 1].")
    if low < -_RANGE_SLACK or high > 1 + _RANGE_SLACK:
        hint = "divide by 255, or pass 8-bit integers" if low >= 0 else "scale it to that range"
        raise InputError(f"{name}: expected values in [0, 1], got {low:.4g} to {high:.4g}; {hint}.")
    return values.clamp(0, 1)
