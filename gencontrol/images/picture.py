"""What a picture is here: colour and alpha as separate planes, never premultiplied; floats in [0, 1] to its users."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Shaped, UInt8
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.images.bounds import bounded
from gencontrol.kinds import checked

Colours = Float[Tensor, "b 3 h w"] | UInt8[Tensor, "b 3 h w"]
"""A batch of pictures' sRGB values: floats in [0, 1], or bytes."""

# Resampling and rounding leave values a little outside [0, 1]; these are clamped, anything further off is an error.
_RANGE_SLACK = 1e-3


class PictureWarning(UserWarning):
    """A file of which not all is read; the message says what."""


@dataclass(frozen=True, kw_only=True, init=False, repr=False)
class Picture:
    """One picture, its colours as stored: straight, so that colour under a transparent pixel is kept.

    What was read as bytes stays bytes, a quarter of the room that floats take: `rgb` and `alpha` make floats when they
    are asked for. What works on large photographs takes the stored planes, which `fit_planes` casts strip by strip.
    """

    stored_rgb: Float[Tensor, "3 h w"] | UInt8[Tensor, "3 h w"]
    """sRGB values: floats in [0, 1], or bytes."""
    stored_alpha: Float[Tensor, "h w"] | UInt8[Tensor, "h w"] | None
    """Opacity: floats in [0, 1], or bytes; None when the source has none."""

    @checked
    def __init__(
        self,
        *,
        rgb: Float[Tensor, "3 h w"] | UInt8[Tensor, "3 h w"],
        alpha: Float[Tensor, "h w"] | UInt8[Tensor, "h w"] | None = None,
    ):
        """Make a picture of planes.

        Args:
            rgb: sRGB values: floats in [0, 1], or bytes.
            alpha: Opacity: floats in [0, 1], or bytes; None when there is none.
        """
        object.__setattr__(self, "stored_rgb", rgb)
        object.__setattr__(self, "stored_alpha", alpha)

    def __repr__(self) -> str:
        height, width = self.size
        alpha = "" if self.stored_alpha is None else ", with alpha"
        return f"Picture({width} x {height}, {self.stored_rgb.dtype}{alpha})"

    @property
    def rgb(self) -> Float[Tensor, "3 h w"]:
        """sRGB values in [0, 1]."""
        return unit_planes(self.stored_rgb)

    @property
    def alpha(self) -> Float[Tensor, "h w"] | None:
        """Opacity in [0, 1]; None when the source has none."""
        return None if self.stored_alpha is None else unit_planes(self.stored_alpha)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.stored_rgb.shape[-2], self.stored_rgb.shape[-1]


def unit_planes(planes: Float[Tensor, "*s"] | UInt8[Tensor, "*s"]) -> Float[Tensor, "*s"]:
    """Floats as they are; bytes, 0 to 255, as float32 in [0, 1]."""
    return planes if planes.dtype.is_floating_point else planes.float().div_(255)


@checked
def check_held(values: Shaped[Tensor, "..."], *, name: str) -> None:
    """Refuse tensors whose values cannot be read one by one: on the meta device, sparse, quantised, nested, complex.

    Raises:
        InputError: Says how to make them plain.
    """
    if values.is_meta:
        raise InputError(f"{name} is on the meta device, where tensors have no values: give one that holds some.")
    if values.is_quantized:
        raise InputError(f"{name} is quantised ({values.dtype}); expected plain numbers: `.dequantize()` gives them.")
    if values.is_nested or values.layout is not torch.strided:
        layout = "nested" if values.is_nested else str(values.layout).removeprefix("torch.")
        plain = "one tensor for each picture" if values.is_nested else "`.to_dense()`"
        raise InputError(f"{name} has the layout {layout}; expected a dense tensor: give {plain}.")
    if values.is_complex():
        raise InputError(f"{name} holds complex numbers; expected real ones: `.real` or `.abs()` gives them.")


@checked
def check_unit_range(values: Float[Tensor, "*s"], *, name: str) -> Float[Tensor, "*s"]:
    """The values clamped to [0, 1], after a check that they are finite and there but for rounding.

    Raises:
        InputError: NaN or infinity, or values outside [0, 1]; or see `check_held`.
    """
    check_held(values, name=name)
    if not values.numel():
        raise InputError(f"{name} has no pixels: its shape is {tuple(values.shape)}.")
    low, high = (v.item() for v in torch.aminmax(values.detach()))
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError(f"{name} holds NaN or infinite values; expected finite values in [0, 1].")
    if low < -_RANGE_SLACK or high > 1 + _RANGE_SLACK:
        hint = "divide by 255, or pass 8-bit integers" if low >= 0 else "scale it to that range"
        raise InputError(f"{name}: expected values in [0, 1], got {low:.4g} to {high:.4g}; {hint}.")
    # As a rule there is nothing to clamp, and a copy of a large plane to save.
    return values if low >= 0 and high <= 1 else bounded(values)


def byte_planes(planes: Float[Tensor, "*c h w"] | UInt8[Tensor, "*c h w"]) -> UInt8[Tensor, "*c h w"]:
    """Planes as bytes: floats are cut to [0, 1] and rounded, and bytes are the same tensor."""
    if not planes.dtype.is_floating_point:
        return planes
    return (planes.detach().float().clamp(0, 1) * 255).round().to(torch.uint8)
