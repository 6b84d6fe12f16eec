"""Planes to another size: floats differentiably, bytes strip by strip."""

from typing import Literal

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from gencontrol.images.picture import unit_planes

Interpolation = Literal["bicubic", "bilinear"]

# Values of a strip of bytes that are floats at one time: large enough to be quick, small beside a photograph.
_STRIP = 2**20


def resize_planes(
    planes: Float[Tensor, "n c h w"] | UInt8[Tensor, "n c h w"],
    size: tuple[int, int],
    *,
    interpolation: Interpolation = "bilinear",
    antialias: bool = True,
) -> Float[Tensor, "n c h2 w2"]:
    """Resample planes, each on its own.

    Args:
        planes: Floats, or bytes, 0 to 255. Bytes become floats strip by strip, so that a large photograph never takes
            four times its room.
        size: Wanted height and width in pixels.
        interpolation: The filter.
        antialias: Low-pass before scaling down.

    Returns:
        Floats; of bytes in [0, 1]. The bicubic filter overshoots at edges. Differentiable in floats.
    """
    if planes.shape[-2:] == size:
        return unit_planes(planes)
    if not planes.dtype.is_floating_point:
        planes = _resize_bytes(planes, size, interpolation, antialias)
        return resize_planes(planes, size, interpolation=interpolation, antialias=antialias)
    if planes.shape[-1] == size[1] == 1 and antialias:
        # torch 2.14 reads beyond a column one pixel wide; of a row it makes no such mistake.
        return resize_planes(planes.mT, (size[1], size[0]), interpolation=interpolation, antialias=antialias).mT
    return functional.interpolate(planes, size=size, mode=interpolation, antialias=antialias, align_corners=False)


def _resize_bytes(
    planes: UInt8[Tensor, "n c h w"], size: tuple[int, int], interpolation: Interpolation, antialias: bool
) -> Float[Tensor, "n c h2 w2"]:
    """Bytes to floats, resized along one axis. Filters are separable: strips along that axis stand each for itself."""
    wide = planes.shape[3] != size[1]
    axis, across = (3, 2) if wide else (2, 3)
    # One buffer for all strips: memory that is asked for anew costs more time than the arithmetic.
    shape = list(planes.shape)
    shape[across] = min(shape[across], max(1, _STRIP // (shape[0] * shape[1] * shape[axis])))
    buffer = torch.empty(shape, device=planes.device)
    strips = []
    for strip in planes.split(shape[across], dim=across):
        levels = buffer.narrow(across, 0, strip.shape[across]).copy_(strip)
        part = (strip.shape[2], size[1]) if wide else (size[0], strip.shape[3])
        strips.append(resize_planes(levels, part, interpolation=interpolation, antialias=antialias))
    return torch.cat(strips, dim=across).div_(255)
